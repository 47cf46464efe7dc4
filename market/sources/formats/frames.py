"""What every source shares: from a table as a vendor wrote it to checked bars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES, Bars, format_time
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.timeframes import DAY, HOUR, Timeframe

# Exchanges that give both times often write the close a millisecond early: the open is the one on the grid.
TIME_NAMES = ("open_time", "close_time", "time", "timestamp", "datetime", "date", "ts", "unix", "start")
UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
# A zone follows a time of day: the end of a bare date such as 2024-01-10 looks like one.
_ZONED = r"[T ]\d{2}\S*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
# No market was recorded by machine before 1970, and no bar has happened after 2100: a unit that lands outside is wrong.
_EARLIEST, _LATEST = 0, 4_102_444_800_000_000_000
# From 2001 on the four units cannot be confused: each is a thousand times the one before.
_UNMISTAKABLE = 978_307_200_000_000_000


@dataclass(frozen=True)
class Stamps:
    """How a file writes time.

    Parameters
    ----------
    meaning : ``open`` or ``close``: which end of the bar is stamped; None: the close for a column ``close_time``,
        the open for any other name.
    unit : ``s``, ``ms``, ``us`` or ``ns`` for numbers; None: recognised by size, from 2001 on.
    timezone : the zone of times written without one, by its IANA name such as ``America/New_York``; None: UTC.

    Raises
    ------
    BadInput : if the meaning or the zone does not exist.
    Unknown : if the unit does not.
    """

    meaning: str | None = None
    unit: str | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.meaning not in (None, "open", "close"):
            raise BadInput(f"a stamp means 'open' or 'close', not {self.meaning!r}")
        if self.unit is not None and self.unit not in UNITS:
            raise Unknown("time unit", self.unit, UNITS)
        try:
            ZoneInfo("UTC" if self.timezone is None else self.timezone)
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise BadInput(f"there is no time zone {self.timezone!r}; write one such as America/New_York") from error

    def over(self, other: Stamps) -> Stamps:
        """Complete what is not said here by what is said there."""
        return Stamps(self.meaning or other.meaning, self.unit or other.unit, self.timezone or other.timezone)


def bars_from_frame(
    frame: pd.DataFrame, *, symbol: str, timeframe: Timeframe, stamps: Stamps, name: str, price_scale: float = 1.0
) -> Bars:
    """Turn a table into bars.

    Parameters
    ----------
    frame : one row a bar, with a time column (the first of `TIME_NAMES` that is there, or the index), open, high, low,
        close and volume, whatever their case. Other columns are left alone.
    symbol, timeframe : what the table holds.
    stamps : how it writes time.
    name : what errors call the table.
    price_scale : every price is divided by it.

    Raises
    ------
    BadInput : if columns are missing or hold no numbers, if the table is empty, or if its times are not understood or
        do not step by `timeframe`.
    BadData : if a bar breaks a law, or the newest row stands first.
    """
    columns = columns_from_frame(frame, timeframe=timeframe, stamps=stamps, name=name, price_scale=price_scale)
    _check_steps(columns["close_time"], timeframe, name)
    return Bars(symbol, timeframe, **columns)


def columns_from_frame(
    frame: pd.DataFrame, *, timeframe: Timeframe, stamps: Stamps, name: str, price_scale: float = 1.0
) -> dict[str, np.ndarray]:
    """Turn a table into the columns of bars, whether they keep the laws of bars or not.

    Parameters
    ----------
    As `bars_from_frame`.

    Returns
    -------
    close_time (int64 ns UTC), open, high, low, close and volume (float64, NaN where a value is missing), in the order
    of the table.

    Raises
    ------
    BadInput : if columns are missing or hold no numbers, if the table is empty, or if its times are not understood.
    """
    if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name:
        index_name = str(frame.index.name or "time")
        frame = frame.reset_index(names=index_name) if index_name not in frame.columns else frame
    frame = frame.rename(columns=lambda column: str(column).strip().lower())
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise BadInput(f"{name}: there are two columns {twice[0]!r} (case does not count); leave one out")
    time_name = next((known for known in TIME_NAMES if known in frame.columns), None)
    missing = [column for column in (*PRICES, "volume") if column not in frame.columns]
    if time_name is None:
        missing.insert(0, "time")
    if time_name is None or missing:
        raise BadInput(
            f"{name}: no column {', '.join(missing)}; found {', '.join(map(str, frame.columns)) or 'none'}. "
            f"Expected a time column ({', '.join(TIME_NAMES)}), open, high, low, close and volume"
        )
    if frame.empty:
        raise BadInput(f"{name}: the table is empty")
    time = _nanoseconds(frame[time_name], stamps, name)
    meaning = stamps.meaning or ("close" if time_name == "close_time" else "open")
    close_time = time if meaning == "close" else time + timeframe.duration
    numbers = {column: _numbers(frame[column], name) for column in (*PRICES, "volume")}
    if price_scale != 1.0:
        numbers |= {column: numbers[column] / price_scale for column in PRICES}
    return {"close_time": close_time, **numbers}


def _nanoseconds(column: pd.Series, stamps: Stamps, name: str) -> np.ndarray:
    if column.isna().any():
        row = int(np.argmax(column.isna()))
        raise BadInput(f"{name}: the time of row {row} is missing")
    if pd.api.types.is_numeric_dtype(column):
        return _from_numbers(column.to_numpy(), stamps, name, str(column.name))
    try:
        times = column if pd.api.types.is_datetime64_any_dtype(column) else _from_text(column)
        if times.dt.tz is None:
            times = times.dt.tz_localize(stamps.timezone or "UTC", ambiguous="raise", nonexistent="raise")
        return times.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").to_numpy()
    except (ValueError, TypeError, AttributeError) as error:
        reason = str(error).partition(". ")[0].partition("\n")[0]
        raise BadInput(
            f"{name}: column {column.name} holds {column.iloc[0]!r}, no time that is understood "
            f"(ISO 8601, or whole s, ms, us or ns since 1970; --time-format for others): {reason}"
        ) from error


def _from_text(column: pd.Series) -> pd.Series:
    # One file may hold two offsets, one for winter and one for summer: then every row has to carry its own.
    every_row_zoned = bool(column.astype("str").str.contains(_ZONED, regex=True).all())
    return pd.to_datetime(column, utc=every_row_zoned, format="ISO8601")


def _from_numbers(values: np.ndarray, stamps: Stamps, name: str, column: str) -> np.ndarray:
    first, last = float(np.min(values)), float(np.max(values))
    fitting = [unit for unit, factor in UNITS.items() if first * factor >= _UNMISTAKABLE and last * factor <= _LATEST]
    unit = stamps.unit or (fitting[0] if len(fitting) == 1 else None)
    if unit is None:
        raise BadInput(
            f"{name}: column {column} holds {values[0]}, which is no time between 2001 and 2100 in s, ms, us or ns "
            "since 1970; give the unit, or write ISO 8601 times"
        )
    if not _EARLIEST <= first * UNITS[unit] <= last * UNITS[unit] <= _LATEST:
        raise BadInput(
            f"{name}: column {column} holds {values[0]}, which is no time between 1970 and 2100 in {unit} since 1970; "
            "is this the file's unit?"
        )
    # Whole and fractional parts are scaled apart: a float cannot hold today's nanoseconds exactly.
    whole = np.floor(values).astype(np.int64)
    return whole * UNITS[unit] + np.rint((values - whole) * UNITS[unit]).astype(np.int64)


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = pd.to_numeric(column, errors="coerce")
    text = numbers.isna() & column.notna()
    if text.any():
        row = int(np.argmax(text))
        raise BadInput(f"{name}: row {row} has {column.iloc[row]!r} in column {column.name}, which is no number")
    return numbers.to_numpy(dtype=np.float64)


def _check_steps(time: np.ndarray, timeframe: Timeframe, name: str) -> None:
    steps = np.diff(time)
    if len(steps) > 1 and (steps < 0).all():
        raise BadData(
            f"{name}: row 1 at {format_time(time[1])} is earlier than the row before it, and so on to the end: the "
            "newest row stands first; sort the file by its time"
        )
    steps = steps[steps > 0]  # a step back or none at all is told by the laws of bars, with its row
    if len(steps) == 0:
        return
    # A day that begins at local midnight lasts 23 or 25 hours when the clocks change.
    slack = HOUR if timeframe.duration >= DAY else 0
    short = int(steps.min())
    if short < timeframe.duration - slack:
        row = int(np.argmax(np.diff(time) == short)) + 1
        raise BadInput(
            f"{name}: row {row} at {format_time(time[row])} comes {Timeframe(short)} after the row before it, "
            f"less than the timeframe {timeframe}; is this the file's timeframe?"
        )
    common = math.gcd(*steps.tolist())
    if common > timeframe.duration + slack and len(steps) >= 10:
        raise BadInput(f"{name}: rows are {Timeframe(common)} apart, but the timeframe given is {timeframe}")
