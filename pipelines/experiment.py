"""The experiment: one frozen value that defines a run completely, and hashes to its identity."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from tradesieve.features.factor import UserModule
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.feature_sets import expand, stands_for_symbols
from tradesieve.features.user_definitions import check_defined_in
from tradesieve.features.user_modules import load_user_modules
from tradesieve.market.calendars.sessions import session_word
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.instruments import Instrument, instrument_from, refuse_percentages
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.scopes.registry import scope_features
from tradesieve.pipelines.strategy_files import with_loaded_modules
from tradesieve.strategies.imports.named_strategy import NamedStrategy
from tradesieve.strategies.parameter_text import parse_name, split_top_level
from tradesieve.strategies.registry import ALL, choose_strategies, with_rules_of
from tradesieve.strategies.strategy import Strategy

_ISO_TIME = re.compile(r"\d{4}(-?\d{2}(-?\d{2}([T ].+)?)?)?$")
_ADDED_LATER: dict[str, Any] = {
    "sampling": "grid", "settle_with": None, "feature_sets": {}, "modules": [], "trades": None,
}  # fmt: skip
"""Keys with defaults that the hash leaves out, so that an experiment keeps the hash it had before they existed."""
_ADDED_LATER_TO_PLAN: dict[str, Any] = {
    "factor_sets": [], "selections": [], "weights": "uniform", "calibration": "none", "budget": "", "path_groups": 0,
    "scope": "pooled", "halving": 0,
}  # fmt: skip
"""The same for keys of the plan."""
_FEATURES = "features"
"""What `plan.factor_sets` calls the features of the experiment."""


@dataclass(frozen=True)
class Experiment:
    """What to run: data, strategies, features, and the plan of the search.

    Parameters
    ----------
    symbols : such as ``BTC-USD``; every strategy runs on each of them.
    timeframes : such as ``5m``, ``1h``, ``1d`` or ``1w``; every strategy runs at each of them.
    strategies : rules (their default grids) or whole strategies with parameters and modifiers, each parameter with one
        value or several, see `strategies.registry`; empty or ``all`` means every rule, also of `modules`. The file of a
        module, such as ``my_rules.py``, stands for all of its rules, see `experiment_from`.
    num_strategies : how many of them, one of each rule in turn; None takes all. Where it is not given, five are taken,
        or all if `strategies` names ``all`` or nothing but files, see `experiment_from`.
    sampling : how they are chosen: ``grid`` in the order of the grids, ``random`` drawn from them by the plan's seed.
    start, end : ISO 8601; only bars after `start` and up to `end` are used. None leaves that side open.
    instruments : terms by symbol, see `market.instruments`; what is not set has the default costs of the ``kind``, see
        `market.default_costs`, and without a kind those of a perpetual.
    settle_with : a shorter timeframe, such as 1m, whose stored bars settle what came first within a bar, see
        `market.execution.fill_rule`; None: a bar that touches stop and target is a loss. It has no effect on timeframes
        that are not longer.
    trades : the name of a set of imported trades, see `pipelines.trade_sets`; None: `strategies` are rules, which are
        simulated. With a set, `strategies` are names of its strategies, all of them are taken, and `symbols` and
        `timeframes` are of it too.
    modules : Python files with the user's own factors, rules and fitness, by path from the current folder
        (``my_factors.py``) or by import name, see `features.user_modules`; a file comes after those that it imports.
    features : the name of a set, or a list of features, sets and patterns, see `features.feature_sets.expand`. A set or
        pattern of ``each`` symbol stands for those of the experiment; with a single one it has no features.
        Where bars have no volume, sets and patterns are computed without the features that read it, and one that is
        named by itself is refused, see `pipelines.steps.chunk_features`.
    feature_sets : the user's own sets by name, lists of the same kinds, for `features` and `plan.factor_sets` to name.
    plan : how the dataset is searched and judged, see `models.protocol.plan.Plan`.
    """

    symbols: tuple[str, ...]
    timeframes: tuple[str, ...] = ("5m",)
    strategies: tuple[str, ...] = ()
    num_strategies: int | None = 5
    sampling: str = "grid"
    start: str | None = None
    end: str | None = None
    instruments: Mapping[str, Mapping[str, bool | float | str]] = field(default_factory=dict)
    settle_with: str | None = None
    trades: str | None = None
    modules: tuple[str, ...] = ()
    features: str | tuple[str, ...] = ("aligned", "other_symbols")
    feature_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)

    def __post_init__(self) -> None:
        if not self.symbols:
            raise BadInput("an experiment needs at least one symbol")
        for symbol in self.symbols:
            if normalise_symbol(symbol) != symbol:
                raise BadInput(f"symbol {symbol!r} is written {normalise_symbol(symbol)} here")
        if not self.timeframes:
            raise BadInput("an experiment needs at least one timeframe")
        # 60m and 1h are one timeframe.
        for name, values in (("symbols", self.symbols), ("timeframes", self.parsed_timeframes())):
            if len(set(values)) != len(values):
                raise BadInput(f"{name} are {', '.join(getattr(self, name))}: one of them is named twice")
        modules = self.user_modules()
        for fitness in (self.plan.fitness, self.plan.selection):
            check_defined_in(modules, "fitness", fitness)
        for label in self.plan.labels:
            check_defined_in(modules, "label", label)
        for text in self.strategies:
            check_defined_in(modules, "rule", parse_name(split_top_level(text, "+")[0]))
        self.feature_names()
        self._check_factor_sets()
        self.period()
        self._check_settling()
        self._check_trades()
        for symbol in self.instruments:
            if symbol not in self.symbols:
                raise Unknown("symbol in instruments:", symbol, self.symbols)
            self.instrument(symbol)
        for symbol in self.symbols_by_session().values():
            self.chosen_strategies(symbol)

    def chosen_strategies(self, symbol: str | None = None) -> tuple[Strategy, ...]:
        """Return the strategies of a symbol, by default of the first: rules that depend on sessions hold its own."""
        if self.trades is not None:
            return tuple(NamedStrategy(name) for name in self.strategies)
        return choose_strategies(
            self.num_strategies,
            rules=self.strategy_texts(),
            sampling=self.sampling,
            seed=self.plan.seed,
            session=self.session(symbol or self.symbols[0]),
        )

    def strategy_texts(self) -> tuple[str, ...]:
        """Return the texts to choose strategies from: every rule includes those of the modules."""
        return with_rules_of(self.user_modules(), self.strategies)

    def session(self, symbol: str) -> str:
        """Return the sessions of a symbol's calendar, see `market.calendars.sessions.session_word`."""
        return session_word(self.instrument(symbol).calendar)

    def symbols_by_session(self) -> dict[str, str]:
        """Return the first symbol of each kind of sessions."""
        return {self.session(symbol): symbol for symbol in reversed(self.symbols)}

    def parsed_timeframes(self) -> tuple[Timeframe, ...]:
        """Return the timeframes."""
        return tuple(parse_timeframe(text) for text in self.timeframes)

    def settling_timeframe(self) -> Timeframe | None:
        """Return the timeframe whose bars settle what came first within a bar, or None."""
        return None if self.settle_with is None else parse_timeframe(self.settle_with)

    def _check_settling(self) -> None:
        finer = self.settling_timeframe()
        if finer is None:
            return
        longer = [timeframe for timeframe in self.parsed_timeframes() if timeframe > finer]
        if not longer:
            raise BadInput(
                f"settle_with is {finer}, but no timeframe is longer: name one that is shorter than the bars"
            )
        for timeframe in longer:
            if timeframe.calendar == "month":
                raise BadInput(
                    f"settle_with is {finer}, but {timeframe} bars are not all made up of as many {finer} bars"
                )
            if not finer.divides(timeframe):
                raise BadInput(f"settle_with is {finer}, but {timeframe} bars are not made up of {finer} bars")

    def _check_trades(self) -> None:
        if self.trades is None:
            return
        if not self.strategies:
            raise BadInput(f"trades is {self.trades}, but strategies is empty: name strategies of the set")
        for name, value, default in (
            ("num_strategies", self.num_strategies, None),
            ("settle_with", self.settle_with, None),
        ):
            if value != default:
                raise BadInput(f"{name} is {value}, but the trades of {self.trades} are not simulated: leave it out")

    def feature_names(self) -> tuple[str, ...]:
        """Return the names of the features, those of all factor sets of the plan.

        Each parses, and its lookback is defined at each timeframe. Last come those that only scopes read.
        """
        given = self._given_features()
        names = expand(given, self.feature_sets, symbols=self.symbols)
        if not names and given:
            raise BadInput(
                f"features are {', '.join(given)}, but {self.symbols[0]} has no symbol beside it: add others"
            )
        if not names or len(set(given)) != len(given):
            raise BadInput("features are empty, or one of them is named twice")
        names += tuple(name for name in scope_features(self.plan.scopes) if name not in names)
        for name in names:
            feature = parse_feature(name)
            for timeframe in self.parsed_timeframes():
                feature.lookback(timeframe)
        return names

    def scope_columns(self) -> tuple[str, ...]:
        """Return those of the features that only scopes read."""
        own = expand(self._given_features(), self.feature_sets, symbols=self.symbols)
        return tuple(name for name in scope_features(self.plan.scopes) if name not in own)

    def reads_each_symbol(self) -> bool:
        """Tell whether a set or pattern of the features stands for the symbols of the experiment."""
        return stands_for_symbols(self._given_features(), self.feature_sets)

    def _check_factor_sets(self) -> None:
        for name, own in self.factor_sets().items():
            if "__" in name:
                raise BadInput(f"factor_sets: {name} is a feature: give it a name in feature_sets, and name that")
            if not own:
                raise BadInput(f"factor_sets: {name} has no feature, because {self.symbols[0]} has no symbol beside it")

    def factor_sets(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the features of each factor set of the plan."""
        return {
            name: expand(self._features_of(name), self.feature_sets, symbols=self.symbols)
            for name in self.plan.factor_sets
        }

    def _given_features(self) -> tuple[str, ...]:
        sets = self.plan.factor_sets or (_FEATURES,)
        given = [item for name in sets for item in self._features_of(name)]
        return tuple(dict.fromkeys(given)) if len(sets) > 1 else tuple(given)

    def _features_of(self, factor_set: str) -> tuple[str, ...]:
        if factor_set != _FEATURES:
            return (factor_set,)
        return (self.features,) if isinstance(self.features, str) else self.features

    def user_modules(self) -> tuple[UserModule, ...]:
        """Load the modules, which registers what they define."""
        return load_user_modules(self.modules)

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol."""
        terms = self.instruments.get(symbol, {})
        instrument = instrument_from(symbol, terms)
        refuse_percentages(symbol, terms)
        return instrument

    def all_instruments(self) -> list[Instrument]:
        """Return the instrument of each symbol, in their order."""
        return [self.instrument(symbol) for symbol in self.symbols]

    def period(self) -> tuple[int | None, int | None]:
        """Return start and end as int64 ns UTC, None where a side is open."""
        start, end = parse_time("start", self.start), parse_time("end", self.end)
        if start is not None and end is not None and start >= end:
            raise BadInput(f"start {self.start} is not before end {self.end}")
        return start, end

    def restricted_to(self, symbol: str, timeframe: str) -> Experiment:
        """Return the part on one symbol and one timeframe; it makes the same trades, under the same cache keys."""
        settling = self.settling_timeframe()
        return replace(
            self,
            features=self.feature_names(),
            plan=replace(self.plan, factor_sets=()),
            symbols=(symbol,),
            timeframes=(timeframe,),
            instruments={name: terms for name, terms in self.instruments.items() if name == symbol},
            settle_with=self.settle_with if settling and settling < parse_timeframe(timeframe) else None,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as YAML and JSON write them."""
        return json.loads(json.dumps(asdict(self)))

    @property
    def hash(self) -> str:
        """The identity: equal experiments have equal hashes in any process."""
        values = _without_defaults(self.as_dict(), _ADDED_LATER)
        values["plan"] = _without_defaults(values["plan"], _ADDED_LATER_TO_PLAN)
        return hashlib.sha256(json.dumps(_canonical(values), sort_keys=True).encode()).hexdigest()[:12]

    def to_yaml(self) -> str:
        """Return YAML that `experiment_from_yaml` reads as an equal value."""
        return yaml.safe_dump(self.as_dict(), sort_keys=False)


def parse_time(name: str, text: str | None) -> int | None:
    """Read an ISO 8601 time, UTC without an offset, as int64 ns UTC.

    Raises
    ------
    BadInput : if it is not such a time; names `name` and the text.
    """
    if text is None:
        return None
    import pandas as pd

    try:
        if not _ISO_TIME.match(text):
            # Such as "now" or "08:00", whose meaning changes from day to day.
            raise ValueError("no year")
        time = pd.Timestamp(text)
        time = time.tz_localize("UTC") if time.tzinfo is None else time
        return int(time.as_unit("ns").value)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput(
            f"{name} is {text!r}, which is not a valid time: write 2024-01-31 or 2024-01-31T08:00"
        ) from error


def experiment_from(values: Mapping[str, Any]) -> Experiment:
    """Make an experiment from plain values.

    Raises
    ------
    Unknown : if a key does not exist, at any depth; suggests the nearest one.
    BadInput : if a value is of the wrong kind or out of range; names its key.
    """
    _refuse_unknown_keys(Experiment, values, "the experiment")
    values = with_loaded_modules(values)
    try:
        return TypeAdapter(Experiment).validate_python(_with_all_strategies(_with_text_dates(values)))
    except ValidationError as error:
        raise _bad_input(error) from error


_UNION_BRANCH = re.compile(r"(str|float|int)$|(tuple|dict|function)[-\[]")
"""How pydantic names the alternatives of a union in an error's location; users only know their own keys."""
_FAULTS = {"dataclass_type": "should be a mapping of its keys", "tuple_type": "should be a list"}


def _bad_input(error: ValidationError) -> BadInput:
    """Return what pydantic found as one line that names the key and its value."""
    first = error.errors()[-1]  # the last alternative of a union accepts the most
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, BadInput):
        return cause
    key = ".".join(str(part) for part in first["loc"] if not _UNION_BRANCH.match(str(part)))
    fault = _FAULTS.get(first["type"], first["msg"].lower().removeprefix("input "))
    got = "" if first["type"] == "missing" else f", got {first.get('input')!r}"
    return BadInput(f"{key or 'the experiment'}: {fault}{got}")


def _with_text_dates(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write dates as text: YAML reads 2024-01-31 without quotes as a date."""
    return {
        key: value.isoformat() if isinstance(value, datetime.date) and key in ("start", "end") else value
        for key, value in values.items()
    }


def _with_all_strategies(values: dict[str, Any]) -> dict[str, Any]:
    """Read ``all`` as a list, and as all of the strategies unless their number is given."""
    strategies = [ALL] if values.get("strategies") == ALL else values.get("strategies")
    if not isinstance(strategies, list | tuple) or ALL not in strategies:
        return values
    return {"num_strategies": None} | values | {"strategies": strategies}


def _without_defaults(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}


def _canonical(value: Any) -> Any:
    """Write equal numbers alike, so that an embargo of 1 and of 1.0 have one hash."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _refuse_unknown_keys(kind: Any, values: Mapping[str, Any], place: str) -> None:
    types = get_type_hints(kind)
    names = {item.name for item in fields(kind)}
    for key, value in values.items():
        if key not in names:
            raise Unknown(f"key in {place}:", key, names)
        if is_dataclass(types[key]) and isinstance(value, Mapping):
            _refuse_unknown_keys(types[key], value, key)
