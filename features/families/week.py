"""The week and the month so far, and the closed ones before them, UTC: where price stands against their extremes.

A bar belongs to the span in which it closes; a week begins on Monday. The last span is the one before that of the last
bar in which the market has bars. Lookbacks are long: at one minute, a week and a bar is 10,081 bars, two months and a
bar are 89,281.
"""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor
from tradesieve.features.families.calendar_kernels import (
    MONTH,
    WEEK,
    highest_nb,
    last_span_nb,
    lowest_nb,
    span_start_nb,
)
from tradesieve.features.families.lookbacks import spans


@bars_factor(lookback=spans(WEEK))
def from_week_open_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the open of the week's first bar, less 1.

    Equals: ``close / open.groupby(week).transform("first") - 1``.
    """
    return close[-1] / open_[span_start_nb(close_time, WEEK)] - 1.0


@bars_factor(lookback=spans(WEEK))
def from_week_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the week's highest high so far, less 1; never above 0.

    Equals: ``close / high.groupby(week).cummax() - 1``.
    """
    return close[-1] / highest_nb(high[span_start_nb(close_time, WEEK) :]) - 1.0


@bars_factor(lookback=spans(WEEK))
def from_week_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the week's lowest low so far, less 1; never below 0.

    Equals: ``close / low.groupby(week).cummin() - 1``.
    """
    return close[-1] / lowest_nb(low[span_start_nb(close_time, WEEK) :]) - 1.0


@bars_factor(lookback=spans(WEEK, 2))
def from_last_week_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the highest high of the last closed week, less 1. NaN when that week is not whole.

    Equals: ``close / high.groupby(week).max().shift() - 1`` of the bar's week.
    """
    start, stop = last_span_nb(close_time, WEEK)
    return close[-1] / highest_nb(high[start:stop]) - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(WEEK, 2))
def from_last_week_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the lowest low of the last closed week, less 1. NaN when that week is not whole.

    Equals: ``close / low.groupby(week).min().shift() - 1`` of the bar's week.
    """
    start, stop = last_span_nb(close_time, WEEK)
    return close[-1] / lowest_nb(low[start:stop]) - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(WEEK, 2))
def from_last_week_close_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the close of the last closed week, less 1. NaN when that week is not whole.

    Equals: ``close / close.groupby(week).last().shift() - 1`` of the bar's week.
    """
    _, stop = last_span_nb(close_time, WEEK)
    return close[-1] / close[stop - 1] - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(MONTH))
def from_month_open_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the open of the month's first bar, less 1.

    Equals: ``close / open.groupby(month).transform("first") - 1``.
    """
    return close[-1] / open_[span_start_nb(close_time, MONTH)] - 1.0


@bars_factor(lookback=spans(MONTH))
def from_month_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the month's highest high so far, less 1; never above 0.

    Equals: ``close / high.groupby(month).cummax() - 1``.
    """
    return close[-1] / highest_nb(high[span_start_nb(close_time, MONTH) :]) - 1.0


@bars_factor(lookback=spans(MONTH))
def from_month_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the month's lowest low so far, less 1; never below 0.

    Equals: ``close / low.groupby(month).cummin() - 1``.
    """
    return close[-1] / lowest_nb(low[span_start_nb(close_time, MONTH) :]) - 1.0


@bars_factor(lookback=spans(MONTH, 2))
def from_last_month_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the highest high of the last closed month, less 1. NaN when that month is not whole.

    Equals: ``close / high.groupby(month).max().shift() - 1`` of the bar's month.
    """
    start, stop = last_span_nb(close_time, MONTH)
    return close[-1] / highest_nb(high[start:stop]) - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(MONTH, 2))
def from_last_month_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the lowest low of the last closed month, less 1. NaN when that month is not whole.

    Equals: ``close / low.groupby(month).min().shift() - 1`` of the bar's month.
    """
    start, stop = last_span_nb(close_time, MONTH)
    return close[-1] / lowest_nb(low[start:stop]) - 1.0 if stop > 0 else np.nan


@bars_factor(lookback=spans(MONTH, 2))
def from_last_month_close_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the close of the last closed month, less 1. NaN when that month is not whole.

    Equals: ``close / close.groupby(month).last().shift() - 1`` of the bar's month.
    """
    _, stop = last_span_nb(close_time, MONTH)
    return close[-1] / close[stop - 1] - 1.0 if stop > 0 else np.nan
