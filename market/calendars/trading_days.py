"""Trading calendars: the days on which a market trades, and how many of them make a year.

A calendar is named by its instrument, never inferred from the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tradesieve.market.calendars.exchanges import BUILT_IN, check_calendar, exchange_schedule
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY

WEEKDAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class TradingCalendar:
    """The days on which a market trades, as UTC day numbers.

    Parameters
    ----------
    name : see `market.calendars.exchanges.check_calendar`; ``forex`` trades on weekdays.
    days_per_year : trading days in a year, by which ratios are annualised.
    """

    name: str
    days_per_year: float

    def days(self, start_time: int, end_time: int) -> np.ndarray:
        """List the trading days from the day of `start_time` to the day of `end_time` (int64 ns UTC), both included.

        Returns
        -------
        int64 (n_days,), ascending: days since 1970-01-01 UTC. Empty if there is no trading day.

        Raises
        ------
        BadInput : if `end_time` is before `start_time`.
        """
        if end_time < start_time:
            raise BadInput(f"end_time {end_time} is before start_time {start_time}")
        first, last = start_time // DAY, end_time // DAY
        if self.name in BUILT_IN:
            days = np.arange(first, last + 1, dtype=np.int64)
            # 1970-01-01 was a Thursday: (day + 3) % 7 is 0 on a Monday.
            return days if self.name == "always" else days[(days + 3) % 7 < 5]
        # A session may open on the day before the one that it is named by.
        days = exchange_schedule(self.name, (first - 2) * DAY, (last + 2) * DAY).day
        return days[(days >= first) & (days <= last)]


def exchange_closes(name: str, start_time: int, end_time: int) -> np.ndarray:
    """List the scheduled closes of an exchange, with daylight saving time, holidays and half days.

    Parameters
    ----------
    name : the exchange's ISO code, such as ``XNYS``.
    start_time, end_time : int64 ns UTC; closes after `start_time` and up to `end_time` are listed.

    Returns
    -------
    int64 ns UTC (n_closes,), ascending.

    Raises
    ------
    Unknown : if `exchange_calendars` has no such exchange.
    BadInput : if it has no sessions of the exchange at that time.
    """
    import exchange_calendars

    known = exchange_calendars.get_calendar_names()
    if name not in known:
        raise Unknown("calendar", name, known)
    if end_time <= start_time:
        return np.empty(0, np.int64)
    closes = exchange_schedule(name, start_time, end_time + DAY).close_time
    return closes[(closes > start_time) & (closes <= end_time)]


ALWAYS = TradingCalendar("always", 365.0)
WEEKDAYS = TradingCalendar("weekdays", 260.0)
NEW_YORK = TradingCalendar("XNYS", 252.0)

_CALENDARS = {calendar.name: calendar for calendar in (ALWAYS, WEEKDAYS, NEW_YORK)}
_COUNTED_YEARS = range(2014, 2024)
"""The years whose trading days are averaged."""


@lru_cache(maxsize=128)
def get_calendar(name: str) -> TradingCalendar:
    """Find a calendar by its name, see `market.calendars.exchanges.check_calendar`.

    Ratios of an exchange are annualised by the average number of its sessions in a year
    (2014 to 2023), rounded; those of ``forex`` by
    the weekdays of a year.

    Raises
    ------
    Unknown : if there is no such calendar.
    BadInput : if `exchange_calendars` has no schedule of it.

    Examples
    --------
    >>> get_calendar("XLON").days_per_year
    252.0
    """
    if check_calendar(name) in _CALENDARS:
        return _CALENDARS[name]
    if name == "forex":
        return TradingCalendar(name, WEEKDAYS.days_per_year)
    counts = [n_days for year in _COUNTED_YEARS if (n_days := _count_days(name, year))]
    if not counts:
        raise BadInput(f"calendar {name}: exchange_calendars has no schedule of it, so that its days cannot be counted")
    return TradingCalendar(name, float(round(sum(counts) / len(counts))))


def _count_days(name: str, year: int) -> int:
    """Count the trading days of a year; 0 for a year that `exchange_calendars` does not know."""
    start, end = (int(np.datetime64(f"{each}-01-01", "ns").astype(np.int64)) for each in (year, year + 1))
    try:
        return len(TradingCalendar(name, 1.0).days(start, end - 1))
    except BadInput:
        return 0
