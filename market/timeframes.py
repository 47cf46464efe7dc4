"""Timeframes: how long a bar lasts, written as traders write it (``1m``, ``5m``, ``1h``, ``1d``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, order=True)
class Timeframe:
    """The length of a bar.

    Parameters
    ----------
    duration : nanoseconds, positive, at most a century.

    Raises
    ------
    BadInput : if `duration` is out of range.

    Examples
    --------
    >>> timeframe = parse_timeframe("60m")
    >>> str(timeframe), timeframe.duration
    ('1h', 3600000000000)
    """

    duration: int

    def __post_init__(self) -> None:
        if not 0 < self.duration <= _CENTURY:
            raise BadInput(f"a timeframe of {self.duration} ns is not valid: it must be above 0 and at most a century")

    def __str__(self) -> str:
        for unit in _LARGEST_FIRST:
            if self.duration % _UNITS[unit] == 0:
                return f"{self.duration // _UNITS[unit]}{unit}"
        return f"{self.duration}ns"

    def bars_in(self, duration: int) -> int:
        """Count the bars that cover `duration` nanoseconds, rounded up."""
        return -(-duration // self.duration)


def parse_timeframe(text: str) -> Timeframe:
    """Read a timeframe such as ``5m``.

    Raises
    ------
    BadInput : if `text` is not a positive whole number followed by s, m, h or d.
    """
    match = re.fullmatch(r"(\d+)([smhd])", str(text).strip())
    if match is None or int(match[1]) == 0:
        raise BadInput(f"timeframe {text!r} is not valid: use a whole number and s, m, h or d, such as 5m or 1h")
    return Timeframe(int(match[1]) * _UNITS[match[2]])
