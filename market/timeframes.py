"""Timeframes: how long a bar lasts, written as traders write it (``1m``, ``5m``, ``1h``, ``1d``, ``1w``, ``1M``).

A timeframe is a duration, or a span of the calendar: ``1w`` is a week from Monday, ``1M`` a month from the 1st. ``1w``
is not ``7d``: cells of seven days are counted from 1970-01-01, a Thursday.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tradesieve.market.errors import BadInput

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Durations in nanoseconds."""
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_CENTURY = 36_525 * DAY
_LARGEST_FIRST = ("d", "h", "m", "s")
_CALENDAR_DAYS = {"week": (7, 7), "month": (28, 31)}
"""The fewest and the most days of each span of the calendar."""
_CALENDAR_NAMES = {"week": "1w", "month": "1M"}
_WORDS = {
    "s": ("s", "S", "sec", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "H", "hr", "hour", "hours", "hourly"),
    "d": ("d", "D", "day", "days", "daily"),
    "w": ("w", "W", "wk", "week", "weeks", "weekly"),
    "M": ("M", "mo", "mon", "month", "months", "monthly", "mn"),
}
_UNIT_OF = {word: unit for unit, words in _WORDS.items() for word in words}
_METATRADER = {"M": "m", "H": "h", "D": "d", "W": "w", "MN": "M"}
"""MetaTrader writes the unit first: M1 is a minute, MN1 a month."""
# Local midnights are up to 14 hours away from midnight UTC: a bar that closes by then is still the one that ends.
_LATEST_MIDNIGHT = 15 * HOUR
# 1970-01-01 was a Thursday: shifted by three days, a week begins on Monday.
_DAYS_SINCE_MONDAY = 3


