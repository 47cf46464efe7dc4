"""Trading calendars: which days count, and how many of them make a year.

A calendar belongs to an instrument and is named there, never guessed from the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.errors import BadInput, Unknown

DAY = 86_400_000_000_000
"""Nanoseconds in a day."""


@dataclass(frozen=True)
class TradingCalendar:
    """The days on which a market trades, as UTC day numbers.

    Parameters
    ----------
    name : ``always`` (every day), ``weekdays`` (Monday to Friday), or an exchange's
        ISO code such as ``XNYS``, whose sessions come from `exchange_calendars`.
    days_per_year : how many trading days make a year; annualises every ratio.
    """

    name: str
    days_per_year: float

    def days(self, start_time: int, end_time: int) -> np.ndarray:
        """List the trading days from the day of `start_time` to the day of `end_time`, both included.

        Returns
        -------
        int64 array, ascending: days since 1970-01-01 UTC. Empty when no day trades.

        Raises
        ------
        BadInput : if `end_time` is before `start_time`.
        """
        if end_time < start_time:
            raise BadInput(f"end_time {end_time} is before start_time {start_time}")
        first, last = start_time // DAY, end_time // DAY
        if self.name in ("always", "weekdays"):
            every = np.arange(first, last + 1, dtype=np.int64)
            # 1970-01-01 was a Thursday: (day + 3) % 7 is 0 on a Monday.
            return every if self.name == "always" else every[(every + 3) % 7 < 5]
        return _exchange_days(self.name, int(first), int(last))


def _exchange_days(name: str, first: int, last: int) -> np.ndarray:
    import exchange_calendars
    import pandas

    start, end = (pandas.Timestamp(day * DAY) for day in (first, last))
    # A calendar refuses an empty span, so a week is added on both sides and cut off again.
    margin = pandas.Timedelta(days=7)
    sessions = exchange_calendars.get_calendar(name, start=start - margin, end=end + margin).sessions
    days = sessions.as_unit("ns").asi8 // DAY
    return days[(days >= first) & (days <= last)].astype(np.int64)


ALWAYS = TradingCalendar("always", 365.0)
WEEKDAYS = TradingCalendar("weekdays", 260.0)
NEW_YORK = TradingCalendar("XNYS", 252.0)

_CALENDARS = {calendar.name: calendar for calendar in (ALWAYS, WEEKDAYS, NEW_YORK)}


def calendar_named(name: str) -> TradingCalendar:
    """Find a calendar by its name.

    Raises
    ------
    Unknown : if there is no such calendar.
    """
    try:
        return _CALENDARS[name]
    except KeyError:
        raise Unknown("calendar", name, _CALENDARS) from None
