"""Timestamps: from times as a file writes them (text, numbers or datetimes) to nanoseconds since 1970 in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.sources.formats.local_times import REPEATED_HOURS, to_utc
from tradesieve.market.sources.formats.time_formats import likely_formats
from tradesieve.market.sources.formats.written_dates import DATE_ORDERS, parse_compact_dates, parse_written_dates
from tradesieve.market.timeframes import DAY, SECOND

# Exchanges that give both times often write the close a millisecond early: the open is the one on the grid.
TIME_NAMES = ("open_time", "close_time", "time", "timestamp", "datetime", "date", "ts", "unix", "start")
"""Names of a time column, in order of preference."""
OPEN_NAMES = ("open_time", "opentime", "open time", "time_open", "timeopen", "start")
CLOSE_NAMES = ("close_time", "closetime", "close time", "time_close", "timeclose")
"""Names of columns that say which end of a bar they are."""
UNITS = {"s": SECOND, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds in each unit that a number may count."""
READ_AS_UTC = "times without a zone are read as UTC; pass --timezone to change it"
"""The note on times without a zone."""
# A zone follows a time of day: the end of a bare date such as 2024-01-10 looks like one.
_ZONED = r"[T ]\d{2}\S*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
# No market was recorded by machine before 1970, and no bar has closed after 2100: a unit that lands outside is wrong.
_EARLIEST, _LATEST = 0, 4_102_444_800_000_000_000
_FIRST_YEAR = 365 * DAY
# From 2001 on the four units cannot be confused: each is a thousand times the one before.
_UNAMBIGUOUS = 978_307_200_000_000_000


@dataclass(frozen=True)
class Stamps:
    """How a file writes the time of a bar.

    Parameters
    ----------
    meaning : ``open`` or ``close``: which end of the bar is stamped; None: the close for a column ``close_time`` and
        for times that end in 59 seconds, else the open.
    unit : ``s``, ``ms``, ``us`` or ``ns`` for numbers; None: recognised by size, from 2001 on.
    timezone : the zone of times written without one, by its IANA name such as ``America/New_York``; None: UTC.
    date_order : ``dmy``, ``mdy`` or ``ymd``: how dates in figures are written; None: settled by the rows.
    repeated_hour : ``first`` or ``second``: which of the two a time of the repeated hour in autumn is, where the order
        of rows does not tell.

    Raises
    ------
    BadInput : if the meaning or the zone does not exist.
    Unknown : if the unit, the date order or the repeated hour does not.
    """

    meaning: str | None = None
    unit: str | None = None
    timezone: str | None = None
    date_order: str | None = None
    repeated_hour: str | None = None

    def __post_init__(self) -> None:
        if self.meaning not in (None, "open", "close"):
            raise BadInput(f"a stamp means 'open' or 'close', not {self.meaning!r}")
        if self.unit is not None and self.unit not in UNITS:
            raise Unknown("time unit", self.unit, UNITS)
        if self.date_order is not None and self.date_order not in DATE_ORDERS:
            raise Unknown("date order", self.date_order, DATE_ORDERS)
        if self.repeated_hour is not None and self.repeated_hour not in REPEATED_HOURS:
            raise Unknown("repeated hour", self.repeated_hour, REPEATED_HOURS)
        try:
            ZoneInfo("UTC" if self.timezone is None else self.timezone)
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise BadInput(f"unknown time zone {self.timezone!r}; use an IANA name such as America/New_York") from error

    def with_defaults(self, other: Stamps) -> Stamps:
        """Fill what is None here from `other`."""
        return Stamps(
            self.meaning or other.meaning,
            self.unit or other.unit,
            self.timezone or other.timezone,
            self.date_order or other.date_order,
            self.repeated_hour or other.repeated_hour,
        )


def to_nanoseconds(column: pd.Series, stamps: Stamps, *, name: str) -> np.ndarray:
    """Convert a column of times, as `convert_times` does, without its notes."""
    return convert_times(column, stamps, name=name)[0]


