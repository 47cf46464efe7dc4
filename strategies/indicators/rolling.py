"""Rolling statistics that depend on their window alone, bit for bit, wherever history begins.

A running sum carries rounding errors from all earlier values, so it depends on where it was started. Instead:

1. Windows of 1, 2, 4, ... values are built by joining two neighbours of half the size.
2. The whole window is joined from those, by the binary digits of its length: about log2(window) passes over the values.

The order of the additions is always the same, and errors are as small as those of pairwise summation (Higham, 1993).
Moments are joined as in Chan, Golub and LeVeque (1983), which stays accurate where prices are large and moves small.

The functions of an array take float64 (n,) and a window of at least 1, and return float64 (n,): at each position the
statistic of the `window` values that end there; NaN where there are fewer, or where one of them is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit

_BLOCK = 8192

_Join = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
"""Returns the statistic of two neighbouring windows together: from the older one, the newer one and their lengths."""


def moving_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Sum a window.

    Equals: ``pandas.Series(values).rolling(window).sum()``, but for rounding.
    """
    return _joined(values, window, lambda older, newer, n_older, n_newer: older + newer)


def moving_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Average a window.

    Equals: ``talib.SMA(values, window)``, but for rounding.
    """
    return moving_sum(values, window) / window


def moving_moments(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation (divided by n) of a window.

    Equals: ``rolling(window).mean()`` and ``rolling(window).std(ddof=0)`` of pandas, but for rounding.
    """
    mean, squares = _joined(np.stack([values, np.zeros(len(values))]), window, _join_moments_nb)
    return mean, np.sqrt(squares / window)


def moving_maximum(values: np.ndarray, window: int) -> np.ndarray:
    """Find the highest value of a window.

    Equals: ``pandas.Series(values).rolling(window).max()``.
    """
    return _joined(values, window, lambda older, newer, n_older, n_newer: np.maximum(older, newer))


def moving_minimum(values: np.ndarray, window: int) -> np.ndarray:
    """Find the lowest value of a window.

    Equals: ``pandas.Series(values).rolling(window).min()``.
    """
    return _joined(values, window, lambda older, newer, n_older, n_newer: np.minimum(older, newer))


def decayed_sum(values: np.ndarray, window: int, keep: float) -> np.ndarray:
    """Sum a window with weights that decay by the factor `keep` per value into the past; the last value weighs 1.

    Equals: ``numpy.convolve(values, keep ** numpy.arange(window))[:n]``, but for rounding.
    """
    return _joined(values, window, lambda older, newer, n_older, n_newer: newer + keep**n_newer * older)


def lagged(values: np.ndarray, n_bars: int = 1) -> np.ndarray:
    """Shift values by `n_bars`: each position gets the value `n_bars` before it, NaN where there is none.

    Equals: ``pandas.Series(values).shift(n_bars)``.
    """
    return np.concatenate([np.full(min(n_bars, len(values)), np.nan), values[: max(len(values) - n_bars, 0)]])


def true_range(bars: Bars) -> np.ndarray:
    """Measure the range of each bar and the close before it; NaN at the first bar.

    Equals: ``talib.TRANGE(high, low, close)``. Source: Wilder (1978).
    """
    previous = lagged(bars.close)
    return np.maximum(bars.high, previous) - np.minimum(bars.low, previous)


def previous_channel(bars: Bars, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the highest high and the lowest low of the `window` bars before each bar; NaN where there are fewer.

    Source: Donchian's four-week rule, as in Faith (2007), Way of the Turtle.
    """
    return lagged(moving_maximum(bars.high, window)), lagged(moving_minimum(bars.low, window))


def average_true_range(bars: Bars, window: int) -> np.ndarray:
    """Average the true range of the `window` bars that end at each bar; needs `window` + 1 bars.

    Source: Wilder (1978), with a simple average in place of his smoothing.
    """
    return moving_mean(true_range(bars), window)


def _joined(values: np.ndarray, window: int, join: _Join) -> np.ndarray:
    """Join windows along the last axis, in blocks that fit the processor's cache."""
    n = values.shape[-1]
    out = np.full(values.shape, np.nan)
    block = max(_BLOCK, 2 * window)
    for first in range(0, n - window + 1, block):
        last = min(first + block, n - window + 1)
        out[..., first + window - 1 : last + window - 1] = _join_all(
            values[..., first : last + window - 1], window, join
        )
    return out


def _join_all(values: np.ndarray, window: int, join: _Join) -> np.ndarray:
    """Join windows; position j of `power`, `whole` and the result is the window that begins at j."""
    whole, power = values, values
    covered, size = 0, 1
    while True:
        if window & size:
            newer = power[..., covered:]
            whole = join(whole[..., : newer.shape[-1]], newer, covered, size) if covered else newer
            covered += size
        if covered == window:
            return whole
        power = join(power[..., :-size], power[..., size:], size, size)
        size *= 2


@njit(cache=True, nogil=True)
def _join_moments_nb(older: np.ndarray, newer: np.ndarray, n_older: int, n_newer: int) -> np.ndarray:
    """Join means, in row 0, and sums of squared distances from them, in row 1."""
    share = n_newer / (n_older + n_newer)
    weight = n_older * share
    out = np.empty(older.shape)
    for i in range(older.shape[1]):
        step = newer[0, i] - older[0, i]
        out[0, i] = older[0, i] + step * share
        out[1, i] = older[1, i] + newer[1, i] + step * step * weight
    return out
