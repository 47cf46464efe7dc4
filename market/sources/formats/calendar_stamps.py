"""Weeks and months of the calendar: whether the stamps of a table are those of whole ones."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.calendars.market_clocks import (
    local_clock,
    market_time_zones,
    markets_at,
    show_the_same,
)
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.calendars.trading_days import WEEKDAY_NAMES
from tradesieve.market.errors import BadInput, WrongTimeframe
from tradesieve.market.sources.formats.bar_ends import UTC_NAMES, bar_lengths, close_times, settled
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.timeframes import DAY, HOUR, MINUTE, Timeframe

_NOON = 12 * HOUR
_LATEST_START = 8 * DAY
"""The first trading day of a month opens less than this after its begin, the last one closes as much before its end."""
_LATEST_WEEK_END = 3 * DAY
"""A week that is stamped at its end is so on Friday or later."""


def check_calendar(time: np.ndarray, stamps: Stamps, timeframe: Timeframe, *, name: str) -> None:
    """Refuse weeks that do not begin on Monday, and months that do not begin on the 1st; other bars are not looked at.

    Bars may be stamped with the first trading day of their week or month, or the last one where stamps are closes: at
    midnight, or when a market opens or closes. Bars of another grid are stamped at other times of day; read as
    these weeks or months, they would close before their end. The newest row may be that of the download.

    Raises
    ------
    WrongTimeframe : if the bars are other weeks; proposes bars of seven days.
    BadInput : if a month is stamped in its middle, or a bar at another time of day; proposes a zone that fits.
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
        day = WEEKDAY_NAMES[(int(local_clock(time[row : row + 1], zone)[0]) // DAY + 3) % 7]
        raise WrongTimeframe(
            f"{name}: row {row} at {format_time(time[row])}, {day} in {zone}, does not {what} a "
            "calendar week (1w is from Monday to Sunday): check --stamp and --timezone, or read bars of seven days",
            "7d",
        )
    _check_times_of_day(time, is_close, sessions or "00:00 UTC", timeframe, name)


def _check_times_of_day(time: np.ndarray, is_close: bool, sessions: str, timeframe: Timeframe, name: str) -> None:
    clock, _, zone = sessions.partition(" ")
    fits = (_of_day(time, zone) == Sessions(sessions).minute * MINUTE) | ~np.isin(time, settled(time))
    if fits.all():
        return
    market_zones = []
    for market in markets_at(time[~fits], close=is_close):
        if show_the_same(time, market.time_zone, zone):
            return
        market_zones.append(market.time_zone)
    midnights = [each for each in market_time_zones() if not _of_day(settled(time), each).any()]
    row = int(np.argmin(fits))
    raise BadInput(
        f"{name}: row {row} at {format_time(time[row])} is {_clock(time[row], zone)} in {zone}: a {timeframe.calendar} "
        f"{'ends' if is_close else 'begins'} at {clock}, or when a market there {'closes' if is_close else 'opens'}; "
        "check --timezone and --stamp, or import days"
    ).proposing(*({"timezone": each} for each in [*midnights, *market_zones][:1]))


def _of_day(time: np.ndarray, zone: str) -> np.ndarray:
    return local_clock(time, zone) % DAY


def _clock(time: int, zone: str) -> str:
    """Write a time of day in a zone, such as ``11:00`` or ``11:00:00.005``."""
    of_day = str(np.datetime64(int(_of_day(np.array([time]), zone)[0]), "ns"))[11:].rstrip("0").rstrip(".")
    return of_day.removesuffix(":00") if len(of_day) == 8 else of_day


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
    if timeframe.duration % DAY == 0 and stamps.meaning != "close" and stamps.timezone in UTC_NAMES:
        n_changed = int((bar_lengths(time, timeframe) != timeframe.duration).sum())
        if n_changed:
            return (f"{n_changed:,} bars last an hour more or less, since clocks changed: pass --timezone to store "
                    "in which zone their days begin",)  # fmt: skip
    return ()


def weekday(time: np.ndarray, timezone: str | None) -> str:
    """Return the day of the week on which most bars begin in a time zone; an evening belongs to the next day."""
    local = local_clock(time, timezone) + _NOON
    return WEEKDAY_NAMES[int(np.argmax(np.bincount((local // DAY + 3) % 7, minlength=7)))]


def _open_times(close_time: np.ndarray, sessions: str | None, timeframe: Timeframe) -> np.ndarray:
    if sessions is None:
        return timeframe.grid_start(close_time)
    order = np.argsort(close_time, kind="stable")
    opens = np.empty_like(close_time)
    opens[order] = Sessions(sessions).open_times(close_time[order], timeframe)
    return opens
