"""Resampling kernels: Sortino ratios of shuffled filters, rotated filters and resampled days, in compiled loops.

All kernels release the GIL, draw from the generator they are given, and return ratios of one day (not annualised), NaN
where a resample has no downside. The minimum acceptable return is zero.
"""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def _ratio_nb(total: float, squared_downside: float, n_days: int) -> float:
    return math.nan if squared_downside <= 0.0 else (total / n_days) / math.sqrt(squared_downside / n_days)


@numba.njit(cache=True, nogil=True)
def sortino_of_sizes_nb(day: np.ndarray, effect: np.ndarray, sizes: np.ndarray, n_days: int) -> float:
    """Sum ``sizes * effect`` by day and compute the Sortino ratio of one day.

    Equals: ``sortino(np.bincount(day, sizes * effect, n_days), days_per_year=1)``.
    """
    daily = np.zeros(n_days)
    for row in range(len(day)):
        daily[day[row]] += sizes[row] * effect[row]
    total = 0.0
    squared_downside = 0.0
    for value in daily:
        total += value
        if value < 0.0:
            squared_downside += value * value
    return _ratio_nb(total, squared_downside, n_days)


@numba.njit(cache=True, nogil=True)
def shuffled_sortinos_nb(
    day: np.ndarray,
    effect: np.ndarray,
    sizes: np.ndarray,
    offsets: np.ndarray,
    n_days: int,
    n_draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Shuffle `sizes` within each group of rows ``offsets[g]:offsets[g + 1]``, many times (Fisher and Yates, 1938).

    Equals: for each draw ``sortino_of_sizes_nb`` of ``[*permutation(sizes[group]) for each group]``.
    """
    sortinos = np.empty(n_draws)
    shuffled = sizes.copy()
    for draw in range(n_draws):
        for group in range(len(offsets) - 1):
            first = offsets[group]
            for row in range(offsets[group + 1] - 1, first, -1):
                other = first + int(generator.random() * (row - first + 1))
                shuffled[row], shuffled[other] = shuffled[other], shuffled[row]
        sortinos[draw] = sortino_of_sizes_nb(day, effect, shuffled, n_days)
    return sortinos


@numba.njit(cache=True, nogil=True)
def rotated_sortinos_nb(
    day: np.ndarray,
    effect: np.ndarray,
    sizes: np.ndarray,
    position: np.ndarray,
    offsets: np.ndarray,
    n_days: int,
    n_draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Rotate the sizes of every group along the time by the same random u, many times.

    A row gets the size of its group's row nearest to its own position plus u. `position` is in [0, 1) and ascends
    within a group; time is a circle of length 1.

    Equals: for each draw ``sortino_of_sizes_nb`` of ``sizes[nearest]``, where ``nearest`` minimises within the group
    the distance on the circle from ``position + u``.
    """
    sortinos = np.empty(n_draws)
    rotated = np.empty(len(sizes))
    # Each group twice in a row, so that one pass finds every wanted time on two rounds of the circle.
    rounds = np.empty(2 * len(position))
    for group in range(len(offsets) - 1):
        first, last = offsets[group], offsets[group + 1]
        rounds[2 * first : first + last] = position[first:last]
        rounds[first + last : 2 * last] = position[first:last] + 1.0
    for draw in range(n_draws):
        shift = generator.random()
        for group in range(len(offsets) - 1):
            first = offsets[group]
            length = offsets[group + 1] - first
            around = rounds[2 * first : 2 * (first + length)]
            after = 0
            for row in range(length):
                wanted = around[row] + shift
                while after < 2 * length and around[after] < wanted:
                    after += 1
                # Past either end the circle continues with the first or the last row of the group.
                ahead = (around[after] if after < 2 * length else around[0] + 2.0) - wanted
                behind = wanted - (around[after - 1] if after > 0 else around[length - 1] - 1.0)
                nearest = after if ahead < behind else after - 1
                if nearest < 0:
                    nearest += length
                while nearest >= length:
                    nearest -= length
                rotated[first + row] = sizes[first + nearest]
        sortinos[draw] = sortino_of_sizes_nb(day, effect, rotated, n_days)
    return sortinos


@numba.njit(cache=True, nogil=True)
def bootstrapped_sortinos_nb(
    first: np.ndarray, second: np.ndarray, mean_block: float, n_resamples: int, generator: np.random.Generator
) -> np.ndarray:
    """Resample the days of two series together by the stationary bootstrap (Politis and Romano, 1994).

    A block begins at a random day, continues with the next day with probability ``1 - 1 / mean_block`` and wraps around
    at the end, so its length is geometric with mean `mean_block`.

    Returns
    -------
    float64 (n_resamples, 2): the Sortino ratio of either series in each resample.
    """
    n_days = len(first)
    sortinos = np.empty((n_resamples, 2))
    for resample in range(n_resamples):
        totals = np.zeros(2)
        squared_downsides = np.zeros(2)
        at = 0
        for step in range(n_days):
            if step == 0 or generator.random() * mean_block < 1.0:
                at = int(generator.random() * n_days)
            else:
                at = (at + 1) % n_days
            for series in range(2):
                value = first[at] if series == 0 else second[at]
                totals[series] += value
                if value < 0.0:
                    squared_downsides[series] += value * value
        for series in range(2):
            sortinos[resample, series] = _ratio_nb(totals[series], squared_downsides[series], n_days)
    return sortinos
