"""The clock: time of day and week at the decision, as points on a circle so that midnight is near midnight."""

from __future__ import annotations

import numpy as np

from features.factor import decision_factor
from market.calendars import DAY

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
