"""Rotation kernels: sums of the daily returns of a filter and of the same filter at other times, in compiled loops.

They release the GIL and draw from the generator that they are given.
"""

from __future__ import annotations

import numpy as np

from tradesieve.market.kernel_cache import njit


@njit(cache=True, nogil=True)
def sums_of_sizes_nb(
    day: np.ndarray, effect: np.ndarray, capital: np.ndarray, excess: np.ndarray, sizes: np.ndarray, n_days: int
) -> tuple[float, float, float, float, float]:
    """Sum the daily returns at `sizes` and what the filter adds, and the squares of both.

    Equals: ``daily.sum()``, ``(np.minimum(daily, 0) ** 2).sum()``, ``(sizes * capital).sum()``, ``added.sum()`` and
    ``(added ** 2).sum()``, where ``daily`` is ``np.bincount(day, sizes * effect, n_days)`` and ``added`` is
    ``np.bincount(day, (sizes - share) * excess, n_days)``, with the share of the capital that is used,
    ``(sizes * capital).sum() / capital.sum()``. What is added is zero where it is no more than rounding errors.
    """
    invested = 0.0
    whole = 0.0
    for row in range(len(day)):
        invested += sizes[row] * capital[row]
        whole += capital[row]
    share = invested / whole if whole > 0.0 else 0.0
    daily, daily_added = np.zeros(n_days), np.zeros(n_days)
    for row in range(len(day)):
        daily[day[row]] += sizes[row] * effect[row]
        daily_added[day[row]] += (sizes[row] - share) * excess[row]
    total = 0.0
    squared = 0.0
    squared_downside = 0.0
    added = 0.0
    squared_added = 0.0
    for place in range(n_days):
        value = daily[place]
        total += value
        squared += value * value
        if value < 0.0:
            squared_downside += value * value
        added += daily_added[place]
        squared_added += daily_added[place] * daily_added[place]
    if squared_added <= 1e-24 * squared:
        return total, squared_downside, invested, 0.0, 0.0
    return total, squared_downside, invested, added, squared_added


@njit(cache=True, nogil=True)
def rotated_sums_nb(
    day: np.ndarray,
    effect: np.ndarray,
    capital: np.ndarray,
    excess: np.ndarray,
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

    Returns
    -------
    float64 (n_draws, 5). Equals: for each draw ``sums_of_sizes_nb`` of ``sizes[nearest]``, where ``nearest`` minimises
    within the group the distance on the circle from ``position + u``.
    """
    sums = np.empty((n_draws, 5))
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
        sums[draw] = sums_of_sizes_nb(day, effect, capital, excess, rotated, n_days)
    return sums
