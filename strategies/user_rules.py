"""Rules of your own: a plain function with a decorator, in a module that an experiment names.

    from tradesieve import rule

    @rule(lookback=lambda window: window + 2, grid={"window": (20, 55, 100)})
    def new_high(bars, window=20):
        \"\"\"Follow the first close above the highest high of the bars before it.\"\"\"
        highest = np.full(len(bars), np.inf)
        highest[window:] = sliding_window_view(bars.high, window).max(axis=1)[:-1]
        above = bars.close > highest
        above[1:] &= ~above[:-1]
        return {"side": above, "stop": bars.close * 0.99}

defines the strategy ``new_high(window=20)``; in a command, ``--modules my_rules.py --strategies new_high`` or
``--strategies my_rules.py`` finds it. The function gets all bars at once and says of each whether it enters at its
close. How a trade is left, paused and sized is up to modifiers, as in ``new_high+opposite_exit+time_exit(bars=96)``.

A function of all bars can look ahead. So `strategies.invariants.find_violation` runs it on other futures before its
first trade is simulated, and names the first time at which its signals would be others.

Without code, a file in YAML defines rules, see `strategies.rule_files`.

What a function cannot say, a class can: a frozen dataclass derived from `strategies.strategy.Strategy`, with ``@rule``
before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, make_dataclass
from typing import Any, ClassVar

import numpy as np

from tradesieve.features.user_definitions import DEFINITIONS, define
from tradesieve.features.user_factors import Window
from tradesieve.features.user_functions import (
    Function,
    Lookback,
    guarded,
    is_number,
    lookback_of,
    parameters_of,
    place_of,
)
from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy

KIND = "rule"
"""The kind of `features.user_definitions` that rules are."""

READS = ("bars", "frame")
"""What a function reads: the bars as arrays, or as a pandas frame."""

_COUNTS = ("max_hold", "leave_at", "exit_wait", "expiry")
_PARTIALS = ("partial_target", "partial_share")
_RETURNED = tuple(field.name for field in fields(Signals) if field.name != "decision_time")


@dataclass(frozen=True)
class _Definition:
    """What the decorator was given."""

    function: Function
    of: str
    count_bars: Any
    windowed: bool


class FunctionRule(Strategy):
    """A rule whose signals a user's function decides; `rule` makes a subclass with the function's parameters."""

    definition: ClassVar[_Definition]

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars that the decorator declares."""
        return self.definition.count_bars(self._values, timeframe)

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; each from its own window if the rule is windowed."""
        signals = self._decide(bars)
        if not self.definition.windowed or len(signals) == 0:
            return signals
        lookback, alone = self.lookback(bars.timeframe), []
        for stop in np.searchsorted(bars.close_time, signals.decision_time, side="right"):
            decided = self._decide(bars[max(0, stop - lookback) : stop])
            row = decided.at(int(bars.close_time[stop - 1]))
            if row is not None:
                alone.append([getattr(decided, field.name)[row : row + 1] for field in fields(Signals)])
        return Signals(*(np.concatenate(columns) for columns in zip(*alone, strict=True))) if alone else _none(signals)

    @property
    def _values(self) -> dict[str, int | float]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def _decide(self, bars: Bars) -> Signals:
        function, of = self.definition.function, self.definition.of

        def run() -> Signals:
            read = Window(*(getattr(bars, name) for name in COLUMNS)).frame() if of == "frame" else bars
            return signals_from(function(read, **self._values), bars)

        try:
            return guarded(function, bars.close_time, run)
        except _WrongOutput as error:
            raise BadInput(f"{place_of(function)}: {function.__name__} returned {error}") from error


class _WrongOutput(BadInput):
    """What a function returned is not a signal for each bar."""


def rule(
    function: Any = None,
    *,
    lookback: Lookback | None = None,
    grid: Mapping[str, Sequence[float]] | None = None,
    of: str = "bars",
    windowed: bool = False,
    modifiers: Sequence[str] = (),
) -> Any:
    """Register a function, or a class, as a rule.

    Parameters
    ----------
    lookback : how many bars decide one signal, the deciding one included: a number, the name of a parameter, or a
        function of the parameters that it names, and of ``timeframe``. A function needs it; live, it gets these bars
        alone.
    grid : values to try, by parameter; the others keep their defaults.
    of : what the function reads before its parameters. ``bars``: `market.bars.Bars`, whose columns are arrays that
        cannot be written to. ``frame``: a pandas frame with the columns open, high, low, close and volume, indexed by
        close time in UTC.
    windowed : decide each signal again from its last `lookback` bars alone. A running mean of pandas differs in its
        last digits with the bar that it starts at; a stop computed from one is the same live only so. Takes a call for
        each signal.
    modifiers : how its trades are left, paused and sized where it is named without parentheses, as in
        ``("opposite_exit", "time_exit(bars=96)")``.

    Notes
    -----
    The function returns the side for each bar: 1 or True to enter long at its close, -1 short, 0 or False not at all.
    With stops, targets or other terms it returns a mapping or a frame of columns of `strategies.signals.Signals`, by
    name, ``side`` among them; each has a value for each bar, or one for all. Parameters are numbers with defaults:
    a whole default takes whole numbers only.

    Raises
    ------
    Unknown : if `of` is none of these, or the grid has a parameter that the function does not have.
    BadInput : if the name is taken, or the function or class is not fit to be a rule; names the file.
    """
    if of not in READS:
        raise Unknown("input of @rule:", of, READS)

    def register(plain: Any) -> Any:
        if isinstance(plain, type):
            if lookback is not None or grid is not None or modifiers:
                raise BadInput(
                    f"rule {plain.__name__}: a class has its own lookback, grid and own_modifiers; write @rule alone"
                )
            made = _checked_class(plain)
        else:
            made = _class_of(plain, lookback, grid or {}, of, windowed)
            made.own_modifiers = (modifiers,) if isinstance(modifiers, str) else tuple(modifiers)
        known = DEFINITIONS.get((KIND, made.name))
        if known is not None and known.__module__ == made.__module__ == "__main__":  # a notebook's cell, run again
            del DEFINITIONS[KIND, made.name]
        define(KIND, made.name, made)
        return plain

    return register if function is None else register(function)


def _class_of(
    function: Function, lookback: Lookback | None, grid: Mapping[str, Sequence[float]], of: str, windowed: bool
) -> type[Strategy]:
    """Make the class of a function's rule."""
    place, name = f"{place_of(function)}: {function.__name__}", function.__name__
    check_rule_name(place_of(function), name)
    parameters: dict[str, int | float] = {}
    for parameter, default in parameters_of(function).items():
        if default is None:
            raise BadInput(f"{place}: give {parameter} a default, as in {parameter}=20")
        parameters[parameter] = default
        check_parameter_name(place, parameter, FunctionRule)
    if lookback is None:
        raise BadInput(
            f"{place}: say how many bars decide a signal, the deciding one included, as in @rule(lookback=50) or "
            "@rule(lookback=lambda window: window + 1)"
        )
    definition = _Definition(function, of, lookback_of(function, tuple(parameters), lookback), windowed)
    made = make_rule_class(FunctionRule, name, parameters, grid, place=place, definition=definition)
    made.__doc__, made.__module__ = function.__doc__, function.__module__
    return made


