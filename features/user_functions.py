"""What the decorators of user modules ask of a function: its parameters, its lookback, and errors that say where."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe

Function = Callable[..., Any]

Lookback = int | str | Callable[..., int]
"""How many bars one value reads: a number, the name of a parameter, or a function of the parameters that it names, and
of ``timeframe`` if it names that."""


def parameters_of(function: Function) -> dict[str, int | float | None]:
    """Return the parameters of a function after its bars, with their defaults; None where there is none.

    Raises
    ------
    BadInput : if it takes no bars, has ``*`` or ``**``, or a name or default that cannot be written as text.
    """
    place = place_of(function)
    given = list(inspect.signature(function).parameters.values())
    if not given or any(one.kind is not one.POSITIONAL_OR_KEYWORD for one in given):
        raise BadInput(
            f"{place}: {function.__name__} has to take its bars and then its parameters by name, without * or **"
        )
    found: dict[str, int | float | None] = {}
    for one in given[1:]:
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", one.name):
            raise BadInput(f"{place}: a parameter's name has small letters and single underscores, not {one.name!r}")
        if one.default is not one.empty and not is_number(one.default):
            raise BadInput(f"{place}: parameters are numbers, but the default of {one.name} is {one.default!r}")
        found[one.name] = None if one.default is one.empty else one.default
    return found


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, and not True or False."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def lookback_of(
    function: Function, parameters: Sequence[str], lookback: Lookback
) -> Callable[[dict[str, float], Timeframe], int]:
    """Return a function of the values of the parameters and the timeframe to the number of bars.

    Raises
    ------
    BadInput : if the lookback names something that is not a parameter; later, if it is not a whole number of bars.
    """
    place = f"{place_of(function)}: {function.__name__}"
    if callable(lookback):
        count = lookback
        wanted = tuple(inspect.signature(count).parameters)
    elif isinstance(lookback, int):
        count, wanted = (lambda: lookback), ()
    else:
        count, wanted = (lambda **values: values[lookback]), (lookback,)
    strange = [name for name in wanted if name not in (*parameters, "timeframe")]
    if strange:
        raise BadInput(f"{place} has no parameter {strange[0]!r}; say how many bars it reads, as in lookback=50")

    def bars_needed(values: dict[str, float], timeframe: Timeframe) -> int:
        known = {**dict(zip(values, plain_numbers(values.values()), strict=True)), "timeframe": timeframe}
        needed = count(**{name: known[name] for name in wanted})
        if needed != int(needed) or needed < 1:
            raise BadInput(f"{place}: its lookback is {needed!r}, but has to be a whole number of bars, at least 1")
        return int(needed)

    return bars_needed


def plain_numbers(values: Iterable[Any]) -> list[int | float]:
    """Return whole numbers as int, for slices and windows."""
    return [int(value) if float(value).is_integer() else float(value) for value in values]


def guarded(function: Function, close_time: np.ndarray | None, run: Callable[[], Any]) -> Any:
    """Run a user's function; turn whatever it raises into one line that says where.

    Parameters
    ----------
    close_time : int64 ns UTC (n_bars,), of the bars that the function reads; None: it gets no times.
    run : calls the function.

    Raises
    ------
    BadInput : names the file, the line, the last time and the error.
    """
    try:
        with np.errstate(all="ignore"):
            return run()
    except BadInput:
        raise
    except Exception as error:
        own = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == function.__code__.co_filename
        ]
        line = f", line {own[-1].lineno}" if own else ""
        when = f" at {format_time(close_time[-1])}" if close_time is not None and len(close_time) else ""
        raise BadInput(
            f"{place_of(function)}{line}: {function.__name__} fails{when}: {type(error).__name__}: {error}"
        ) from error


def place_of(function: Function) -> str:
    """Return the name of the file that a function is written in."""
    return function.__code__.co_filename.rpartition("/")[2]
