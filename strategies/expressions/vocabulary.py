"""The functions of expressions, on arrays of one value for each bar. Rules that are printed as Python import them.

Each returns float64 or bool (n_bars,), or a number where all arguments are numbers. A missing value is NaN; a
comparison with it is False.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tradesieve.features.feature_names import parse_feature
from tradesieve.features.inputs import BAR_COLUMNS
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import lagged

Values = Any
"""An array of one value for each bar, or a number."""


def previous(values: Values, n_bars: int = 1) -> Values:
    """Return the value of `n_bars` before each bar; NaN where there is none.

    Equals: ``pandas.Series(values).shift(n_bars)``.

    Raises
    ------
    BadInput : if `n_bars` is below 1: a later value is not known.
    """
    if n_bars < 1:
        raise BadInput(f"previous goes back at least 1 bar, not {n_bars}")
    return lagged(values, n_bars) if np.ndim(values) else values


def crosses_above(first: Values, second: Values) -> Values:
    """Tell where the first value is above the second, and was not at the bar before, where both were known."""
    return (first > second) & (previous(first) <= previous(second))


def crosses_below(first: Values, second: Values) -> Values:
    """Tell where the first value is below the second, and was not at the bar before, where both were known."""
    return (first < second) & (previous(first) >= previous(second))


def divided(first: Values, second: Values) -> Values:
    """Divide; NaN where the result is not finite."""
    with np.errstate(all="ignore"):
        quotient = np.true_divide(first, second)
    return np.where(np.isfinite(quotient), quotient, np.nan)


def entries(
    close: np.ndarray,
    *,
    long: Values = False,
    short: Values = False,
    long_stop: Values | None = None,
    short_stop: Values | None = None,
    long_target: Values | None = None,
    short_target: Values | None = None,
) -> dict[str, np.ndarray]:
    """Return what a rule returns: the side for each bar, with its stop and target.

    A bar enters on one side only: not where both are true. It does not enter where a stop or a target is missing, is no
    positive price, or is on the wrong side of the close.

    Returns
    -------
    float64 (n_bars,) each: ``side``, and ``stop`` and ``target`` where a side has one.
    """
    is_long = long & _is_beyond(1.0, close, long_stop, long_target)
    is_short = short & _is_beyond(-1.0, close, short_stop, short_target)
    side = np.broadcast_to(is_long, close.shape) * 1.0 - np.broadcast_to(is_short, close.shape) * 1.0
    found = {"side": side}
    for name, of_long, of_short in (("stop", long_stop, short_stop), ("target", long_target, short_target)):
        if of_long is not None or of_short is not None:
            absent = np.full(close.shape, np.nan)
            chosen = [absent if values is None else values for values in (of_long, of_short)]
            found[name] = np.where(side > 0.0, *chosen)
    return found


def _is_beyond(side: float, close: np.ndarray, stop: Values | None, target: Values | None) -> Values:
    """Tell where stop, close and target stand in this order, turned round for a short, and are prices."""
    fits: Values = True
    if stop is not None:
        fits = fits & (side * stop < side * close) & _is_price(stop)
    if target is not None:
        fits = fits & (side * close < side * target) & _is_price(target)
    return fits


def _is_price(values: Values) -> Values:
    return np.greater(values, 0.0) & np.isfinite(values)


def bars_needed(reads: Iterable[tuple[str, int]], timeframe: Timeframe) -> int:
    """Count the bars, the deciding one included, that columns and features need.

    Parameters
    ----------
    reads : a bar's column or a feature's name, and how many bars before the deciding one it is read at.

    Raises
    ------
    BadInput : if a feature does not exist, or reads a timeframe that is not a multiple of this one.

    Examples
    --------
    >>> from tradesieve.market.timeframes import parse_timeframe
    >>> bars_needed([("close", 1), ("bars__highest__window_20", 1)], parse_timeframe("5m"))
    21
    """
    needed = 1
    for name, earlier in reads:
        of_value = 1 if name in BAR_COLUMNS else parse_feature(name).lookback(timeframe)
        needed = max(needed, max(of_value, 1) + int(earlier))
    return needed


def written(value: float) -> str:
    """Write a number as it stands in the name of a feature: 20, not 20.0."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
