"""Assembly of an experiment, the same for the command line, the Prefect flows and any other door.

What is given on the call beats the configuration, and the configuration beats the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradesieve.features.user_modules import load_user_modules
from tradesieve.market.calendars.sessions import session_word
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.instruments import PLAUSIBLE, instrument_from, refuse_percentage
from tradesieve.market.symbols import normalise_symbol
from tradesieve.models.protocol.plan import Plan
from tradesieve.pipelines.experiment import Experiment, experiment_from
from tradesieve.pipelines.experiment_files import read_experiment_keys
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.strategy_files import names_file, with_loaded_modules
from tradesieve.pipelines.trade_sets import TradeSet
from tradesieve.strategies.parameter_text import split_top_level
from tradesieve.strategies.registry import ALL, count_strategies, has_explicit_parameters, with_rules_of

_LISTS = ("symbols", "timeframes", "strategies", "features", "modules", "applications")
_PLAN_KEYS = ("aim", "label", "fitness", "applications", "engines", "seed", "budget")
_OF_A_SET = ("trades", "symbols", "timeframes", "strategies")
"""Keys that a trade set determines, see `_of_trade_set`."""
_SIMULATION_KEYS = ("wait_for_trades", "settle_with", "num_strategies", "sampling")
_COST_KEYS = ("maker", "taker", "commission", "spread", "slippage", "funding", "borrow")


def assemble_experiment(
    settings: Settings,
    *,
    config: Path | Mapping[str, Any] | None = None,
    max_instances: int | None = None,
    **given: Any,
) -> Experiment:
    """Assemble an experiment from a configuration and the values given on the call.

    1. Read the configuration and validate it on its own; without one, start from the defaults.
    2. Replace what is given on the call.
    3. Put the costs and the terms of fills given on the call on every symbol.
    4. Limit the number of strategies to what `max_instances` allows.
    5. Validate the whole.

    Parameters
    ----------
    config : a YAML file, or a mapping, with the keys of `Experiment`.
    max_instances : upper limit of strategy x symbol x timeframe: of the chosen strategies, those that fit are taken,
        one of each rule in turn.
    given : values by key of `Experiment`, or of its plan (``aim``, ``label``, ``fitness``, ``applications``,
        ``engines``, ``seed``, ``budget``), or ``candidates``, the number that each engine tries. None means not given.
        A list may be text separated by commas. Symbols are normalised. ``strategies="all"`` takes every strategy of
        every rule, and strategies whose parameters are all written out are all taken, unless `num_strategies` is given.
        Costs are fractions of the price: ``maker`` and ``taker``, or ``commission`` for both, the whole ``spread``, and
        ``slippage``; ``funding`` and ``borrow``, fractions of the entry notional that longs and shorts pay per 24 hours
        held. ``wait_for_trades`` leaves orders unfilled in bars in which nothing traded.

    Raises
    ------
    BadInput, Unknown : if a value is wrong, or no symbol is named and no bars are stored.

    Notes
    -----
    Where neither the call nor the configuration names symbols, every stored symbol is taken. With ``trades``, the name
    of an imported set, its symbols, timeframes and strategies are taken, or those of them that are named.
    """
    given = {name: _parsed(name, value) for name, value in given.items() if value is not None}
    values = _configured(config, given, settings)
    plan = values.setdefault("plan", {})
    if "candidates" in given:
        given["engines"] = dict.fromkeys(plan.get("engines", Plan().engines), given.pop("candidates"))
    strategies = given.get("strategies")
    if values.get("trades") is not None:
        _refuse_simulation(values["trades"], given, max_instances)
    elif strategies and (ALL in strategies or all(map(_is_whole, strategies))):
        given.setdefault("num_strategies", None)
    own_terms: dict[str, Any] = _given_costs({name: given.pop(name) for name in _COST_KEYS if name in given})
    if "wait_for_trades" in given:
        own_terms["fill_without_trades"] = not given.pop("wait_for_trades")
    if values.get("trades") is not None:
        given = {name: value for name, value in given.items() if name not in _OF_A_SET}
    for name, value in given.items():
        (plan if name in _PLAN_KEYS else values)[name] = value
    if own_terms:
        terms = values.get("instruments", {})
        symbols = [*values["symbols"], *terms]
        values["instruments"] = {symbol: {**terms.get(symbol, {}), **own_terms} for symbol in symbols}
    if max_instances is not None:
        values = with_loaded_modules(values)
        values["num_strategies"] = _fitting_strategies(max_instances, values)
    return experiment_from(values)


def load_named_modules(given: Mapping[str, Any]) -> None:
    """Load the modules of the values given on a call, or of its configuration, before a strategy is parsed by itself.

    Raises
    ------
    BadInput : as `features.user_modules.load_user_modules`.
    """
    config, modules = given.get("config"), given.get("modules")
    if modules is None and config is not None:
        modules = read_experiment_keys(config).get("modules")
    load_user_modules(_parsed("modules", modules or ()))


def _is_whole(strategy: str) -> bool:
    """Tell whether a text gives all parameters of its rule, or stands for all rules of a file."""
    return names_file(strategy) or has_explicit_parameters(strategy)


def split_commas(text: str | None) -> list[str]:
    """Split text at its commas, except inside parentheses, where they separate a strategy's parameters."""
    return [part for part in split_top_level(text or "", ",") if part]


