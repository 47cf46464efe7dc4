"""Price action: how far price moved and where it stands within its range."""

from __future__ import annotations

import numpy as np

from features.factor import bars_factor, series_factor


@bars_factor("window")
def range_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the distance from lowest low to highest high by the last close.

    Equals: ``(high.rolling(window).max() - low.rolling(window).min()) / close``.
    """
    return (np.max(high) - np.min(low)) / close[-1]


@bars_factor("window")
def position_in_range_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Place the last close between the lowest low (0) and the highest high (1). NaN when they are equal.

    Equals: ``(close - low.rolling(window).min()) / (high.rolling(window).max() - low.rolling(window).min())``.
    """
    lowest, highest = np.min(low), np.max(high)
    return (close[-1] - lowest) / (highest - lowest) if highest > lowest else np.nan


@series_factor
def change_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the last value by the first of the window, less 1. NaN when the first is zero.

    Equals: ``values.pct_change(window - 1)``.
    """
    return values[-1] / values[0] - 1.0 if values[0] != 0.0 else np.nan


@bars_factor("window")
def body_share_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the signed body of the bars, open to close, as a share of their high-low range. Flat bars count as 0.

    Equals: ``((close - open) / (high - low)).fillna(0).rolling(window).mean()``.
    """
    total = 0.0
    for i in range(len(close)):
        if high[i] > low[i]:
            total += (close[i] - open_[i]) / (high[i] - low[i])
    return total / len(close)
