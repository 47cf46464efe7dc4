"""The clock: time of day and week at the decision, as points on a circle so that midnight is near midnight."""

from __future__ import annotations

import numpy as np

from features.factor import decision_factor
from market.calendars import DAY

_HOUR = DAY // 24
_WEEK = 7 * DAY
# 1970-01-01 was a Thursday: shifted by three days, a week begins on Monday.
_MONDAY = 3 * DAY


@decision_factor
def day_sine(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the sine of the time of day, UTC."""
    return np.sin(2.0 * np.pi * (decision_time % DAY) / DAY)


@decision_factor
def day_cosine(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the cosine of the time of day, UTC."""
    return np.cos(2.0 * np.pi * (decision_time % DAY) / DAY)


@decision_factor
def week_sine(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the sine of the time of week, UTC, from Monday."""
    return np.sin(2.0 * np.pi * ((decision_time + _MONDAY) % _WEEK) / _WEEK)


@decision_factor
def week_cosine(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the cosine of the time of week, UTC, from Monday."""
    return np.cos(2.0 * np.pi * ((decision_time + _MONDAY) % _WEEK) / _WEEK)


@decision_factor
def hour_sine(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the sine of the minute of the hour."""
    return np.sin(2.0 * np.pi * (decision_time % _HOUR) / _HOUR)


@decision_factor
def hour_cosine(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the cosine of the minute of the hour."""
    return np.cos(2.0 * np.pi * (decision_time % _HOUR) / _HOUR)


@decision_factor
def month_end(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the days that are left until the end of the month, UTC; 0 at the midnight that ends it."""
    # A bar that closes at midnight belongs to the day that ends: a nanosecond earlier, it is still that day.
    moment = (decision_time - 1).astype("datetime64[ns]")
    end = (moment.astype("datetime64[M]") + 1).astype("datetime64[ns]").astype(np.int64)
    return (end - decision_time) / DAY