def check_parameter_name(place: str, parameter: str, base: type[FunctionRule]) -> None:
    """Refuse a parameter that every strategy has already."""
    if hasattr(base, parameter) or parameter in ("name", "grid", "definition"):
        raise BadInput(f"{place}: a parameter cannot be called {parameter}, which every strategy has")


def make_rule_class(
    base: type[FunctionRule],
    name: str,
    parameters: Mapping[str, int | float],
    grid: Mapping[str, Sequence[float]],
    *,
    place: str,
    **attributes: Any,
) -> type[FunctionRule]:
    """Make the class of a rule: a frozen dataclass with a field for each parameter.

    Parameters
    ----------
    parameters : defaults by name; a whole default takes whole numbers only.
    grid : values to try, by parameter.
    place : file and name, for messages.
    attributes : further attributes of the class.

    Raises
    ------
    Unknown : if the grid has another parameter.
    BadInput : if its values do not fit the default.
    """
    return make_dataclass(
        name,
        [(parameter, _kind(default).__name__, _kind(default)(default)) for parameter, default in parameters.items()],
        bases=(base,),
        namespace={
            "name": name,
            "grid": {parameter: _grid_values(place, parameter, parameters, grid[parameter]) for parameter in grid},
            **attributes,
        },
        frozen=True,
    )


def _grid_values(
    place: str, parameter: str, parameters: Mapping[str, Any], values: Sequence[float]
) -> tuple[float, ...]:
    if parameter not in parameters:
        raise Unknown(f"parameter in the grid of {place}:", parameter, parameters)
    if not isinstance(values, list | tuple) or not values or not all(map(is_number, values)):
        raise BadInput(f"{place}: the grid of {parameter} is {values!r}; expected numbers, as in (20, 55)")
    kind = _kind(parameters[parameter])
    if kind is int and not all(float(value).is_integer() for value in values):
        raise BadInput(
            f"{place}: the grid of {parameter} is {values!r}, but its default {parameters[parameter]} is whole: write "
            f"{parameter}={parameters[parameter]}.0 for a parameter with fractions"
        )
    return tuple(map(kind, values))


def _kind(default: Any) -> type[int] | type[float]:
    return int if isinstance(default, int) else float


