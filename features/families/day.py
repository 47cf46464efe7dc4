"""The day so far and the closed days before it, UTC: where price stands against their opens, highs, lows and closes.

A bar belongs to the day in which it closes, midnight ends a day. The last day is the one before the day of
the last bar, or before that where a market rests: the days on which it has bars. The window holds as many bars
as the days can have and one more, so that each day is whole; if it is not, the value is NaN.
"""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor
from tradesieve.features.families.calendar_kernels import (
    first_after_nb,
    highest_nb,
    last_span_nb,
    lowest_nb,
    span_begin_nb,
    span_start_nb,
)
from tradesieve.features.families.lookbacks import spans
from tradesieve.market.timeframes import DAY, Timeframe


def _days_and_one(values: dict[str, float], timeframe: Timeframe) -> int:
    # The day so far, the closed days, and the last bar of the day before them.
    return (int(values["days"]) + 1) * timeframe.bars_in(DAY) + 1


@bars_factor(lookback=spans(DAY))
def from_day_open_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the open of the day's first bar, less 1.

    Equals: ``close / open.groupby(day).transform("first") - 1``.
    """
    return close[-1] / open_[span_start_nb(close_time, DAY)] - 1.0


@bars_factor(lookback=spans(DAY))
def from_day_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the day's highest high so far, less 1; never above 0.

    Equals: ``close / high.groupby(day).cummax() - 1``.
    """
    return close[-1] / highest_nb(high[span_start_nb(close_time, DAY) :]) - 1.0


@bars_factor(lookback=spans(DAY))
def from_day_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the day's lowest low so far, less 1; never below 0.

    Equals: ``close / low.groupby(day).cummin() - 1``.
    """
    return close[-1] / lowest_nb(low[span_start_nb(close_time, DAY) :]) - 1.0


@bars_factor(lookback=spans(DAY, 2))
def from_last_day_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the highest high of the last closed day, less 1. NaN when that day is not whole.

    Equals: ``close / high.groupby(day).max().shift() - 1`` of the bar's day.
    """
    start, stop = last_span_nb(close_time, DAY)
    return close[-1] / highest_nb(high[start:stop]) - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(DAY, 2))
def from_last_day_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the lowest low of the last closed day, less 1. NaN when that day is not whole.

    Equals: ``close / low.groupby(day).min().shift() - 1`` of the bar's day.
    """
    start, stop = last_span_nb(close_time, DAY)
    return close[-1] / lowest_nb(low[start:stop]) - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(DAY, 2))
def from_last_day_close_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the close of the last closed day, less 1. NaN when that day is not whole.

    Equals: ``close / close.groupby(day).last().shift() - 1`` of the bar's day.
    """
    _, stop = last_span_nb(close_time, DAY)
    return close[-1] / close[stop - 1] - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(DAY, 2))
def last_day_range_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the range of the last closed day, from its low to its high, by its close. NaN when it is not whole.

    Equals: ``((high.groupby(day).max() - low.groupby(day).min()) / close.groupby(day).last()).shift()``.
    """
    start, stop = last_span_nb(close_time, DAY)
    return (highest_nb(high[start:stop]) - lowest_nb(low[start:stop])) / close[stop - 1] if stop > 0 else np.nan


@bars_factor(lookback=spans(DAY, 2))
def last_day_position_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Place the close of the last closed day between its low (0) and its high (1). NaN without a range, or not whole.

    Equals: ``((close - low) / (high - low)).shift()`` of the bars of days.
    """
    start, stop = last_span_nb(close_time, DAY)
    if stop == 0:
        return np.nan
    highest, lowest = highest_nb(high[start:stop]), lowest_nb(low[start:stop])
    return (close[stop - 1] - lowest) / (highest - lowest) if highest > lowest else np.nan


@bars_factor(lookback=spans(DAY))
def day_gap_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the open of the day's first bar by the close before it, less 1. NaN without a bar before the day.

    Equals: ``open.groupby(day).first() / close.groupby(day).last().shift() - 1``.
    """
    first = span_start_nb(close_time, DAY)
    return open_[first] / close[first - 1] - 1.0 if first > 0 else np.nan


@bars_factor("days", lookback=_days_and_one)
def daily_change_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last closed day's close by that of `days` days before it, less 1. NaN when a day is not whole.

    Equals: ``close.groupby(day).last().pct_change(days).shift()``.
    """
    last = span_start_nb(close_time, DAY) - 1
    before = last
    for _ in range(int(parameters[0])):
        if before >= 0:
            before = first_after_nb(close_time, span_begin_nb(close_time[before], DAY)) - 1
    return close[last] / close[before] - 1.0 if before >= 0 else np.nan


@bars_factor("days", lookback=_days_and_one)
def daily_volatility_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Take the standard deviation of the log returns of the last `days` closed days. NaN when a day is not whole.

    Each return is from one day's close to the next.
    Equals: ``log(daily_close).diff().rolling(days).std(ddof=0).shift()``.
    """
    n = int(parameters[0])
    returns = np.empty(n)
    mean = 0.0
    last = span_start_nb(close_time, DAY) - 1
    for i in range(n):
        before = first_after_nb(close_time, span_begin_nb(close_time[last], DAY)) - 1 if last >= 0 else -1
        if before < 0:
            return np.nan
        returns[i] = np.log(close[last] / close[before])
        mean += returns[i] / n
        last = before
    total = 0.0
    for i in range(n):
        total += (returns[i] - mean) * (returns[i] - mean)
    return np.sqrt(total / n)
