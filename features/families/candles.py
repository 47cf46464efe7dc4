"""Candles: the shapes of the last one or two bars, as numbers. 0 where a bar does not have the shape.

Source: Nison (1991), Japanese Candlestick Charting Techniques; Crabel (1990) for bars inside and outside of others.
"""

from __future__ import annotations

from tradesieve.features.factor import bars_factor
from tradesieve.features.families.lookbacks import bars


@bars_factor(lookback=bars(2))
def engulfing_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Return the last body's share of the last two if it turns against the one before and covers it; below 0 downwards.

    From 0.5 for bodies of one size to 1; 0 when the last two bars do not engulf. Its sign is that of
    ``talib.CDLENGULFING``. Equals: ``body / (abs(body) + abs(body.shift()))`` where body is close - open.
    """
    body, before = close[-1] - open_[-1], close[-2] - open_[-2]
    covers = max(open_[-1], close[-1]) >= max(open_[-2], close[-2]) and min(open_[-1], close[-1]) <= min(
        open_[-2], close[-2]
    )
    turns = (body > 0.0 and before < 0.0) or (body < 0.0 and before > 0.0)
    return body / (abs(body) + abs(before)) if covers and turns else 0.0


@bars_factor(lookback=bars(1))
def hammer_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Subtract the shadow above the last body from that below, as a share of the range: 1 a hammer, -1 a shooting star.

    0 for a flat bar. Equals: ``((minimum(open, close) - low - high + maximum(open, close)) / (high - low)).fillna(0)``.
    """
    if high[-1] <= low[-1]:
        return 0.0
    below, above = min(open_[-1], close[-1]) - low[-1], high[-1] - max(open_[-1], close[-1])
    return (below - above) / (high[-1] - low[-1])


@bars_factor(lookback=bars(1))
def doji_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Return the share of the last bar's range that is no body: 1 for a doji, and for a flat bar.

    Equals: ``(1 - abs(close - open) / (high - low)).fillna(1)``.
    """
    return 1.0 - abs(close[-1] - open_[-1]) / (high[-1] - low[-1]) if high[-1] > low[-1] else 1.0


@bars_factor(lookback=bars(2))
def inside_bar_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Return how much narrower the last bar is than the one before when it lies within that, as a share; else 0.

    Equals: ``(1 - range / range.shift()).where((high <= high.shift()) & (low >= low.shift()), 0)``.
    """
    before = high[-2] - low[-2]
    inside = high[-1] <= high[-2] and low[-1] >= low[-2] and before > 0.0
    return 1.0 - (high[-1] - low[-1]) / before if inside else 0.0


@bars_factor(lookback=bars(2))
def outside_bar_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Return how much wider the last bar is than the one before when it covers that, as a share of itself; else 0.

    Equals: ``(1 - range.shift() / range).where((high >= high.shift()) & (low <= low.shift()), 0)``.
    """
    now = high[-1] - low[-1]
    outside = high[-1] >= high[-2] and low[-1] <= low[-2] and now > 0.0
    return 1.0 - (high[-2] - low[-2]) / now if outside else 0.0
