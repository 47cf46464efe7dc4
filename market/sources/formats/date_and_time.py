"""Dates and times of day in two columns, joined into one."""

from __future__ import annotations

import pandas as pd

TIME_OF_DAY = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?"
_COMPACT_TIME = r"\d{1,6}"
_TIME_NAMES = ("time", "timestamp")


def find_pair(columns: list[str]) -> tuple[str, str] | None:
    """Return the names of a column of dates and one of times of day, if both are there; names are in lower case."""
    time = next((name for name in _TIME_NAMES if name in columns), None)
    return ("date", time) if "date" in columns and time is not None else None


def is_time_of_day(column: pd.Series) -> bool:
    """Tell whether the cells of a column are times of day: 9:30, 09:30:00, 0930 or 093000."""
    text = column.astype("str").str.strip()
    return bool(len(text)) and bool(text.str.fullmatch(rf"{TIME_OF_DAY}|{_COMPACT_TIME}").fillna(False).all())


def join_date_and_time(date: pd.Series, time: pd.Series, *, compact_allowed: bool) -> pd.Series:
    """Join a date and a time of day.

    Parameters
    ----------
    compact_allowed : whether 20240308 and 093000 are written as 2024-03-08 and 09:30:00.

    Returns
    -------
    Text: the date, a space, the time of day.
    """
    date, time = date.astype("str").str.strip(), time.astype("str").str.strip()
    if compact_allowed and bool(date.str.fullmatch(r"\d{8}").fillna(False).all()):
        date = date.str.replace(r"(\d{4})(\d{2})(\d{2})", r"\1-\2-\3", regex=True)
    if compact_allowed and bool(time.str.fullmatch(_COMPACT_TIME).fillna(False).all()):
        digits = time.str.zfill(6 if int(time.str.len().max()) > 4 else 4)
        time = digits.str.replace(r"(\d{2})(?=\d)", r"\1:", regex=True)
    return date.str.cat(time, sep=" ")
