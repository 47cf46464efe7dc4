"""Factors of your own: a plain function with a decorator, in a module that an experiment names.

    from tradesieve import factor

    @factor
    def closing_strength(bars, window=20):
        \"\"\"Average where each bar closes between its low (0) and its high (1).\"\"\"
        return np.mean((bars.close - bars.low) / (bars.high - bars.low))

defines the feature ``bars__closing_strength__window_20``. The arguments after the first are the factor's parameters;
their defaults are the values that `tradesieve factors check` tries. Numba is not needed, but not in the way: kernels
for `features.factor.series_factor` and `bars_factor` work in such a module too.

``@factor`` and ``@factor(of="column")`` cannot look ahead: the function gets its window, which ends with the decision's
bar. ``@factor(of="frame")`` takes what people write in pandas, one value for each bar of a whole frame. The engine
passes it the window as well and takes the last value, so that no value in use has seen the future. But the function may
rely on the future (a centred window, the mean of the whole sample, a label of a bar that has not closed), and then its
values are not those that its author tested. So `features.invariants.frame_factors` also runs it over all of history,
and names it if one of its values changes with later bars, or with history beyond its lookback.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tradesieve.features.factor import FACTORS, Factor, Kernel
from tradesieve.features.user_functions import Lookback, guarded, lookback_of, parameters_of, place_of, plain_numbers
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput, lookup

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Window:
    """The bars that one value is computed from, the last of which closes at the decision.

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
        """Return the bars as a frame: open, high, low, close and volume, indexed by close time in UTC."""
        return _frame([getattr(self, name) for name in COLUMNS])


def factor(function: Kernel | None = None, *, of: str = "window", lookback: Lookback = "window") -> Any:
    """Register a function as a factor.

    Parameters
    ----------
    of : the first argument of the function, before its parameters. ``window``: the bars, a `Window`; it returns a
        number, as ``bars__NAME__...``. ``column``: one column of them, float64 (lookback,); it returns a number, as
        ``close__NAME__...``, ``volume__...``. ``frame``: the bars as a pandas frame with the columns open, high, low,
        close and volume, indexed by close time in UTC; it returns one value for each row, as ``bars__NAME__...``. It is
        called with the window alone, and the last value counts: what has infinite memory, such as an exponential mean,
        needs a lookback beyond which nothing matters.
    lookback : how many bars the window has.

    Raises
    ------
    Unknown : if `of` is none of these.
    BadInput : if the name is taken or cannot stand in a feature's name, or the lookback does not fit the parameters.
    """
    kind, call = lookup("input of @factor:", of, _CALLS)

    def register(plain: Kernel) -> Kernel:
        name, parameters, defaults = _signature(plain)

        def kernel(*arrays: Any) -> float:
            # Series kernels get no times.
            time = arrays[0] if kind == "bars" else None
            return guarded(plain, time, lambda: _number(plain, call(plain, arrays)))

        kernel.__doc__, kernel.__module__, kernel.__name__ = plain.__doc__, plain.__module__, name
        kernel.defaults = defaults  # type: ignore[attr-defined]
        FACTORS[name] = Factor(
            name,
            kind,
            kernel,
            parameters,
            lookback_of(plain, parameters, lookback),
            compiled=False,
            family=plain.__module__,
            frame_function=plain if of == "frame" else None,
        )
        return plain

    return register if function is None else register(function)


def _call_with_window(plain: Kernel, arrays: tuple[Any, ...]) -> Any:
    return plain(Window(*arrays[:-1]), *plain_numbers(arrays[-1]))


def _call_with_column(plain: Kernel, arrays: tuple[Any, ...]) -> Any:
    return plain(arrays[0], *plain_numbers(arrays[1]))


def _call_with_frame(plain: Kernel, arrays: tuple[Any, ...]) -> Any:
    return _one_per_row(plain, plain(_frame(arrays[:-1]), *plain_numbers(arrays[-1])), len(arrays[0]))[-1]


_CALLS: dict[str, tuple[str, Callable[[Kernel, tuple[Any, ...]], Any]]] = {
    "window": ("bars", _call_with_window),
    "column": ("series", _call_with_column),
    "frame": ("bars", _call_with_frame),
}
"""The kind of factor, and the call of the function with the arrays of a kernel, for each `of`."""


def frame_values(definition: Factor, bars: Bars, values: tuple[float, ...]) -> np.ndarray:
    """Run the function of a frame factor over whole bars, as it was written.

    Returns
    -------
    float64 (n_bars,), infinite values as NaN.

    Raises
    ------
    BadInput : if the function fails, or returns anything but one number per row.
    """
    plain = definition.frame_function
    if plain is None:
        raise BadInput(f"factor {definition.name!r} is not a function of whole frames")
    arrays = [getattr(bars, name).copy() for name in COLUMNS]
    made = guarded(
        plain, arrays[0], lambda: _one_per_row(plain, plain(_frame(arrays), *plain_numbers(values)), len(bars))
    )
    return np.where(np.isfinite(made), made, np.nan)


def _signature(plain: Kernel) -> tuple[str, tuple[str, ...], dict[str, float]]:
    """Return a function's name, parameters and their defaults, all fit to stand in a feature's name."""
    name = plain.__name__
    place = place_of(plain)
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise BadInput(f"{place}: a factor's name has small letters, digits and single underscores, not {name!r}")
    if name in FACTORS and not plain.__module__ == FACTORS[name].family == "__main__":  # as a notebook's cell run again
        raise BadInput(f"{place}: factor {name!r} exists already, in {FACTORS[name].family}; choose another name")
    if not (plain.__doc__ or "").strip():
        raise BadInput(f"{place}: {name} has no docstring; its first line is its formula in `tradesieve factors list`")
    parameters = parameters_of(plain)
    return name, tuple(parameters), {one: float(value) for one, value in parameters.items() if value is not None}


def _frame(columns: Any) -> pd.DataFrame:
    import pandas as pd

    # One array and one index, since every decision builds a frame: joining five columns takes five times as long.
    index = pd.DatetimeIndex(columns[0].view("datetime64[ns]"), name="close_time", tz="UTC")
    return pd.DataFrame(np.array(columns[1:]).T, index=index, columns=_columns(), copy=False)


@cache
def _columns() -> pd.Index:
    import pandas as pd

    return pd.Index(COLUMNS[1:])


def _one_per_row(plain: Kernel, made: Any, n_rows: int) -> np.ndarray:
    values = np.asarray(made, dtype=np.float64)
    if values.shape != (n_rows,):
        raise BadInput(
            f"{place_of(plain)}: {plain.__name__} returned values of shape {values.shape} for {n_rows} bars; "
            "it has to return one value for each row of its frame"
        )
    return values


def _number(plain: Kernel, made: Any) -> float:
    if np.ndim(made) != 0:
        raise BadInput(
            f"{place_of(plain)}: {plain.__name__} returned {type(made).__name__}, but has to return one number"
        )
    return float(made)
