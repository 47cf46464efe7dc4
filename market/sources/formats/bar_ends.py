"""When the bars of a table close: those of whole days, weeks and months end with a day of the table's time zone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradesieve.market.bars import format_time
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.calendars.trading_days import WEEKDAY_NAMES
from tradesieve.market.errors import BadInput, WrongTimeframe
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.timeframes import DAY, HOUR, MINUTE, Timeframe

_UTC = (None, "UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu")
_NOON = 12 * HOUR
_LATEST_START = 8 * DAY
"""The first trading day of a month opens less than this after its begin, the last one closes as much before its end."""
_LATEST_WEEK_END = 3 * DAY
"""A week that is stamped at its end is so on Friday or later."""


def close_times(time: np.ndarray, stamps: Stamps, timeframe: Timeframe) -> tuple[np.ndarray, str | None]:
    """Return when bars close, and the name of their sessions.

    1. A bar of less than a day closes its timeframe after its open.
    2. A bar of days in a time zone closes when its last day ends, which may last 23 or 25 hours. Without a zone, the
       next open shows when such a day closed.
    3. A week or month closes when it ends in its time zone, UTC by default, wherever in it the bar is stamped.

    Parameters
    ----------
    time : int64 ns UTC (n,), in any order.
    stamps : which end of a bar is stamped (None: the open), and in which time zone.

    Returns
    -------
    int64 ns UTC (n,), and a name for `market.calendars.sessions.Sessions` where days begin at a time of day in a zone,
    else None.
    """
    opens = stamps.meaning != "close"
    if timeframe.duration % DAY:
        return (time + timeframe.duration if opens else time), None
    sessions = _sessions(time, stamps.timezone, timeframe) if len(time) else None
    if timeframe.calendar:
        inside = time if opens else time - 1
        if sessions is None:
            return timeframe.grid_end(inside + 1), None
        return Sessions(sessions).close_times(inside, timeframe), sessions
    if not opens:
        return time, sessions
    if sessions is None:
        return time + _lengths(time, timeframe), None
    return Sessions(sessions).close_times(time, timeframe), sessions


def check_calendar(time: np.ndarray, stamps: Stamps, timeframe: Timeframe, *, name: str) -> None:
    """Refuse weeks that do not begin on Monday, and months that do not begin on the 1st; other bars are not looked at.

    Bars may be stamped with the first trading day of their week or month, or the last one where stamps are closes.

    Raises
    ------
    WrongTimeframe : if the bars are other weeks; proposes bars of seven days.
    BadInput : if a month is stamped in its middle.
    """
    if not timeframe.calendar:
        return
    close_time, sessions = close_times(time, stamps, timeframe)
    zone = sessions.partition(" ")[2] if sessions else "UTC"
    is_close = stamps.meaning == "close"
    off = close_time - time if is_close else time - _open_times(close_time, sessions, timeframe)
    if timeframe.calendar == "month" and (off >= _LATEST_START).any():
        row = int(np.argmax(off >= _LATEST_START))
        raise BadInput(
            f"{name}: row {row} at {format_time(time[row])} is not at the {'end' if is_close else 'begin'} of a month "
            f"in {zone}: check --stamp and --timezone, or import days"
        )
    on_edge = off <= _LATEST_WEEK_END if is_close else off < DAY
    if timeframe.calendar == "week" and 2 * np.count_nonzero(on_edge) < len(off):
        row, what = int(np.argmin(on_edge)), "end" if is_close else "begin"
        day = WEEKDAY_NAMES[(int(_local(time[row : row + 1], zone)[0]) // DAY + 3) % 7]
        raise WrongTimeframe(
            f"{name}: row {row} at {format_time(time[row])}, {day} in {zone}, does not {what} a "
            "calendar week (1w is from Monday to Sunday): check --stamp and --timezone, or read bars of seven days",
            "7d",
        )


def calendar_notes(time: np.ndarray, stamps: Stamps, timeframe: Timeframe) -> tuple[str, ...]:
    """Report bars that are not stamped where their week or month begins or ends, and weeks read as seven days."""
    if timeframe.calendar:
        close_time, sessions = close_times(time, stamps, timeframe)
        edge = close_time if stamps.meaning == "close" else _open_times(close_time, sessions, timeframe)
        n_off = int((time != edge).sum())
        what = "from Monday to Sunday" if timeframe.calendar == "week" else "from the 1st"
        return (f"{n_off:,} bars are stamped within their {timeframe.calendar}: each is read as the whole "
                f"{timeframe.calendar} {what}",) if n_off else ()  # fmt: skip
    if timeframe.duration == 7 * DAY and weekday(time, stamps.timezone) == WEEKDAY_NAMES[0]:
        return ("these bars of seven days begin on Monday: 1w names them too; resampled 7d begin on Thursday",)
    if timeframe.duration % DAY == 0 and stamps.meaning != "close" and stamps.timezone in _UTC:
        n_changed = int((_lengths(time, timeframe) != timeframe.duration).sum())
        if n_changed:
            return (f"{n_changed:,} bars last an hour more or less, since clocks changed: pass --timezone to store "
                    "in which zone their days begin",)  # fmt: skip
    return ()


def weekday(time: np.ndarray, timezone: str | None) -> str:
    """Return the day of the week on which most bars begin in a time zone; an evening belongs to the next day."""
    local = _local(time, timezone) + _NOON
    return WEEKDAY_NAMES[int(np.argmax(np.bincount((local // DAY + 3) % 7, minlength=7)))]


def _open_times(close_time: np.ndarray, sessions: str | None, timeframe: Timeframe) -> np.ndarray:
    if sessions is None:
        return timeframe.grid_start(close_time)
    order = np.argsort(close_time, kind="stable")
    opens = np.empty_like(close_time)
    opens[order] = Sessions(sessions).open_times(close_time[order], timeframe)
    return opens


def _lengths(open_time: np.ndarray, timeframe: Timeframe) -> np.ndarray:
    """Return how long each bar lasts: an hour more or less where the next one opens so."""
    order = np.argsort(open_time, kind="stable")
    lengths = np.full(len(open_time), timeframe.duration)
    step = np.diff(open_time[order])
    changed = np.abs(step - timeframe.duration) == HOUR
    lengths[order[:-1][changed]] = step[changed]
    return lengths


def _sessions(time: np.ndarray, timezone: str | None, timeframe: Timeframe) -> str | None:
    """Name the days of a time zone that begin when the bars do; None in UTC, or if they begin at several times of day.

    Weeks and months begin at midnight, or on the evening before; unless all of them are those of UTC.
    """
    if timezone in _UTC:
        return None
    of_day = _local(time, timezone) % DAY // MINUTE
    minute = int(np.argmax(np.bincount(of_day)))
    if timeframe.calendar and minute and (timeframe.grid_start(time + 1) == time).all():
        return None  # weeks or months of UTC on another clock; read as local ones, they would close hours early
    if timeframe.calendar and (minute * MINUTE < _NOON or (of_day != minute).any()):
        minute = 0
    name = f"{minute // 60:02d}:{minute % 60:02d} {timezone}"
    if timeframe.calendar:
        return name
    opens = Sessions(name).between(int(time.min()) - 1, int(time.max()) + 1)[0]
    return name if np.isin(time, opens).all() else None


def _local(time: np.ndarray, timezone: str | None) -> np.ndarray:
    """Return the wall clock of a time zone, ns since 1970."""
    local = pd.DatetimeIndex(time, tz="UTC").tz_convert(timezone or "UTC").tz_localize(None)
    return local.as_unit("ns").asi8
