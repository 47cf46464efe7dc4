"""Trading calendars: the days on which a market trades, and how many of them make a year.

A calendar is named by its instrument, never inferred from the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tradesieve.market.errors import BadInput, Unknown, lookup
from tradesieve.market.timeframes import DAY

WEEKDAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class TradingCalendar:
    """The days on which a market trades, as UTC day numbers.

    Parameters
    ----------
    name : ``always`` (every day), ``weekdays`` (Monday to Friday), or an exchange's
        ISO code such as ``XNYS``, whose sessions come from `exchange_calendars`.
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
        if self.name in ("always", "weekdays"):
            days = np.arange(first, last + 1, dtype=np.int64)
            # 1970-01-01 was a Thursday: (day + 3) % 7 is 0 on a Monday.
            return days if self.name == "always" else days[(days + 3) % 7 < 5]
        return _exchange_days(self.name, int(first), int(last))


def _exchange_days(name: str, first: int, last: int) -> np.ndarray:
    import exchange_calendars
    import pandas

    start, end = (pandas.Timestamp(day * DAY) for day in (first, last))
    # exchange_calendars refuses a span without sessions, so a week is added on both sides and cut off again.
    margin = pandas.Timedelta(days=7)
    sessions = exchange_calendars.get_calendar(name, start=start - margin, end=end + margin).sessions
    days = sessions.as_unit("ns").asi8 // DAY
    return days[(days >= first) & (days <= last)].astype(np.int64)


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
    first, last = (
        int(np.datetime64(time, "ns").astype("datetime64[Y]").astype(int)) for time in (start_time, end_time)
    )
    closes = [_closes_of_year(name, 1970 + year) for year in range(first, last + 1) if end_time > start_time]
    listed = np.concatenate([np.empty(0, np.int64), *closes])
    return listed[(listed > start_time) & (listed <= end_time)]


@lru_cache(maxsize=256)
def _closes_of_year(name: str, year: int) -> np.ndarray:
    import exchange_calendars

    try:
        # A session of a neighbouring year may close in this one.
        calendar = exchange_calendars.get_calendar(name, start=f"{year - 1}-12-20", end=f"{year + 1}-01-10")
    except ValueError as error:
        raise BadInput(f"calendar {name} is not known for {year}: {error}") from error
    closes = calendar.closes_nanos
    start, end = (np.datetime64(f"{each}-01-01", "ns").astype(np.int64) for each in (year, year + 1))
    return closes[(closes >= start) & (closes < end)].astype(np.int64)


ALWAYS = TradingCalendar("always", 365.0)
WEEKDAYS = TradingCalendar("weekdays", 260.0)
NEW_YORK = TradingCalendar("XNYS", 252.0)

_CALENDARS = {calendar.name: calendar for calendar in (ALWAYS, WEEKDAYS, NEW_YORK)}


def get_calendar(name: str) -> TradingCalendar:
    """Find a calendar by its name.

    Raises
    ------
    Unknown : if there is no such calendar.
    """
    return lookup("calendar", name, _CALENDARS)
