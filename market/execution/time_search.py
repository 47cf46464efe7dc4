"""Time search: find times in increasing columns of times, starting from a known row."""

from __future__ import annotations

import numpy as np

from tradesieve.market.execution.compilation import kernel

_TOGETHER = 32
"""Rows compared at a time."""


@kernel()
def first_at_or_after_nb(times: np.ndarray, time: int, first: int) -> int:
    """Return the first row, `first` or later, whose time is at or after `time`; the number of rows if there is none.

    Parameters
    ----------
    times : int64, increasing.
    first : a row, at most the number of rows.

    Notes
    -----
    Galloping search. Times are mostly evenly spaced, so the row where `time` would then be is tried first. Otherwise
    steps of growing length go out from `first`, and a binary search ends it.

    Equals: ``first + np.searchsorted(times[first:], time)``.
    """
    if first == len(times) or times[first] >= time:
        return first
    if first + 1 < len(times):
        guess = first + 1 + (time - 1 - times[first]) // (times[first + 1] - times[first])
        if guess < len(times) and times[guess - 1] < time <= times[guess]:
            return guess
    step, low, high = 1, first + 1, first + 1
    while high < len(times) and times[high] < time:
        low, high, step = high + 1, high + step, 2 * step
    high = min(high, len(times))
    while low < high:
        middle = (low + high) // 2
        if times[middle] < time:
            low = middle + 1
        else:
            high = middle
    return low


@kernel()
def first_missing_nb(times: np.ndarray, among: np.ndarray) -> int:
    """Return the first row of `times` whose time is not in another column; the number of rows if there is none.

    Parameters
    ----------
    times, among : int64, increasing.

    Notes
    -----
    Equals: ``np.argmin(np.append(np.isin(times, among), False))``.
    """
    row, other = 0, 0
    while row < len(times):
        if row + _TOGETHER <= len(times) and other + _TOGETHER <= len(among):
            differ = 0
            for k in range(_TOGETHER):
                differ |= times[row + k] ^ among[other + k]
            if differ == 0:
                row, other = row + _TOGETHER, other + _TOGETHER
                continue
        other = first_at_or_after_nb(among, times[row], other)
        if other == len(among) or among[other] != times[row]:
            return row
        row, other = row + 1, other + 1
    return row
