"""The day so far: where price stands against the UTC day's open, high and low.

A bar belongs to the day in which it closes, midnight being the end of a day. The window holds a whole day of bars and
one more, so the day's first bar is always in it.
"""

from __future__ import annotations

import numpy as np

from features.factor import bars_factor
from market.calendars import DAY
from market.timeframes import Timeframe


def _day_and_one(values: dict[str, float], timeframe: Timeframe) -> int:
    return timeframe.bars_in(DAY) + 1


@bars_factor(lookback=_day_and_one)
def from_day_open_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the open of the day's first bar, less 1."""
    today = (close_time[-1] - 1) // DAY
    first = len(close) - 1
    while first > 0 and (close_time[first - 1] - 1) // DAY == today:
        first -= 1
    return close[-1] / open_[first] - 1.0


@bars_factor(lookback=_day_and_one)
def from_day_high_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the day's highest high so far, less 1; never above 0."""
    today = (close_time[-1] - 1) // DAY
    first = len(close) - 1
    while first > 0 and (close_time[first - 1] - 1) // DAY == today:
        first -= 1
    return close[-1] / np.max(high[first:]) - 1.0


@bars_factor(lookback=_day_and_one)
def from_day_low_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the day's lowest low so far, less 1; never below 0."""
    today = (close_time[-1] - 1) // DAY
    first = len(close) - 1
    while first > 0 and (close_time[first - 1] - 1) // DAY == today:
        first -= 1
    return close[-1] / np.min(low[first:]) - 1.0