def _parsed(name: str, value: Any) -> Any:
    if name == "label" and isinstance(value, str):
        labels = split_commas(value)
        return labels if len(labels) > 1 else value
    if name not in _LISTS:
        return value
    if isinstance(value, str):
        value = split_commas(value)
    if not (isinstance(value, Sequence) and all(isinstance(item, str) for item in value)):
        raise BadInput(f"{name}: should be a list, got {value!r}")
    return [normalise_symbol(item) if name == "symbols" else item for item in value]


def _given_costs(costs: Mapping[str, float]) -> dict[str, float]:
    """Return the costs given on the call as terms of an instrument."""
    names = {
        "maker": "maker_fee", "taker": "taker_fee", "slippage": "slippage", "funding": "long_carry",
        "borrow": "short_carry",
    }  # fmt: skip
    for name, rate in costs.items():
        # A fee, spread or slippage of 2 % is too high whichever it is; carry has a limit of its own.
        limit = PLAUSIBLE[names[name]] if name in ("funding", "borrow") else PLAUSIBLE["taker_fee"]
        refuse_percentage(f"--{name}", rate, limit)
    if "commission" in costs and not costs.keys().isdisjoint(("maker", "taker")):
        raise BadInput("--commission is the fee of every order: give either it, or --maker and --taker")
    terms = {}
    if "commission" in costs:
        terms = {"maker_fee": costs["commission"], "taker_fee": costs["commission"]}
    terms |= {term: costs[name] for name, term in names.items() if name in costs}
    return terms | ({"half_spread": costs["spread"] / 2} if "spread" in costs else {})


def _configured(
    config: Path | Mapping[str, Any] | None, given: Mapping[str, Any], settings: Settings
) -> dict[str, Any]:
    """Return the configuration as plain values; it may leave the symbols to the call, or to the store."""
    values = read_experiment_keys(config) if isinstance(config, Path) else dict(config or {})
    has_keys = bool(values)
    if given.get("trades", values.get("trades")) is not None:
        values |= _of_trade_set(settings.trade_sets.load(given.get("trades", values.get("trades"))), values, given)
    elif "strategies" not in given:
        values = with_loaded_modules(values)  # files stand for all of their rules
    if "symbols" not in values:
        values["symbols"] = given["symbols"] if "symbols" in given else _stored_symbols(settings)
    if not has_keys:
        return values
    validated = experiment_from(values).as_dict()
    if "num_strategies" not in values:
        del validated["num_strategies"]  # its default depends on the strategies, which the call may replace
    return validated


def _of_trade_set(stored: TradeSet, values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that a trade set determines: what is chosen of its symbols, timeframes and strategies."""
    instances = stored.parsed_instances()
    chosen: dict[str, Any] = {"trades": stored.name, "num_strategies": None}
    for key, part in (("symbols", "symbol"), ("timeframes", "timeframe"), ("strategies", "strategy")):
        held = list(dict.fromkeys(getattr(each, part) for each in instances))
        wanted = [name for name in given.get(key, values.get(key)) or held if name != ALL] or held
        for name in wanted:
            if name not in held:
                raise Unknown(f"{part} of the trade set {stored.name}:", name, held)
        chosen[key] = [name for name in held if name in wanted]
    return chosen


def _refuse_simulation(trades: str, given: Mapping[str, Any], max_instances: int | None) -> None:
    """Refuse options of a simulation where trades are imported."""
    options = [f"--{name.replace('_', '-')}" for name in (*_COST_KEYS, *_SIMULATION_KEYS) if name in given]
    if options or max_instances is not None:
        raise BadInput(
            f"{options[0] if options else '--max'} has no effect on the trades of {trades}, which are imported with "
            "their costs and not simulated: leave it out"
        )


def _stored_symbols(settings: Settings) -> list[str]:
    symbols = dict.fromkeys(symbol for symbol, _ in settings.bars.list())
    if not symbols:
        raise BadInput(
            f"no bars are stored in {settings.bars.folder}: import some with `tradesieve data import FILE --symbol S "
            "--timeframe T`, or set TRADESIEVE_HOME to the folder that holds them"
        )
    return list(symbols)


def _fitting_strategies(max_instances: int, values: Mapping[str, Any]) -> int:
    """Count the chosen strategies that fit into a number of instances."""
    n_pairs = len(values["symbols"]) * len(values.get("timeframes", Experiment.timeframes))
    if max_instances < n_pairs:
        raise BadInput(
            f"--max is {max_instances}, but must be at least {n_pairs}: one strategy on every symbol and timeframe"
        )
    strategies, n_fitting = values.get("strategies", ()), max_instances // max(1, n_pairs)
    count = values.get("num_strategies", None if ALL in strategies else Experiment.num_strategies)
    if count is not None:
        return min(count, n_fitting)
    terms = values.get("instruments", {})
    sessions = {session_word(instrument_from(symbol, terms.get(symbol, {})).calendar) for symbol in values["symbols"]}
    texts = with_rules_of(load_user_modules(values.get("modules", ())), strategies)
    return min(count_strategies(texts, at_most=n_fitting, session=session) for session in sessions)
