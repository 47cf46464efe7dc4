"""Rows: where in an increasing column of times a time stands, found from where one already is."""

from __future__ import annotations

import numpy as np

from tradesieve.market.execution.compilation import kernel

_TOGETHER = 32
"""Rows compared at a time."""


@kernel()
def first_at_nb(times: np.ndarray, time: int, first: int) -> int:
    """Find the first row, `first` or later, whose time is not before `time`; the number of rows if there is none.

    Parameters
    ----------
    times : int64, increasing.
    first : a row, at most the number of rows.

    Notes
    -----
    Times are mostly even: the row where it stands if they are from here on is looked at first. Else steps of growing
    length go out from `first`, so that what is near is found soon.

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
def first_absent_nb(times: np.ndarray, among: np.ndarray) -> int:
    """Find the first row of `times` whose time is not among others; the number of rows if there is none.

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
        other = first_at_nb(among, times[row], other)
        if other == len(among) or among[other] != times[row]:
            return row
        row, other = row + 1, other + 1
    return row
