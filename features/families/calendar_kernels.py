"""Days, weeks and months in a window of bars, UTC. A bar belongs to the span in which it closes: midnight ends a day.

Functions that kernels call, compiled with them. A window of the bars of two spans and one more always holds all of the
last closed span: the running one and the closed one have at most a span of bars each, and the bar before them proves
that the closed one is whole.
"""

from __future__ import annotations

import numpy as np

from tradesieve.market.timeframes import DAY

WEEK = 7 * DAY
MONTH = 31 * DAY
"""The longest one."""
# 1970-01-01 was a Thursday: shifted by three days, a week begins on Monday.
_MONDAY = 3 * DAY


def _month_begin_nb(time):  # type: ignore[no-untyped-def]
    """Return the midnight at which the month of a bar that closes at `time` begins, ns UTC.

    Source: Hinnant (2013), chrono-compatible low-level date algorithms.
    """
    day = (time - 1) // DAY
    # Years from March on, in eras of 400 of them: a leap day is then a year's last.
    of_era = (day + 719_468) % 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return (day - (of_year - (153 * month + 2) // 5)) * DAY


def span_begin_nb(time, span):  # type: ignore[no-untyped-def]
    """Return the midnight at which the span of a bar that closes at `time` begins, ns UTC.

    `span` is `DAY`, `WEEK` (from Monday) or `MONTH`.
    """
    if span == MONTH:
        return _month_begin_nb(time)
    shift = _MONDAY if span == WEEK else 0
    return (time - 1 + shift) // span * span - shift


def first_after_nb(close_time, time):  # type: ignore[no-untyped-def]
    """Return the first bar that closes after `time`; the number of bars if there is none."""
    low = 0
    high = len(close_time)
    while low < high:
        middle = (low + high) // 2
        if close_time[middle] > time:
            high = middle
        else:
            low = middle + 1
    return low


def span_start_nb(close_time, span):  # type: ignore[no-untyped-def]
    """Return the first bar of the running span, that of the last bar."""
    return first_after_nb(close_time, span_begin_nb(close_time[-1], span))


def last_span_nb(close_time, span):  # type: ignore[no-untyped-def]
    """Return where the last span before the running one starts and stops in a window; (0, 0) if it is not whole."""
    stop = span_start_nb(close_time, span)
    start = first_after_nb(close_time, span_begin_nb(close_time[stop - 1], span)) if stop > 0 else 0
    return (start, stop) if start > 0 else (0, 0)


def highest_nb(values):  # type: ignore[no-untyped-def]
    """Return the largest of the values, at least one: four at a time, for windows of thousands of bars."""
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
    """Return the smallest of the values, at least one: four at a time, for windows of thousands of bars."""
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
