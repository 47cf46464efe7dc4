"""Days, weeks and months in a window of bars, UTC. A bar belongs to the span in which it closes: midnight ends a day.

Functions for kernels to call, compiled with them. A window that holds two spans of bars and one bar more always holds
the whole of the last closed span: the running one and the closed one have at most a span of bars each, and the bar
before them proves it whole.
"""

from __future__ import annotations

import numpy as np

from tradesieve.market.timeframes import DAY

WEEK = 7 * DAY
LONGEST_MONTH = 31 * DAY
# 1970-01-01 was a Thursday: shifted by three days, a week begins on Monday.
_MONDAY = 3 * DAY


def day_nb(time):  # type: ignore[no-untyped-def]
    """Give the midnight after which the day of a bar that closes at `time` begins, ns UTC."""
    return (time - 1) // DAY * DAY


def week_nb(time):  # type: ignore[no-untyped-def]
    """Give the midnight after which the week of a bar that closes at `time` begins, a Monday's, ns UTC."""
    return (time - 1 + _MONDAY) // WEEK * WEEK - _MONDAY


def month_nb(time):  # type: ignore[no-untyped-def]
    """Give the midnight after which the month of a bar that closes at `time` begins, ns UTC.

    Source: Hinnant (2013), chrono-compatible low-level date algorithms.
    """
    day = (time - 1) // DAY
    # Years from March on, in eras of 400 of them: a leap day is then a year's last.
    of_era = (day + 719_468) % 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return (day - (of_year - (153 * month + 2) // 5)) * DAY


def first_after_nb(close_time, time):  # type: ignore[no-untyped-def]
    """Find the first bar that closes after `time`; their number when there is none."""
    low = 0
    high = len(close_time)
    while low < high:
        middle = (low + high) // 2
        if close_time[middle] > time:
            high = middle
        else:
            low = middle + 1
    return low


def last_day_nb(close_time):  # type: ignore[no-untyped-def]
    """Find where the last day before the running one begins and ends in a window; (0, 0) when it is not whole."""
    stop = first_after_nb(close_time, day_nb(close_time[-1]))
    start = first_after_nb(close_time, day_nb(close_time[stop - 1])) if stop > 0 else 0
    return (start, stop) if start > 0 else (0, 0)


def last_week_nb(close_time):  # type: ignore[no-untyped-def]
    """Find where the last week before the running one begins and ends in a window; (0, 0) when it is not whole."""
    stop = first_after_nb(close_time, week_nb(close_time[-1]))
    start = first_after_nb(close_time, week_nb(close_time[stop - 1])) if stop > 0 else 0
    return (start, stop) if start > 0 else (0, 0)


def last_month_nb(close_time):  # type: ignore[no-untyped-def]
    """Find where the last month before the running one begins and ends in a window; (0, 0) when it is not whole."""
    stop = first_after_nb(close_time, month_nb(close_time[-1]))
    start = first_after_nb(close_time, month_nb(close_time[stop - 1])) if stop > 0 else 0
    return (start, stop) if start > 0 else (0, 0)


def highest_nb(values):  # type: ignore[no-untyped-def]
    """Give the largest of the values, at least one: four at a time, for the windows of thousands of bars."""
    n = len(values)
    a = b = c = d = values[0]
    whole = np.uint64(n - n % 4)
    i = np.uint64(0)
    while i < whole:
        a = max(values[i], a)
        b = max(values[i + np.uint64(1)], b)
        c = max(values[i + np.uint64(2)], c)
        d = max(values[i + np.uint64(3)], d)
        i += np.uint64(4)
    while i < np.uint64(n):
        a = max(values[i], a)
        i += np.uint64(1)
    return max(max(a, b), max(c, d))


def lowest_nb(values):  # type: ignore[no-untyped-def]
    """Give the smallest of the values, at least one: four at a time, for the windows of thousands of bars."""
    n = len(values)
    a = b = c = d = values[0]
    whole = np.uint64(n - n % 4)
    i = np.uint64(0)
    while i < whole:
        a = min(values[i], a)
        b = min(values[i + np.uint64(1)], b)
        c = min(values[i + np.uint64(2)], c)
        d = min(values[i + np.uint64(3)], d)
        i += np.uint64(4)
    while i < np.uint64(n):
        a = min(values[i], a)
        i += np.uint64(1)
    return min(min(a, b), min(c, d))
