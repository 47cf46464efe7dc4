"""Sessions: when the days of a market begin and end, in its time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.calendars.exchanges import NEW_YORK, exchange_codes, exchange_schedule, time_zone_of
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY, MINUTE, Timeframe

if TYPE_CHECKING:
    from tradesieve.market.bars import Bars

FOREX = "forex"
LONGEST_PAUSE = 20 * DAY
"""No market rests longer between two sessions, but for wars."""
_WITHOUT_SESSIONS = ("always", "weekdays", "24/5", "24/7")
_ROLL = re.compile(r"(\d{1,2}):(\d{2}) (\S+)")
_WORD = re.compile(r"(\d{2})(\d{2})_(\S+)")


@dataclass(frozen=True, eq=False)
class BarSessions:
    """The session of each bar: the one that the bar overlaps, the later one if it overlaps two.

    Parameters
    ----------
    inside : bool (n_bars,), whether the bar overlaps a session.
    open_time, close_time : int64 ns UTC (n_bars,), of the session; 0 where there is none.
    """

    inside: np.ndarray
    open_time: np.ndarray
    close_time: np.ndarray

    @classmethod
    def of_utc_days(cls, bars: Bars, minute: int) -> BarSessions:
        """Return days of 24 hours that begin at a minute of the UTC day; each bar belongs to that in which it opens."""
        open_time = (bars.open_time - minute * MINUTE) // DAY * DAY + minute * MINUTE
        return cls(np.ones(len(bars), np.bool_), open_time, open_time + DAY)


@dataclass(frozen=True)
class Sessions:
    """The sessions of a market.

    Parameters
    ----------
    name : the ISO code of an exchange, such as ``XNYS``, whose hours and half days come from `exchange_calendars`;
        ``forex``, whose days last from 17:00 to 17:00 in New York, Monday to Friday, without Christmas Day and New
        Year's Day; or a time and a zone at which every day ends and the next begins, such as
        ``17:00 America/New_York``, or ``1700_America.New_York`` in a name.

    Raises
    ------
    BadInput : if the time or the zone does not exist.
    Unknown : if there is no such exchange.

    Notes
    -----
    An exchange's session lasts from its open to its close; nothing outside belongs to one. A day that ends at a time of
    day lasts 23 or 25 hours when the clocks change in it.

    Examples
    --------
    >>> Sessions("9:30 America/New_York").word
    '0930_America.New_York'
    >>> Sessions("0930_America.New_York").name
    '09:30 America/New_York'
    """

    name: str

    def __post_init__(self) -> None:
        if word := _WORD.fullmatch(self.name):
            object.__setattr__(self, "name", f"{word[1]}:{word[2]} {word[3].replace('.', '/')}")
        if ":" in self.name:
            minutes, zone = _parse_roll(self.name)
            object.__setattr__(self, "name", f"{_clock(minutes)} {zone}")
        elif self.name != FOREX and self.name not in exchange_codes():
            raise Unknown("exchange", self.name, exchange_codes())

    @property
    def is_time_of_day(self) -> bool:
        """Whether days follow each other without a pause, each up to a time of day in a time zone."""
        return ":" in self.name

    @property
    def minute(self) -> int:
        """The minute of the local day at which days begin that follow each other without a pause."""
        return _parse_roll(self.name)[0]

    @property
    def word(self) -> str:
        """The name without a character that a file name or a parameter could not hold."""
        if ":" not in self.name:
            return self.name
        minutes, zone = _parse_roll(self.name)
        return f"{_clock(minutes).replace(':', '')}_{zone.replace('/', '.')}"

    @property
    def time_zone(self) -> str:
        """The time zone of its clock."""
        return _parse_roll(self.name)[1] if ":" in self.name else time_zone_of(self.name)

    @property
    def hours(self) -> str:
        """The usual hours in words, as in ``09:30 to 16:00 America/New_York``."""
        if ":" in self.name:
            clock = self.name.split()[0]
            return f"{clock} to {clock} {self.time_zone}"
        if self.name == FOREX:
            return f"17:00 to 17:00 {NEW_YORK}"
        import exchange_calendars

        calendar = exchange_calendars.get_calendar(self.name)
        clocks = (f"{times[-1][1]:%H:%M}" for times in (calendar.open_times, calendar.close_times))
        return f"{' to '.join(clocks)} {self.time_zone}"

    def between(self, start_time: int, end_time: int) -> tuple[np.ndarray, np.ndarray]:
        """List the sessions that overlap a span. They are known in advance, and the same whatever the span.

        Parameters
        ----------
        start_time, end_time : int64 ns UTC, the start before the end.

        Returns
        -------
        Opens and closes, int64 ns UTC (n_sessions,) each, ascending; no session opens before the one before it closes.
        """
        if ":" in self.name or self.name == FOREX:
            opens, closes = self._days(start_time, end_time)
            overlaps = (closes > start_time) & (opens < end_time)
            return opens[overlaps], closes[overlaps]
        schedule = exchange_schedule(self.name, start_time, end_time)
        return schedule.open_time, schedule.close_time

    def cells(self, timeframe: Timeframe, start_time: int, end_time: int) -> tuple[np.ndarray, np.ndarray]:
        """List the days, or the weeks or months of a calendar timeframe, that overlap a span.

        A week or month lasts from the open of its first session to the close of its last one. A session belongs to the
        day in which its middle lies, in local time.

        Parameters
        ----------
        start_time, end_time : int64 ns UTC, the start before the end.

        Returns
        -------
        Opens and closes, int64 ns UTC (n,) each, ascending.
        """
        if not timeframe.calendar:
            return self.between(start_time, end_time)
        import pandas as pd

        # With a whole span more on either side, those that overlap are complete.
        opens, closes = self.between(start_time - timeframe.duration - DAY, end_time + timeframe.duration + DAY)
        middle = pd.DatetimeIndex((opens + closes) // 2, tz="UTC").tz_convert(self.time_zone).tz_localize(None)
        day = middle.as_unit("ns").asi8 // DAY
        first = np.flatnonzero(np.diff(timeframe.period(day), prepend=np.iinfo(np.int64).min))
        last = np.append(first[1:], len(day)) - 1
        opens, closes = opens[first], closes[last]
        overlaps = (closes > start_time) & (opens < end_time)
        return opens[overlaps], closes[overlaps]

    def open_times(self, close_time: np.ndarray, timeframe: Timeframe) -> np.ndarray:
        """Return when bars opened that close within sessions.

        A bar of several days opens with the first of its days. A bar outside sessions opens its timeframe before its
        close.

        Parameters
        ----------
        close_time : int64 ns UTC (n,), ascending.

        Returns
        -------
        int64 ns UTC (n,).
        """
        if len(close_time) == 0:
            return close_time
        n_days = self._days_of(timeframe)
        margin = (n_days or 1) * LONGEST_PAUSE
        opens, closes = self.cells(timeframe, int(close_time[0]) - margin, int(close_time[-1]))
        by_duration = close_time - timeframe.duration
        if len(opens) == 0:
            return by_duration
        cell = np.minimum(np.searchsorted(closes, close_time), len(closes) - 1)
        if n_days:
            found = (closes[cell] == close_time) & (cell >= n_days - 1)
            return np.where(found, opens[np.maximum(cell - n_days + 1, 0)], by_duration)
        within = (opens[cell] < close_time) & (close_time <= closes[cell])
        since_open = (close_time - opens[cell] - 1) // timeframe.duration * timeframe.duration
        return np.where(within, opens[cell] + since_open, by_duration)

    def close_times(self, open_time: np.ndarray, timeframe: Timeframe) -> np.ndarray:
        """Return when bars of whole days, weeks or months close: each with the last of its days.

        Parameters
        ----------
        open_time : int64 ns UTC (n,), in any order: opens of days, or times within a week or month.

        Returns
        -------
        int64 ns UTC (n,).
        """
        if len(open_time) == 0:
            return open_time
        n_days = self._days_of(timeframe)
        first, last = int(open_time.min()), int(open_time.max())
        opens, closes = self.cells(timeframe, first - 1, last + (n_days + 1) * 2 * DAY)
        cell = np.searchsorted(opens, open_time, side="right") - 1
        return closes[cell + n_days - 1]

    @staticmethod
    def _days_of(timeframe: Timeframe) -> int:
        """Return how many cells make up a bar; 0 if it is a part of one."""
        return 1 if timeframe.calendar else timeframe.duration // DAY if timeframe.duration % DAY == 0 else 0

    def of_bars(self, bars: Bars) -> BarSessions:
        """Find the session of each bar."""
        open_time, close_time = bars.open_time, bars.close_time
        opens, closes = self.between(int(open_time[0]), int(close_time[-1])) if len(bars) else (open_time, close_time)
        if len(opens) == 0:
            return BarSessions(np.zeros(len(bars), np.bool_), *[np.zeros(len(bars), np.int64)] * 2)
        number = np.searchsorted(opens, close_time, side="left") - 1
        inside = (number >= 0) & (closes[number] > open_time)
        return BarSessions(inside, np.where(inside, opens[number], 0), np.where(inside, closes[number], 0))

    def weekday(self, open_time: np.ndarray, close_time: np.ndarray) -> np.ndarray:
        """Return the weekday of sessions, 0 on Monday: that of the local day of their middle."""
        import pandas as pd

        middle = pd.DatetimeIndex((open_time + close_time) // 2, tz="UTC")
        return middle.tz_convert(self.time_zone).day_of_week.to_numpy().astype(np.int64)

    def _days(self, start_time: int, end_time: int) -> tuple[np.ndarray, np.ndarray]:
        """Return opens and closes of days that cover a span."""
        edges = np.array([start_time - 2 * DAY, end_time + 2 * DAY]).astype("datetime64[ns]").astype("datetime64[Y]")
        first, last = (1970 + edges.astype(np.int64)).tolist()
        parts = [_days_of_year(self.name, year) for year in range(first, last + 1)]
        opens, closes = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
        return opens, closes


def session_word(calendar: str) -> str:
    """Return the sessions of a calendar as a word for names; empty for one that does not close within its days.

    Raises
    ------
    BadInput, Unknown : as `Sessions`.

    Examples
    --------
    >>> session_word("XNYS"), session_word("always"), session_word("8:00 Europe/London")
    ('XNYS', '', '0800_Europe.London')
    """
    return "" if calendar in _WITHOUT_SESSIONS else Sessions(calendar).word


@lru_cache(maxsize=256)
def _days_of_year(name: str, year: int) -> tuple[np.ndarray, np.ndarray]:
    """Return opens and closes of the days that begin in a local year."""
    import pandas as pd

    minutes, zone = (17 * 60, NEW_YORK) if name == FOREX else _parse_roll(name)
    days = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="D")
    # A time that the clock skips moves to the end of the jump; of one that it shows twice, the first counts.
    local = (days + pd.Timedelta(minutes=minutes)).tz_localize(
        zone, nonexistent="shift_forward", ambiguous=np.ones(len(days), dtype=bool)
    )
    rolls = local.tz_convert("UTC").as_unit("ns").asi8
    opens, closes = rolls[:-1], rolls[1:]
    if name == FOREX:
        ends = days[1:]  # a day of forex is named by its end
        holiday = ((ends.month == 1) & (ends.day == 1)) | ((ends.month == 12) & (ends.day == 25))
        trades = (ends.day_of_week < 5) & ~holiday
        opens, closes = opens[trades], closes[trades]
    return opens, closes


def _parse_roll(name: str) -> tuple[int, str]:
    """Return the minute of the day and the zone of ``17:00 America/New_York``."""
    import pandas as pd

    found = _ROLL.fullmatch(name)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise BadInput(f"sessions {name!r} are not valid: use a time and a zone, as in 17:00 America/New_York")
    try:
        pd.Timestamp(0, tz=found[3])
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise BadInput(f"unknown time zone {found[3]!r}; use an IANA name such as America/New_York") from error
    return int(found[1]) * 60 + int(found[2]), found[3]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
