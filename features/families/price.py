"""Price action: how far price moved and where it stands within its range."""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor, series_factor


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


@bars_factor("window")
def gap_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Add up the gaps that three bars leave, upwards less downwards, divided by the last close.

    Upwards: from the first bar's high to the third's low, prices that only the bar between, or none, has traded.
    Equals: ``((low - high.shift(2)).clip(0) - (low.shift(2) - high).clip(0)).rolling(window - 2).sum() / close``.
    """
    total = 0.0
    for i in range(2, len(close)):
        total += max(low[i] - high[i - 2], 0.0) - max(low[i - 2] - high[i], 0.0)
    return total / close[-1]


@bars_factor("window")
def gap_less_body_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the gaps from a close to the next open less the bodies that follow them, divided by the last close.

    Equals: ``((open - close.shift()) - (close - open)).rolling(window - 1).mean() / close``.
    Source: Lou, Polk and Skouras (2019), A tug of war: overnight versus intraday expected returns.
    """
    total = 0.0
    for i in range(1, len(close)):
        total += open_[i] - close[i - 1] - (close[i] - open_[i])
    return total / (len(close) - 1) / close[-1]


@bars_factor("window")
def upper_shadow_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the part of the bars' range that lies above the body. Flat bars count as 0.

    Equals: ``((high - maximum(open, close)) / (high - low)).fillna(0).rolling(window).mean()``. Source: Nison (1991),
    Japanese Candlestick Charting Techniques.
    """
    total = 0.0
    for i in range(len(close)):
        if high[i] > low[i]:
            total += (high[i] - max(open_[i], close[i])) / (high[i] - low[i])
    return total / len(close)


@bars_factor("window")
def lower_shadow_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the part of the bars' range that lies below the body. Flat bars count as 0.

    Equals: ``((minimum(open, close) - low) / (high - low)).fillna(0).rolling(window).mean()``. Source: Nison (1991),
    Japanese Candlestick Charting Techniques.
    """
    total = 0.0
    for i in range(len(close)):
        if high[i] > low[i]:
            total += (min(open_[i], close[i]) - low[i]) / (high[i] - low[i])
    return total / len(close)


@bars_factor("window")
def overlap_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average what each bar's range shares with the bar before, as a part of both taken together: 1 inside a halt.

    Two flat bars at one price count as 1. Equals: ``((minimum(high, high.shift()) - maximum(low, low.shift())).clip(0)
    / (maximum(high, high.shift()) - minimum(low, low.shift()))).fillna(1).rolling(window - 1).mean()``.
    """
    total = 0.0
    for i in range(1, len(close)):
        both = max(high[i], high[i - 1]) - min(low[i], low[i - 1])
        shared = max(min(high[i], high[i - 1]) - max(low[i], low[i - 1]), 0.0)
        total += shared / both if both > 0.0 else 1.0
    return total / (len(close) - 1)


@bars_factor("window")
def from_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the highest high of the window, less 1; never above 0.

    Equals: ``close / high.rolling(window).max() - 1``.
    """
    return close[-1] / np.max(high) - 1.0


@bars_factor("window")
def from_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the lowest low of the window, less 1; never below 0.

    Equals: ``close / low.rolling(window).min() - 1``.
    """
    return close[-1] / np.min(low) - 1.0


@bars_factor("window")
def since_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Count the bars since the highest high, the latest of equals, as a share of window - 1: 0 now, 1 at its start.

    Equals: ``high.rolling(window).apply(lambda x: argmax(x[::-1])) / (window - 1)``. Source: Chande (1995), Aroon.
    """
    n = len(high)
    best = n - 1
    for i in range(n - 2, -1, -1):
        if high[i] > high[best]:
            best = i
    return (n - 1 - best) / (n - 1)


@bars_factor("window")
def since_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Count the bars since the lowest low, the latest of equals, as a share of window - 1: 0 now, 1 at its start.

    Equals: ``low.rolling(window).apply(lambda x: argmin(x[::-1])) / (window - 1)``. Source: Chande (1995), Aroon.
    """
    n = len(low)
    best = n - 1
    for i in range(n - 2, -1, -1):
        if low[i] < low[best]:
            best = i
    return (n - 1 - best) / (n - 1)