def convert_times(column: pd.Series, stamps: Stamps, *, name: str) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Convert a column of times.

    Parameters
    ----------
    column : numbers in one of `UNITS` or such as 20240213, ISO 8601 text, dates as people write them, or datetimes.
    name : what errors call the table.

    Returns
    -------
    int64 ns UTC (n_rows,); their time zone: the one that is stated, else that of the times, else UTC; and notes on the
    order of day and month, and on a zone that is not stated.

    Raises
    ------
    BadInput : if a time is missing or cannot be read, numbers fit no unit, or the rows do not settle the order of day
        and month, or which of two equal local times one is.
    """
    if column.isna().any():
        row = int(np.argmax(column.isna()))
        raise BadInput(f"{name}: the time of row {row} is missing")
    dates = parse_compact_dates(column.to_numpy()) if _may_be_dates(column, stamps) else None
    if dates is None and pd.api.types.is_numeric_dtype(column):
        return _from_numbers(column.to_numpy(), stamps, name, str(column.name)), stamps.timezone or "UTC", ()
    notes: tuple[str, ...] = ()
    if dates is not None:
        column = dates
    elif not pd.api.types.is_datetime64_any_dtype(column):
        column, notes = _from_text(column, stamps, name)
    timezone = stamps.timezone or str(column.dt.tz or "UTC")
    if column.dt.tz is None:
        if stamps.timezone is None:
            notes += (READ_AS_UTC,)
        column = to_utc(column, stamps.timezone or "UTC", repeated_hour=stamps.repeated_hour, name=name)
    try:
        time = column.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").to_numpy()
    except ValueError as error:
        raise BadInput(f"{name}: column {column.name} holds {column.max()}, which is not a valid time") from error
    return time, timezone, notes


def parse_times(column: pd.Series, time_format: str, *, name: str) -> pd.Series:
    """Parse times in one ``strptime`` format.

    Returns
    -------
    datetime64, in UTC where the format holds an offset, else without a zone.

    Raises
    ------
    BadInput : if the format is not valid, or a row does not match it; names the row.
    """
    try:
        times = pd.to_datetime(column.astype("str"), format=time_format, errors="coerce", utc="%z" in time_format)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise _other_format(f"the time format {time_format!r} is not valid: {reason}", column) from error
    if times.isna().any():
        row = int(np.argmax(times.isna()))
        found = f"{name}: row {row} has {column.iloc[row]!r}, which does not match the format {time_format}"
        raise _other_format(found, column)
    return times


def _other_format(found: str, column: pd.Series) -> BadInput:
    """Make the error of a time format, with others that read the column."""
    return BadInput(found).proposing(*({"time_format": form} for form in (None, *likely_formats(column))))


def _may_be_dates(column: pd.Series, stamps: Stamps) -> bool:
    return stamps.unit is None and pd.api.types.is_integer_dtype(column)


def _from_text(column: pd.Series, stamps: Stamps, name: str) -> tuple[pd.Series, tuple[str, ...]]:
    try:
        return _from_iso_8601(column), ()
    except (ValueError, TypeError, AttributeError) as error:
        reason = str(error).partition(". ")[0].partition("\n")[0]
    try:
        times, notes = parse_written_dates(column, stamps.date_order, name=name)
        return times, notes
    except BadInput as error:
        if error.proposals:
            raise
        raise BadInput(
            f"{name}: column {column.name} holds {column.iloc[0]!r}, which is not a valid time; use ISO 8601 or "
            f"s, ms, us or ns since 1970, or pass --time-format: {reason}"
        ).proposing(*({"time_format": form} for form in likely_formats(column))) from error


def _from_iso_8601(column: pd.Series) -> pd.Series:
    column = column.astype("object")  # once: pandas converts text from Arrow at every step
    try:
        return pd.to_datetime(column, format="ISO8601")
    except ValueError:
        # One file may hold two offsets, one for winter and one for summer: then every row has to carry its own.
        every_row_zoned = bool(column.astype("str").str.contains(_ZONED, regex=True).all())
        return pd.to_datetime(column, utc=every_row_zoned, format="ISO8601")


def _from_numbers(values: np.ndarray, stamps: Stamps, name: str, column: str) -> np.ndarray:
    first, last = float(np.min(values)), float(np.max(values))
    fitting = [unit for unit, factor in UNITS.items() if first * factor >= _UNAMBIGUOUS and last * factor <= _LATEST]
    unit = stamps.unit or (fitting[0] if len(fitting) == 1 else None)
    if unit is None:
        raise BadInput(
            f"{name}: column {column} holds {values[0]}, which is not a time between 2001 and 2100 in s, ms, us or ns "
            "since 1970; pass --time-unit, or write ISO 8601 times"
        ).proposing(*_likely_unit(first, last))
    if not _EARLIEST <= first * UNITS[unit] <= last * UNITS[unit] <= _LATEST:
        raise BadInput(
            f"{name}: column {column} holds {values[0]}, which is not a time between 1970 and 2100 in {unit} since "
            "1970; check the time unit"
        ).proposing(*_likely_unit(first, last))
    if np.issubdtype(values.dtype, np.signedinteger):
        return values.astype(np.int64) * UNITS[unit]
    # Whole and fractional parts are scaled apart: a float cannot hold today's nanoseconds exactly.
    whole = np.floor(values).astype(np.int64)
    return whole * UNITS[unit] + np.rint((values - whole) * UNITS[unit]).astype(np.int64)


def _likely_unit(first: float, last: float) -> list[dict[str, str | None]]:
    """Propose the longest unit in which numbers are times after 1970, if there is one: it gives the latest times."""
    proposals: list[dict[str, str | None]] = [
        {"time_unit": unit}
        for unit, factor in UNITS.items()
        if first * factor > _FIRST_YEAR and last * factor <= _LATEST
    ]
    return proposals[:1]
