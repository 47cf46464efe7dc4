"""Volatility: how much price moves from bar to bar, computed within the window, never from running sums."""

from __future__ import annotations

import numpy as np

from features.factor import bars_factor, series_factor


@series_factor
def volatility_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the standard deviation of the log returns within the window (window - 1 of them). NaN for values <= 0.

    Equals: ``log(values).diff().rolling(window - 1).std(ddof=0)``.
    """
    n = len(values) - 1
    if np.min(values) <= 0.0:
        return np.nan
    mean = np.log(values[-1] / values[0]) / n
    total = 0.0
    for i in range(n):
        deviation = np.log(values[i + 1] / values[i]) - mean
        total += deviation * deviation
    return np.sqrt(total / n)


@bars_factor("window")
def true_range_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the true range over the window's bars but the first, divided by the last close.

    Equals: ``talib.TRANGE(high, low, close).rolling(window - 1).mean() / close``. Source: Wilder (1978).
    """
    total = 0.0
    for i in range(1, len(close)):
        total += max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    return total / (len(close) - 1) / close[-1]


@bars_factor("window")
def volatility_ratio_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the average bar range of the last fifth of the window by that of all of it. NaN when nothing moved.

    Equals: ``(high - low)[-max(1, window // 5) :].mean() / (high - low).mean()``.
    """
    n = len(close)
    recent = max(1, n // 5)
    whole = np.sum(high - low) / n
    return np.sum((high - low)[n - recent :]) / recent / whole if whole > 0.0 else np.nan
