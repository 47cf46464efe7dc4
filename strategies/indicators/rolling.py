"""Statistics of a moving window that follow from the window alone, to the last bit, wherever history begins.

A running sum carries the rounding of all that went before, so its value depends on where it was started. Here windows
of 1, 2, 4, ... bars are joined from two halves, and the whole window from those: about log2(window) passes over the
bars, always in the same order, with the small errors of pairwise summation (Higham, 1993). Moments are joined as in
Chan, Golub and LeVeque (1983), which loses no digits where prices are large and moves are small.

Every function takes a float64 array of n values and a window of at least 1, and gives float64 (n,): at each bar the
statistic of the `window` values that end there, NaN where there are fewer, or where one of them is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from tradesieve.market.bars import Bars

_STRETCH = 8192

_Join = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
"""Gives the statistic of two neighbouring windows from those of the older and of the newer, and their two lengths."""


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
    """Give the mean of a window and its standard deviation, divided by n.

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
    """Sum a window in which each value weighs `keep` times the one after it, and the last one weighs 1.

    Equals: ``numpy.convolve(values, keep ** numpy.arange(window))[:n]``, but for rounding.
    """
    return _joined(values, window, lambda older, newer, n_older, n_newer: newer + keep**n_newer * older)


def lagged(values: np.ndarray, n_bars: int = 1) -> np.ndarray:
    """Give at each bar the value of `n_bars` bars before it; NaN where there is none."""
    return np.concatenate([np.full(min(n_bars, len(values)), np.nan), values[: max(len(values) - n_bars, 0)]])


def true_range(bars: Bars) -> np.ndarray:
    """Give each bar's range, with the close before it as a part of the range; NaN at the first bar.

    Equals: ``talib.TRANGE(high, low, close)``. Source: Wilder (1978).
    """
    previous = lagged(bars.close)
    return np.maximum(bars.high, previous) - np.minimum(bars.low, previous)


def average_true_range(bars: Bars, window: int) -> np.ndarray:
    """Average the true range of the `window` bars that end at each bar; it takes `window` + 1 bars."""
    return moving_mean(true_range(bars), window)


def _joined(values: np.ndarray, window: int, join: _Join) -> np.ndarray:
    """Join the windows along the last axis, a stretch of bars at a time that fits the processor's cache."""
    n = values.shape[-1]
    out = np.full(values.shape, np.nan)
    stretch = max(_STRETCH, 2 * window)
    for first in range(0, n - window + 1, stretch):
        last = min(first + stretch, n - window + 1)
        out[..., first + window - 1 : last + window - 1] = _join_all(
            values[..., first : last + window - 1], window, join
        )
    return out


def _join_all(values: np.ndarray, window: int, join: _Join) -> np.ndarray:
    """Join windows; place j of `power`, `whole` and the result is the window that begins at j."""
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
