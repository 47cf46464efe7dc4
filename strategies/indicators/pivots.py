"""Pivots: highs and lows at which a market turned, each known only some bars later."""

from __future__ import annotations

import numpy as np

from tradesieve.market.kernel_cache import njit


@njit(cache=True, nogil=True)
def pivot_highs_nb(high: np.ndarray, reach: int) -> np.ndarray:
    """Find bars whose high is above the highs of the `reach` bars before and not below those of the `reach` bars after.

    Pivot lows are the pivot highs of ``-low``.

    Returns
    -------
    int64 (n_pivots,), ascending rows.

    Known at: the close of the bar `reach` bars after the pivot.
    """
    n = len(high)
    rows = np.empty(n, np.int64)
    found = 0
    for i in range(reach, n - reach):
        k = 1
        while k <= reach and high[i - k] < high[i] and high[i + k] <= high[i]:
            k += 1
        if k > reach:
            rows[found] = i
            found += 1
    return rows[:found].copy()
