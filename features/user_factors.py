"""Factors of one's own: a plain function with a decorator, in a module that an experiment names.

    from tradesieve.features.user_factors import column_factor, frame_factor, window_factor

    @window_factor
    def closing_strength(bars, window=20):
        \"\"\"Average where each bar closes between its low (0) and its high (1).\"\"\"
        return np.mean((bars.close - bars.low) / (bars.high - bars.low))

is the feature ``bars__closing_strength__window_20``. The parameters are the function's own, after the first argument;
their defaults are the values that `tradesieve factors check` tries. No numba is needed, nor is any in the way: kernels
for `features.factor.series_factor` and `bars_factor` work in such a module too.

`window_factor` and `column_factor` cannot look ahead: the function is given its window, and the window ends with the
decision's bar. `frame_factor` takes what people write in pandas, one value for each bar of a whole frame. The engine
gives it the window as well and takes the last value, so that no value that is used has seen the future; but the
function may have been *meant* to see it (a centred window, a mean of the whole sample, a label of a bar that is not
closed), and then its values are not what its author tested. So `features.invariants.features` also runs it over all of
history, and names it where one of its own values there has to change with the future, or with history beyond its
lookback.
"""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tradesieve.features.factor import FACTORS, Factor, Kernel
from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe

if TYPE_CHECKING:
    import pandas as pd

Lookback = int | str | Callable[..., int]
"""How many bars one value needs: a number, the name of a parameter, or a function of the parameters that it names, and
of ``timeframe`` if it names that."""


@dataclass(frozen=True, eq=False)
class Window:
    """The bars that one value is made of, the last of which closes at the decision.

    Parameters
    ----------
    close_time : int64 ns UTC (lookback,).
    open, high, low, close, volume : float64 (lookback,).
    """

    close_time: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.close_time)

    def frame(self) -> pd.DataFrame:
        """Give the bars as a frame: open, high, low, close and volume, by close time in UTC."""
        return _frame([getattr(self, name) for name in COLUMNS])


def window_factor(function: Kernel | None = None, *, lookback: Lookback = "window") -> Any:
    """Register a function ``(window: Window, *parameters) -> float`` of whole bars, as ``bars__NAME__...``.

    Parameters
    ----------
    lookback : how many bars its window has.

    Raises
    ------
    BadInput : if a name is taken or cannot stand in a feature's name, or the lookback does not fit the parameters.
    """
    return _registering(function, "bars", lookback, lambda plain, given: plain(Window(*given[:-1]), *_plain(given[-1])))


def column_factor(function: Kernel | None = None, *, lookback: Lookback = "window") -> Any:
    """Register a function ``(values, *parameters) -> float`` of one column, as ``close__NAME__...``, ``volume__...``.

    Parameters and errors are those of `window_factor`; values is float64 (lookback,).
    """
    return _registering(function, "series", lookback, lambda plain, given: plain(given[0], *_plain(given[1])))


def frame_factor(function: Kernel | None = None, *, lookback: Lookback = "window") -> Any:
    """Register a function ``(frame, *parameters) -> one value a bar`` in the way of pandas, as ``bars__NAME__...``.

    Parameters and errors are those of `window_factor`. The frame has the columns open, high, low, close and volume, and
    the close times in UTC as its index; what is returned has one value for each row, in the order of the rows. It is
    called with the window alone, and the last value counts: what remembers without end, as an exponential mean does,
    needs a lookback beyond which nothing matters.
    """

    def last(plain: Kernel, given: tuple[Any, ...]) -> float:
        return _one_a_row(plain, plain(_frame(given[:-1]), *_plain(given[-1])), len(given[0]))[-1]

    return _registering(function, "bars", lookback, last, over_all=True)


def whole_values(factor: Factor, bars: Bars, values: tuple[float, ...]) -> np.ndarray:
    """Run a frame factor over whole bars, as it was written.

    Returns
    -------
    float64 (n_bars,), infinite values as NaN.

    Raises
    ------
    BadInput : if the function fails, or returns anything but one number a row.
    """
    plain = factor.frame_function
    if plain is None:
        raise BadInput(f"factor {factor.name!r} is no function of whole frames")
    given = [getattr(bars, name).copy() for name in COLUMNS]
    made = _guarded(plain, given[0], lambda: _one_a_row(plain, plain(_frame(given), *_plain(values)), len(bars)))
    return np.where(np.isfinite(made), made, np.nan)


def _registering(
    function: Kernel | None,
    kind: str,
    lookback: Lookback,
    call: Callable[[Kernel, tuple[Any, ...]], float],
    *,
    over_all: bool = False,
) -> Any:
    def register(plain: Kernel) -> Kernel:
        name, parameters, defaults = _signature(plain)

        def kernel(*given: Any) -> float:
            # Series kernels are given no times.
            return _guarded(plain, given[0] if kind == "bars" else None, lambda: _number(plain, call(plain, given)))

        kernel.__doc__, kernel.__module__, kernel.__name__ = plain.__doc__, plain.__module__, name
        kernel.defaults = defaults  # type: ignore[attr-defined]
        needed = _lookback(plain, parameters, lookback)
        FACTORS[name] = Factor(
            name,
            kind,
            kernel,
            parameters,
            needed,
            compiled=False,
            family=plain.__module__,
            frame_function=plain if over_all else None,
        )
        return plain

    return register if function is None else register(function)


