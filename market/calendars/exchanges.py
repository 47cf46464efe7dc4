"""The calendars that an instrument may name, and the schedules of exchanges: the one door to `exchange_calendars`."""

from __future__ import annotations

import difflib
import textwrap
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY

BUILT_IN = ("always", "weekdays", "forex")
"""The calendars that are not those of an exchange."""
_USUAL = (*BUILT_IN, "XNYS", "CMES")
NEW_YORK = "America/New_York"
_YEARS_PER_BLOCK = 10  # exchange_calendars takes as long for ten years as for one


@dataclass(frozen=True, eq=False)
class Schedule:
    """Scheduled sessions, in order.

    Parameters
    ----------
    day : int64 (n_sessions,), the day that each is named by, in days since 1970-01-01.
    open_time, close_time : int64 ns UTC (n_sessions,), with daylight saving time, holidays and half days.
    """

    day: np.ndarray
    open_time: np.ndarray
    close_time: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> Schedule:
        """Select sessions."""
        return Schedule(self.day[rows], self.open_time[rows], self.close_time[rows])


def check_calendar(name: str) -> str:
    """Return the name of a calendar after checking it: ``always``, ``weekdays``, ``forex``, or an exchange's code.

    ``weekdays`` is Monday to Friday in UTC. ``forex`` is Sunday 17:00 to Friday 17:00 in New York without Christmas Day
    and New Year's Day. An exchange's ISO code (``XNYS``, ``CMES``) stands for its sessions in `exchange_calendars`,
    with holidays and early closes.

    Raises
    ------
    Unknown : if there is no such calendar; suggests the nearest name.
    """
    if name not in BUILT_IN and name not in exchange_codes():
        near_usual = difflib.get_close_matches(name, _USUAL, cutoff=0.6)
        raise Unknown("calendar", name, _USUAL if near_usual else [*BUILT_IN, *exchange_codes()])
    return name


def time_zone_of(name: str) -> str:
    """Return the time zone in which the hours of a calendar are the same all year."""
    if name in ("always", "weekdays"):
        return "UTC"
    if name == "forex":
        return NEW_YORK
    import exchange_calendars

    return str(exchange_calendars.get_calendar(name).tz)


def exchange_schedule(name: str, start_time: int, end_time: int) -> Schedule:
    """Return the sessions of an exchange that overlap a span.

    A schedule is known in advance: it is the same whatever the span, and causal.

    Parameters
    ----------
    start_time, end_time : int64 ns UTC; sessions with close > start_time and open < end_time are returned.

    Raises
    ------
    BadInput : if `exchange_calendars` has no schedule of it at that time.
    """
    first, last = ((1970 + _year(time)) // _YEARS_PER_BLOCK for time in (start_time - DAY, end_time + DAY))
    try:
        blocks = [_block(name, number * _YEARS_PER_BLOCK) for number in range(first, last + 1)]
    except (ValueError, NotImplementedError) as error:  # the second where its holidays need an older pandas
        year, reason = 1970 + _year(start_time), textwrap.shorten(str(error), 200)
        raise BadInput(f"calendar {name} is not known for {year}: {reason}") from error
    whole = blocks[0] if len(blocks) == 1 else _joined(blocks)
    # Sessions are in order and do not overlap, so that those of a span stand together.
    begin = int(np.searchsorted(whole.close_time, start_time, side="right"))
    end = int(np.searchsorted(whole.open_time, end_time, side="left"))
    return whole[begin : max(begin, end)]


@lru_cache(maxsize=1)
def exchange_codes() -> tuple[str, ...]:
    """Return the codes of all exchanges, without their other names."""
    import exchange_calendars

    return tuple(exchange_calendars.get_calendar_names(include_aliases=False))


def _year(time: int) -> int:
    return int(np.datetime64(time, "ns").astype("datetime64[Y]").astype(int))


def _joined(blocks: list[Schedule]) -> Schedule:
    return Schedule(
        *(np.concatenate([getattr(block, part) for block in blocks]) for part in ("day", "open_time", "close_time"))
    )


@lru_cache(maxsize=64)
def _block(name: str, first_year: int) -> Schedule:
    """Return the sessions that are named by a day of ten years, as far as `exchange_calendars` knows them."""
    import exchange_calendars
    import pandas as pd

    start, end = pd.Timestamp(first_year, 1, 1), pd.Timestamp(first_year + _YEARS_PER_BLOCK - 1, 12, 31)
    try:
        calendar = exchange_calendars.get_calendar(name, start=start, end=end)
    except ValueError:
        known = exchange_calendars.get_calendar(name)
        first, last = max(start, known.bound_min() or start), min(end, known.bound_max() or end)
        if first >= last:
            raise
        calendar = exchange_calendars.get_calendar(name, start=first, end=last)
    days = calendar.sessions.as_unit("ns").asi8 // DAY
    return Schedule(days, *(times.astype(np.int64) for times in (calendar.opens_nanos, calendar.closes_nanos)))
