"""When the bars of a table close: those of whole days, weeks and months end with a day of the table's time zone."""

from __future__ import annotations

import numpy as np

from tradesieve.market.calendars.market_clocks import local_clock, markets_at, show_the_same
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.timeframes import DAY, HOUR, MINUTE, Timeframe

UTC_NAMES = (None, "UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu")
_NOON = 12 * HOUR
_CLOCK_CHANGES = (HOUR, HOUR // 2)  # on Lord Howe Island it is half an hour
_FEWEST_SETTLED = 3
"""From so many rows on the newest is not looked at: some vendors stamp it with the time of the download."""


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
    sessions = _sessions(time, stamps.timezone, timeframe, close=not opens) if len(time) else None
    if timeframe.calendar:
        inside = time if opens else time - 1
        if sessions is None:
            return timeframe.grid_end(inside + 1), None
        return Sessions(sessions).close_times(inside, timeframe), sessions
    if not opens:
        return time, sessions
    if sessions is None:
        return time + bar_lengths(time, timeframe), None
    return Sessions(sessions).close_times(time, timeframe), sessions


def settled(time: np.ndarray) -> np.ndarray:
    """Return the times without the newest one, which may be that of the download; of few rows all."""
    older = time[time < time.max()]
    return older if len(older) >= _FEWEST_SETTLED - 1 else time


def bar_lengths(open_time: np.ndarray, timeframe: Timeframe) -> np.ndarray:
    """Return how long each bar lasts: an hour, or half of one, more or less where the next one opens so."""
    order = np.argsort(open_time, kind="stable")
    lengths = np.full(len(open_time), timeframe.duration)
    step = np.diff(open_time[order])
    changed = np.isin(np.abs(step - timeframe.duration), _CLOCK_CHANGES)
    lengths[order[:-1][changed]] = step[changed]
    return lengths


def _sessions(time: np.ndarray, timezone: str | None, timeframe: Timeframe, *, close: bool) -> str | None:
    """Name the days of a time zone that begin when the bars do; None in UTC, or if they begin at several times of day.

    Weeks and months begin at midnight, or on the evening before; unless all of them are those of UTC.
    """
    if timezone in UTC_NAMES:
        return None
    if timeframe.calendar:
        return _calendar_sessions(settled(time), timezone, timeframe, close=close)
    minute = int(np.argmax(np.bincount(local_clock(time, timezone) % DAY // MINUTE)))
    name = _roll(minute, timezone)
    opens = Sessions(name).between(int(time.min()) - 1, int(time.max()) + 1)[0]
    return name if np.isin(time, opens).all() else None


def _calendar_sessions(time: np.ndarray, timezone: str | None, timeframe: Timeframe, *, close: bool) -> str | None:
    """Name the days of which weeks or months consist.

    They begin in the evening if a bar is stamped just there: at other times of day, the evening before is not theirs.
    """
    of_day = local_clock(time, timezone) % DAY
    if of_day.any() and (timeframe.grid_start(time + 1) == time).all():
        return None  # weeks or months of UTC on another clock; read as local ones, they would close hours early
    minute, rest = divmod(int(of_day[0]), MINUTE)
    if rest == 0 and minute * MINUTE >= _NOON and (of_day == of_day[0]).all():
        evening = Sessions(_roll(minute, timezone))
        edges = evening.cells(timeframe, int(time.min()) - 1, int(time.max()) + 1)[close]
        if _begin_in_evening(time, np.isin(time, edges), timezone, close=close):
            return evening.name
    return _roll(0, timezone)


def _begin_in_evening(time: np.ndarray, is_edge: np.ndarray, timezone: str | None, *, close: bool) -> bool:
    if not close:
        return bool(is_edge.any())
    # The last session of a month may close in the evening of its last day, in a market that rests at night.
    markets = [each for each in markets_at(time, close=True) if show_the_same(time, timezone, each.time_zone)]
    return any(market.never_rests for market in markets) if markets else bool(is_edge.all())


def _roll(minute: int, timezone: str | None) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d} {timezone}"