@dataclass(frozen=True, order=True)
class Timeframe:
    """The length of a bar.

    Parameters
    ----------
    duration : nanoseconds, positive, at most a century. Of a month its longest, 31 days.
    calendar : ``week`` (from Monday) or ``month``; empty: every bar lasts `duration`.

    Raises
    ------
    BadInput : if `duration` is out of range, or is not that of a span of the calendar.

    Examples
    --------
    >>> timeframe = parse_timeframe("60m")
    >>> str(timeframe), timeframe.duration
    ('1h', 3600000000000)
    >>> str(parse_timeframe("monthly")), str(parse_timeframe("W1")), parse_timeframe("1w") == parse_timeframe("7d")
    ('1M', '1w', False)
    """

    duration: int
    calendar: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.duration <= _CENTURY:
            raise BadInput(f"a timeframe of {self.duration} ns is not valid: it must be above 0 and at most a century")
        if self.calendar and _CALENDAR_DAYS.get(self.calendar, (0, 0))[1] * DAY != self.duration:
            raise BadInput(f"a timeframe of one calendar {self.calendar!r} does not last {self.duration} ns")

    def __str__(self) -> str:
        if self.calendar:
            return _CALENDAR_NAMES[self.calendar]
        for unit in _LARGEST_FIRST:
            if self.duration % _UNITS[unit] == 0:
                return f"{self.duration // _UNITS[unit]}{unit}"
        return f"{self.duration}ns"

    @property
    def file_name(self) -> str:
        """The name for files and folders, equal to no other in a file system that takes ``1M`` for ``1m``."""
        return "1mo" if self.calendar == "month" else str(self)

    @property
    def shortest(self) -> int:
        """How long the shortest bar lasts, in ns; only of a month less than `duration`."""
        return _CALENDAR_DAYS[self.calendar][0] * DAY if self.calendar else self.duration

    def bars_in(self, duration: int) -> int:
        """Count the bars that cover `duration` nanoseconds, rounded up; of months the shortest ones."""
        return -(-duration // self.shortest)

    def divides(self, longer: Timeframe) -> bool:
        """Tell whether bars of this timeframe, on the UTC grid, make up each bar of another one."""
        if longer.calendar:
            return longer == self or (not self.calendar and DAY % self.duration == 0)
        return not self.calendar and longer.duration % self.duration == 0

    def grid_end(self, time: np.ndarray) -> np.ndarray:
        """Return the end of the cell of the UTC grid in which each time lies; a cell includes its end.

        Parameters
        ----------
        time : int64 ns UTC (n,).

        Returns
        -------
        int64 ns UTC (n,). Cells of a duration are counted from 1970-01-01.
        """
        if not self.calendar:
            return -(-time // self.duration) * self.duration
        return self.period_start(self.period(-(-time // DAY) - 1) + 1) * DAY

    def grid_start(self, end: np.ndarray) -> np.ndarray:
        """Return when the bars opened that close at ends of cells of the UTC grid, int64 ns UTC (n,)."""
        if not self.calendar:
            return end - self.duration
        return self.period_start(self.period(-(-end // DAY) - 1)) * DAY

    def period(self, day: np.ndarray) -> np.ndarray:
        """Return the number of the calendar's week or month in which days lie, int64 (n,).

        Parameters
        ----------
        day : int64 (n,), days since 1970-01-01.
        """
        if self.calendar == "week":
            return (day + _DAYS_SINCE_MONDAY) // 7
        return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)

    def period_start(self, period: np.ndarray) -> np.ndarray:
        """Return the first day of weeks or months by their numbers, int64 (n,): days since 1970-01-01."""
        if self.calendar == "week":
            return period * 7 - _DAYS_SINCE_MONDAY
        return period.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

    def steps(self, close_time: np.ndarray) -> np.ndarray:
        """Count the bars from each close to the next, int64 (n - 1,): 1 if none is missing, 0 if they overlap.

        Parameters
        ----------
        close_time : int64 ns UTC (n,), of bars that may end at local midnights or with sessions.
        """
        if not self.calendar:
            return np.diff(close_time) // self.duration
        return np.diff(self._ending(close_time))

    def nearest_start(self, close_time: np.ndarray) -> np.ndarray:
        """Return the midnights UTC at which weeks or months begin that close at local midnights or with sessions."""
        return self.period_start(self._ending(close_time)) * DAY

    def _ending(self, close_time: np.ndarray) -> np.ndarray:
        return self.period((close_time - _LATEST_MIDNIGHT) // DAY)


CALENDAR_WEEK = Timeframe(7 * DAY, "week")
CALENDAR_MONTH = Timeframe(31 * DAY, "month")
CALENDAR_TIMEFRAMES = (CALENDAR_WEEK, CALENDAR_MONTH)


def parse_timeframe(text: str) -> Timeframe:
    """Read a timeframe such as ``5m``, as vendors write them: ``1mo``, ``1W``, ``weekly``, ``15min``, ``H4``, ``MN1``.

    ``1m`` is a minute and ``1M`` a month; ``M1`` is MetaTrader's minute.

    Raises
    ------
    BadInput : if `text` is not a positive whole number and a unit, or several weeks or months.
    """
    count, unit = _split(str(text).strip())
    if unit is None or count == 0:
        raise BadInput(
            f"timeframe {text!r} is not valid: use a whole number and s, m, h or d, such as 5m or 1h; or 1w or 1M"
        )
    if unit in ("w", "M"):
        if count != 1:
            hint = f"{7 * count}d for bars of {7 * count} days" if unit == "w" else f"{count}m for minutes"
            raise BadInput(f"timeframe {text!r} is not valid: a bar of the calendar lasts 1w or 1M; write {hint}")
        return CALENDAR_WEEK if unit == "w" else CALENDAR_MONTH
    return Timeframe(count * _UNITS[unit])


def _split(text: str) -> tuple[int, str | None]:
    """Return the count and the unit of a timeframe; None for an unknown unit."""
    if found := re.fullmatch(r"(\d+)([A-Za-z]+)", text):
        return int(found[1]), _unit(found[2])
    if (found := re.fullmatch(r"([A-Z]+)(\d+)", text)) and found[1] in _METATRADER:
        return int(found[2]), _METATRADER[found[1]]
    is_word = text in ("D", "W", "M", "MN") or len(text) > 3
    return 1, _unit(text) if is_word else None


def _unit(word: str) -> str | None:
    return _UNIT_OF.get(word) or (_UNIT_OF.get(word.lower()) if len(word) > 1 else None)