def _signature(plain: Kernel) -> tuple[str, tuple[str, ...], dict[str, float]]:
    """Read name, parameters and their defaults from a function, and see that they can stand in a feature's name."""
    name = plain.__name__
    place = _place(plain)
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise BadInput(f"{place}: a factor's name has small letters, digits and single underscores, not {name!r}")
    if name in FACTORS and not plain.__module__ == FACTORS[name].family == "__main__":  # as a notebook's cell run again
        raise BadInput(f"{place}: there is a factor {name!r} already, in {FACTORS[name].family}; choose another name")
    if not (plain.__doc__ or "").strip():
        raise BadInput(f"{place}: {name} has no docstring; its first line is its formula in `tradesieve factors list`")
    given = list(inspect.signature(plain).parameters.values())
    if not given or any(one.kind is not one.POSITIONAL_OR_KEYWORD for one in given):
        raise BadInput(f"{place}: {name} takes its bars and then its parameters by name, no * or **")
    defaults = {}
    for one in given[1:]:
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", one.name):
            raise BadInput(f"{place}: a parameter's name has small letters and single underscores, not {one.name!r}")
        if one.default is not one.empty:
            if isinstance(one.default, bool) or not isinstance(one.default, int | float):
                raise BadInput(f"{place}: parameters are numbers, and {one.name} is {one.default!r} by default")
            defaults[one.name] = float(one.default)
    return name, tuple(one.name for one in given[1:]), defaults


def _lookback(
    plain: Kernel, parameters: tuple[str, ...], lookback: Lookback
) -> Callable[[dict[str, float], Timeframe], int]:
    place = f"{_place(plain)}: {plain.__name__}"
    if callable(lookback):
        count = lookback
        wanted = tuple(inspect.signature(count).parameters)
    elif isinstance(lookback, int):
        count, wanted = (lambda: lookback), ()
    else:
        count, wanted = (lambda **values: values[lookback]), (lookback,)
    strange = [name for name in wanted if name not in (*parameters, "timeframe")]
    if strange:
        raise BadInput(
            f"{place} has no parameter {strange[0]!r}; say how many bars it needs, as in @window_factor(lookback=50)"
        )

    def bars_needed(values: dict[str, float], timeframe: Timeframe) -> int:
        known = {**dict(zip(values, _plain(values.values()), strict=True)), "timeframe": timeframe}
        needed = count(**{name: known[name] for name in wanted})
        if needed != int(needed) or needed < 1:
            raise BadInput(f"{place}: its lookback is {needed!r}, but must be a whole number of bars, at least one")
        return int(needed)

    return bars_needed


def _plain(values: Any) -> list[int | float]:
    """Give whole numbers as int, as slices and windows want them."""
    return [int(value) if float(value).is_integer() else float(value) for value in values]


def _frame(columns: Any) -> pd.DataFrame:
    import pandas as pd

    # One array and one index, since each decision makes a frame: pandas takes five times as long to join five columns.
    index = pd.DatetimeIndex(columns[0].view("datetime64[ns]"), name="close_time", tz="UTC")
    return pd.DataFrame(np.array(columns[1:]).T, index=index, columns=_columns(), copy=False)


@cache
def _columns() -> pd.Index:
    import pandas as pd

    return pd.Index(COLUMNS[1:])


def _one_a_row(plain: Kernel, made: Any, n_rows: int) -> np.ndarray:
    values = np.asarray(made, dtype=np.float64)
    if values.shape != (n_rows,):
        raise BadInput(
            f"{_place(plain)}: {plain.__name__} made values of shape {values.shape} of {n_rows} bars; "
            "it returns one value for each row of its frame"
        )
    return values


def _number(plain: Kernel, made: Any) -> float:
    if np.ndim(made) != 0:
        raise BadInput(f"{_place(plain)}: {plain.__name__} returned {type(made).__name__}, but one number is its value")
    return float(made)


def _guarded(plain: Kernel, close_time: np.ndarray | None, run: Callable[[], Any]) -> Any:
    """Run a user's function; whatever it raises becomes one line that says where."""
    try:
        with np.errstate(all="ignore"):
            return run()
    except BadInput:
        raise
    except Exception as error:
        own = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == plain.__code__.co_filename
        ]
        line = f", line {own[-1].lineno}" if own else ""
        when = f" at {format_time(close_time[-1])}" if close_time is not None and len(close_time) else ""
        raise BadInput(
            f"{_place(plain)}{line}: {plain.__name__} fails{when}: {type(error).__name__}: {error}"
        ) from error


def _place(plain: Kernel) -> str:
    return plain.__code__.co_filename.rpartition("/")[2]
