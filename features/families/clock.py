"""The clock: time of day and week at the decision, as points on a circle so that midnight is near midnight.

And minutes from openings and to closings: of sessions that begin or end at a minute of the UTC day, of the sessions of
a market, and of New York's without holidays.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.factor import decision_factor, decision_factor_of
from tradesieve.market.calendars.sessions import LONGEST_PAUSE, Sessions
from tradesieve.market.timeframes import DAY

_HOUR = DAY // 24
_WEEK = 7 * DAY
_MINUTE = DAY // 1440
_NEW_YORK = "America/New_York"
_OPENING, _CLOSING = 9 * 60 + 30, 16 * 60  # minutes of New York's day
# 1970-01-01 was a Thursday: shifted by three days, a week begins on Monday.
_MONDAY = 3 * DAY


@decision_factor
def day_sine(decisions: Decisions) -> np.ndarray:
    """Return the sine of the time of day, UTC."""
    return np.sin(2.0 * np.pi * (decisions.time % DAY) / DAY)


@decision_factor
def day_cosine(decisions: Decisions) -> np.ndarray:
    """Return the cosine of the time of day, UTC."""
    return np.cos(2.0 * np.pi * (decisions.time % DAY) / DAY)


@decision_factor
def week_sine(decisions: Decisions) -> np.ndarray:
    """Return the sine of the time of week, UTC, from Monday."""
    return np.sin(2.0 * np.pi * ((decisions.time + _MONDAY) % _WEEK) / _WEEK)


@decision_factor
def week_cosine(decisions: Decisions) -> np.ndarray:
    """Return the cosine of the time of week, UTC, from Monday."""
    return np.cos(2.0 * np.pi * ((decisions.time + _MONDAY) % _WEEK) / _WEEK)


@decision_factor
def hour_sine(decisions: Decisions) -> np.ndarray:
    """Return the sine of the minute of the hour."""
    return np.sin(2.0 * np.pi * (decisions.time % _HOUR) / _HOUR)


@decision_factor
def hour_cosine(decisions: Decisions) -> np.ndarray:
    """Return the cosine of the minute of the hour."""
    return np.cos(2.0 * np.pi * (decisions.time % _HOUR) / _HOUR)


@decision_factor
def month_end(decisions: Decisions) -> np.ndarray:
    """Return the days that are left until the end of the month, UTC; 0 at the midnight that ends it."""
    # A bar that closes at midnight belongs to the day that ends: a nanosecond earlier, it is still that day.
    moment = (decisions.time - 1).astype("datetime64[ns]")
    end = (moment.astype("datetime64[M]") + 1).astype("datetime64[ns]").astype(np.int64)
    return (end - decisions.time) / DAY


@decision_factor_of("session_minute", takes_session=True)
def since_open(decisions: Decisions, session: float | str) -> np.ndarray:
    """Return the minutes since the session last opened, also outside sessions: at a minute of the UTC day, or a market.

    Parameters
    ----------
    session : a minute of the UTC day, then the result is from 0 to below 1440; or a market, as a word of
        `market.calendars.sessions.Sessions`, with its holidays, half days and changes of the clocks.

    Returns
    -------
    float64 (n,); NaN if the calendar of an exchange knows no earlier open.
    """
    if isinstance(session, str):
        return _since_last(_session_times(decisions.time, session)[0], decisions.time)
    return (decisions.time - int(session) * _MINUTE) % DAY / _MINUTE


@decision_factor_of("session_minute", takes_session=True)
def to_close(decisions: Decisions, session: float | str) -> np.ndarray:
    """Return the minutes until the session next closes, also outside sessions: at a minute of the UTC day, or a market.

    Parameters
    ----------
    session : as in `since_open`.

    Returns
    -------
    float64 (n,); 0 at the close; NaN if the calendar of an exchange knows no later close.
    """
    if isinstance(session, str):
        return _until_next(_session_times(decisions.time, session)[1], decisions.time)
    return (int(session) * _MINUTE - decisions.time) % DAY / _MINUTE


@decision_factor
def since_new_york_open(decisions: Decisions) -> np.ndarray:
    """Return the minutes since New York's stock exchanges last opened: 09:30 local time, Monday to Friday.

    Holidays count as sessions, so that no value depends on a table of holidays, which changes.
    """
    return _since_last(_new_york_times(decisions.time, _OPENING), decisions.time)


@decision_factor
def to_new_york_close(decisions: Decisions) -> np.ndarray:
    """Return the minutes until New York's stock exchanges next close: 16:00 local time, Monday to Friday.

    Holidays count as sessions and early closings as full days, as in `since_new_york_open`.
    """
    return _until_next(_new_york_times(decisions.time, _CLOSING), decisions.time)


def _since_last(times: np.ndarray, decision_time: np.ndarray) -> np.ndarray:
    """Return the minutes from the last of ascending times to each decision; NaN if there is none."""
    last = np.searchsorted(times, decision_time, side="right") - 1
    found = last >= 0
    minutes = np.full(len(decision_time), np.nan)
    minutes[found] = (decision_time[found] - times[last[found]]) / _MINUTE
    return minutes


def _until_next(times: np.ndarray, decision_time: np.ndarray) -> np.ndarray:
    """Return the minutes from each decision to the next of ascending times; NaN if there is none."""
    after = np.searchsorted(times, decision_time, side="left")
    found = after < len(times)
    minutes = np.full(len(decision_time), np.nan)
    minutes[found] = (times[after[found]] - decision_time[found]) / _MINUTE
    return minutes


def _session_times(decision_time: np.ndarray, session: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the opens and closes of a market's sessions, from before the decisions to after them."""
    if len(decision_time) == 0:
        return decision_time, decision_time
    first, last = int(decision_time.min()), int(decision_time.max())
    return Sessions(session).between(first - LONGEST_PAUSE, last + LONGEST_PAUSE)


def _new_york_times(decision_time: np.ndarray, minute: int) -> np.ndarray:
    """Return when it is that minute of New York's day, Monday to Friday, from before the decisions to after them."""
    if len(decision_time) == 0:
        return np.zeros(1, np.int64)
    # A weekend is three days long at most from one session to the next.
    first, last = int(decision_time.min()) // DAY - 4, int(decision_time.max()) // DAY + 4
    days = [day for day in range(first, last + 1) if (day + 3) % 7 < 5]
    return np.array([day * DAY + minute * _MINUTE - _new_york_offset(day) for day in days], dtype=np.int64)


@lru_cache(maxsize=20_000)
def _new_york_offset(day: int) -> int:
    # Clocks change there on Sunday night, so the offset at noon holds for a whole day from Monday to Friday.
    offset = datetime.fromtimestamp(day * 86_400 + 43_200, UTC).astimezone(ZoneInfo(_NEW_YORK)).utcoffset()
    return int(offset.total_seconds()) * 1_000_000_000 if offset else 0
