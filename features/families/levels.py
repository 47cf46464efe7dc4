"""Price levels, in quote, for the conditions of rules. Models learn from distances to them, as in `price`."""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor


@bars_factor("window")
def highest_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Find the highest high.

    Equals: ``high.rolling(window).max()``.
    """
    return np.max(high)


@bars_factor("window")
def lowest_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Find the lowest low.

    Equals: ``low.rolling(window).min()``.
    """
    return np.min(low)
