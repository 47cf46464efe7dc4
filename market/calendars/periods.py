"""Periods: the day, week, month, quarter or year (UTC) of a time, for reports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY

PERIODS = ("day", "week", "month", "quarter", "year")
_MIN_PERIODS = 6


@dataclass(frozen=True, eq=False)
class Periods:
    """Times grouped by period.

    Parameters
    ----------
    per : one of `PERIODS`.
    names : of the periods that hold a time, in order: ``2024-02-05`` (of a week: its Monday), ``2024-02``, ``2024-Q1``
        or ``2024``.
    code : int64 (n_times,), index into `names`.
    """

    per: str
    names: tuple[str, ...]
    code: np.ndarray


def split_periods(time: np.ndarray, *, per: str | None = None) -> Periods:
    """Group times by period.

    Parameters
    ----------
    time : int64 ns UTC (n_times,).
    per : one of `PERIODS`; None: the longest one of which there are at least six, or else days.

    Raises
    ------
    BadInput : if `time` is empty.
    Unknown : if there is no such period.

    Examples
    --------
    >>> split_periods(np.array([0, 86_400_000_000_000 * 40]), per="month").names
    ('1970-01', '1970-02')
    """
    if per is not None and per not in PERIODS:
        raise Unknown("period", per, PERIODS)
    if not len(time):
        raise BadInput("no times to group by period")
    day = np.asarray(time, dtype=np.int64) // DAY
    for name in reversed(PERIODS) if per is None else (per,):
        number = _number(day, name)
        found, code = np.unique(number, return_inverse=True)
        if per is not None or name == "day" or len(found) >= _MIN_PERIODS:
            break
    return Periods(name, tuple(_name(int(each), name) for each in found), code.astype(np.int64))


def _number(day: np.ndarray, per: str) -> np.ndarray:
    """Number the periods since 1970; a week begins on a Monday, and 1970-01-01 was a Thursday."""
    if per == "day":
        return day
    if per == "week":
        return (day + 3) // 7
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return month // {"month": 1, "quarter": 3, "year": 12}[per]


def _name(number: int, per: str) -> str:
    if per in ("day", "week"):
        return str(np.datetime64(number if per == "day" else number * 7 - 3, "D"))
    if per == "month":
        return str(np.datetime64(number, "M"))
    year = 1970 + number // (4 if per == "quarter" else 1)
    return f"{year}-Q{number % 4 + 1}" if per == "quarter" else str(year)