def _checked_class(plain: type) -> type[Strategy]:
    """Check that a class is a strategy, and guard its signals."""
    place = f"rule {plain.__name__}"
    if not issubclass(plain, Strategy) or not is_dataclass(plain) or not plain.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise BadInput(
            f"{place}: a rule's class derives from tradesieve.strategies.strategy.Strategy, with "
            "@dataclass(frozen=True) between it and @rule"
        )
    for name in ("name", "grid"):
        if not hasattr(plain, name):
            raise BadInput(f"{place}: set {name}, as in {name}: ClassVar[...] = ...")
    try:
        plain()
    except TypeError as error:
        raise BadInput(f"{place}: {error}; write its methods, and give its parameters defaults") from error
    decide = plain.signals
    check_rule_name(place_of(decide), plain.name)

    def signals(self: Strategy, bars: Bars) -> Signals:
        return guarded(decide, bars.close_time, lambda: decide(self, bars))

    signals.__doc__ = decide.__doc__
    plain.signals = signals  # type: ignore[method-assign]
    return plain


def check_rule_name(place: str, name: str) -> None:
    """Refuse a name that cannot stand in the text of a strategy."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise BadInput(f"{place}: a rule's name has small letters, digits and single underscores, not {name!r}")


def signals_from(made: Any, bars: Bars) -> Signals:
    """Read what a function returned: a side for each bar, or columns of signals by name.

    Raises
    ------
    Unknown : if there is no such column.
    BadInput : at the first value that is not allowed; names it and its time.
    """
    columns = {str(name): made[name] for name in made} if _has_columns(made) else {"side": made}
    if "side" not in columns:
        raise _WrongOutput(
            f"{', '.join(columns) or 'nothing'} without side: 1 long, -1 short, 0 no entry, for each bar"
        )
    for name in columns:
        if name not in _RETURNED:
            raise Unknown("column returned by a rule:", name, _RETURNED)
    side = _column("side", columns.pop("side"), len(bars))
    every = np.arange(len(bars))
    _refuse_rows("side", side, ~np.isin(side, (-1.0, 0.0, 1.0)), bars, every, "expected 1 long, -1 short or 0 no entry")
    rows = np.flatnonzero(side)
    chosen: dict[str, Any] = {}
    for name, given in columns.items():
        if name in _PARTIALS:
            chosen[name] = _partials(name, given, len(bars), rows)
            continue
        values = _column(name, given, len(bars))[rows]
        wanted = "where it enters: let side be 0 there, or leave the column out"
        _refuse_rows(name, values, np.isnan(values), bars, rows, wanted)
        if name in _COUNTS:
            _refuse_rows(name, values, values != np.floor(values), bars, rows, "expected a whole number")
            values = values.astype(np.int64)
        chosen[name] = values
    try:
        return make_signals(bars.close_time[rows], side[rows], **chosen)
    except BadData as error:
        raise _WrongOutput(str(error)) from error


def _has_columns(made: Any) -> bool:
    return isinstance(made, Mapping) or hasattr(made, "columns")


def _column(name: str, given: Any, n_bars: int) -> np.ndarray:
    """Return a column, float64 (n_bars,)."""
    values = _numbers(name, given)
    if values.shape not in ((), (n_bars,)):
        raise _WrongOutput(f"{name} of shape {values.shape} for {n_bars} bars; expected one value for each bar")
    if name == "side" and values.shape == () and n_bars != 1:
        raise _WrongOutput(f"one side for {n_bars} bars; expected one value for each bar")
    return np.broadcast_to(values, (n_bars,))


def _partials(name: str, given: Any, n_bars: int, rows: np.ndarray) -> np.ndarray:
    """Return the rows of a column of partial targets or shares, of which a bar has several."""
    values = _numbers(name, given)
    if values.ndim == 2 and len(values) == n_bars:
        return values[rows]
    if values.shape == (n_bars,):
        return values[rows, np.newaxis]
    if values.ndim == 2:
        raise _WrongOutput(f"{name} of shape {values.shape} for {n_bars} bars; expected one row for each bar")
    return values


def _numbers(name: str, given: Any) -> np.ndarray:
    values = np.asarray(given)
    if values.dtype.kind not in "biuf":
        raise _WrongOutput(f"{name} of {values.dtype}; expected numbers, or True and False")
    return values.astype(np.float64)


def _refuse_rows(name: str, values: np.ndarray, wrong: np.ndarray, bars: Bars, rows: np.ndarray, expected: str) -> None:
    """Refuse the first wrong value of a column, of which each is at a row of the bars."""
    if wrong.any():
        first = int(np.argmax(wrong))
        when = format_time(bars.close_time[rows[first]])
        raise _WrongOutput(f"{name} {values[first]:g} at {when}, {expected}")


def _none(signals: Signals) -> Signals:
    return Signals(*(getattr(signals, field.name)[:0] for field in fields(Signals)))
