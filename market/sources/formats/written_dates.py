"""Dates as people write them: 13.02.2024, 1/2/2024 9:30 AM, 13-Feb-2024, Feb 13, 2024 and 20240213."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from tradesieve.market.errors import BadInput

DATE_ORDERS = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
"""The orders of day, month and year."""
_SHORT_YEAR = re.compile(r"(\d{1,2}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ])(\d{2})(?=\D|$)")
_TWELVE_HOURS = re.compile(r"(?<!\d)\d{1,2}((?::\d\d)*(?:\.\d+)?\s?)[AP]M\b", re.IGNORECASE)
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_SHOWN_FORMAT = "%Y-%m-%d"


def parse_written_dates(column: pd.Series, order: str | None, *, name: str) -> tuple[pd.Series, tuple[str, ...]]:
    """Parse dates in one format, whose order of day and month the rows must settle.

    1. Guess the format of the first row (pandas), in each order of day, month and year.
    2. Keep the formats that read every row: a 13 can be no month.
    3. Of several, keep those whose times only increase, or only decrease, from row to row.

    Parameters
    ----------
    column : text.
    order : one of `DATE_ORDERS`; None: settled by the rows.
    name : what errors call the table.

    Returns
    -------
    datetime64 (n_rows,), with a zone where the text has an offset; and a note where the order of the date was settled.

    Raises
    ------
    BadInput : if no format reads every row, or the rows leave more than one order; proposes the option.
    """
    text = column.astype("str").str.strip()
    formats = _guessed_formats(str(text.iloc[0]))
    chosen = {key: form for key, form in formats.items() if order in (None, key)}
    if not chosen:
        raise BadInput(f"{name}: column {column.name} holds {text.iloc[0]!r}, which is not a date that is known")
    parsed = {key: _parsed(text, form) for key, form in chosen.items()}
    complete = {key: times for key, times in parsed.items() if times.notna().all()}
    if not complete:
        times = max(parsed.values(), key=lambda times: int(times.notna().sum()))
        row = int(np.argmax(times.isna()))
        raise BadInput(f"{name}: row {row} has {text.iloc[row]!r} in column {column.name}, which is not a valid time")
    readings = complete if len(complete) == 1 or _all_equal(complete) else _in_order(complete)
    if len(readings) > 1 and not _all_equal(readings):
        raise _undecided(readings, text, f"{name}: column {column.name}")
    key, times = next(iter(readings.items()))
    if order is not None or len(formats) == 1:
        return times, ()
    if len(complete) > 1:
        reason = "" if _all_equal(complete) else ", the only order in which the rows are in order"
    else:
        others = [other for each, other in parsed.items() if each != key]
        reason = f", as row {(row := min(int(np.argmax(other.isna())) for other in others))} shows: {text.iloc[row]}"
    return times, (f"dates are {DATE_ORDERS[key]}{reason}",) if reason else ()


def parse_compact_dates(values: np.ndarray) -> pd.Series | None:
    """Parse whole numbers such as 20240213 and 20240213093000; None where they are no dates of 1970 to 2100."""
    digits = len(str(int(values[0])))
    if digits not in _COMPACT or not (values == np.floor(values)).all():
        return None
    text = pd.Series(values.astype(np.int64).astype("str"))
    times = pd.to_datetime(text, format=_COMPACT[digits], errors="coerce")
    return times if bool(times.dt.year.between(1970, 2100).all()) else None


def _guessed_formats(text: str) -> dict[str, str]:
    """Return {order: ``strptime`` format} of a date; one entry where its text leaves no doubt.

    Points stand between figures only where the day comes first.
    """
    short_year = _SHORT_YEAR.match(text)
    if short_year:
        text = f"{short_year[1]}20{short_year[2]}{text[short_year.end() :]}"
    text = _TWELVE_HOURS.sub(r"9\1AM", text)  # 9:30 AM is guessed; 9:30 PM and 12:30 am, of the same format, are not
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the text settles the order
        guesses = [guess_datetime_format(text, dayfirst=day_first) for day_first in (True, False)]
    formats: dict[str, str] = {}
    for guess in guesses:
        if guess and _order(guess) in DATE_ORDERS:
            year = "%y" if short_year else "%Y"
            formats[_order(guess)] = guess.replace("%Y", year).replace("%B", "%b" if "May" in text else "%B")
    if re.match(r"%[dm]\.%[dm]", formats.get("dmy", "")):
        return {"dmy": formats["dmy"]}
    if "mdy" not in formats and "dmy" in formats and re.match(r"%d.%m", formats["dmy"]):
        formats["mdy"] = formats["dmy"].replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    elif "dmy" not in formats and "mdy" in formats and re.match(r"%m.%d", formats["mdy"]):
        formats["dmy"] = formats["mdy"].replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    if formats.get("dmy", "").startswith("%d-%m-%y"):
        formats["ymd"] = formats["dmy"].replace("%d", "%_").replace("%y", "%d").replace("%_", "%y")
    return formats


def _order(form: str) -> str:
    """Return the order in a ``strptime`` format, as the letters of `DATE_ORDERS`."""
    return "".join({"b": "m", "B": "m"}.get(letter, letter.lower()) for letter in re.findall(r"%([dmbByY])", form))


def _parsed(text: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(text, format=form, errors="coerce", utc="%z" in form)


def _all_equal(readings: dict[str, pd.Series]) -> bool:
    first, *others = readings.values()
    return all(first.equals(other) for other in others)


def _in_order(readings: dict[str, pd.Series]) -> dict[str, pd.Series]:
    """Keep the readings that are in order; all of them when none is."""
    kept = {
        key: times for key, times in readings.items() if times.is_monotonic_increasing or times.is_monotonic_decreasing
    }
    return kept or readings


def _undecided(readings: dict[str, pd.Series], text: pd.Series, what: str) -> BadInput:
    one, other, *_ = readings.values()
    row = int(np.argmax(one.to_numpy() != other.to_numpy()))
    meanings = " or ".join(f"{times.iloc[row].strftime(_SHOWN_FORMAT)} ({key})" for key, times in readings.items())
    options = " or ".join(f"--date-order {key}" for key in readings)
    error = BadInput(f"{what} holds {text.iloc[row]!r}, which may be {meanings}, and no row settles it: pass {options}")
    return error.proposing(*({"date_order": key} for key in readings))
