"""What every source shares: from a table as a vendor wrote it to checked bars."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.bars import PRICES, Bars, format_time
from market.errors import BadInput, Unknown
from market.timeframes import Timeframe

TIME_NAMES = ("close_time", "time", "open_time", "timestamp", "datetime", "date", "ts", "unix", "start")
UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
HOUR = 3_600_000_000_000
# No market was recorded by machine before 1970, and no bar has happened after 2100: a unit that lands outside is wrong.
_EARLIEST, _LATEST = 0, 4_102_444_800_000_000_000


@dataclass(frozen=True)
class Stamps:
    """How a file writes time.

    Parameters
    ----------
    meaning : ``open`` or ``close``: which end of the bar is stamped; None: the close for a column ``close_time``,
        the open for any other name.
    unit : ``s``, ``ms``, ``us`` or ``ns`` for whole numbers; None: recognised by size.
    timezone : the zone of times written without one.
    """

    meaning: str | None = None
    unit: str | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if self.meaning not in (None, "open", "close"):
            raise BadInput(f"a stamp means 'open' or 'close', not {self.meaning!r}")
        if self.unit is not None and self.unit not in UNITS:
            raise Unknown("time unit", self.unit, UNITS)


def bars_from_frame(frame: pd.DataFrame, *, symbol: str, timeframe: Timeframe, stamps: Stamps, name: str) -> Bars:
    """Turn a table into bars.

    Parameters
    ----------
    frame : one row a bar, with a time column (one of `TIME_NAMES`), open, high, low, close and volume, whatever their
        case. Other columns are left alone.
    symbol, timeframe : what the table holds.
    stamps : how it writes time.
    name : what errors call the table.

    Raises
    ------
    BadInput : if columns are missing or hold no numbers, if the table is empty, or if its times are not understood or
        do not step by `timeframe`.
    BadData : if a bar breaks a law.
    """
    if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name:
        frame = frame.reset_index(names=str(frame.index.name or "time"))
    frame = frame.rename(columns=lambda column: str(column).strip().lower())
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
    _check_steps(time, timeframe, name)
    close_time = time if meaning == "close" else time + timeframe.duration
    numbers = {column: _numbers(frame[column], name) for column in (*PRICES, "volume")}
    return Bars(symbol, timeframe, close_time=close_time, **numbers)


def _nanoseconds(column: pd.Series, stamps: Stamps, name: str) -> np.ndarray:
    if column.isna().any():
        row = int(np.argmax(column.isna()))
        raise BadInput(f"{name}: the time of row {row} is missing")
    if pd.api.types.is_numeric_dtype(column):
        return _from_numbers(column.to_numpy(), stamps, name, str(column.name))
    try:
        times = pd.to_datetime(column, utc=False, format=None if _is_datetime(column) else "ISO8601")
        if times.dt.tz is None:
            times = times.dt.tz_localize(stamps.timezone, ambiguous="raise", nonexistent="raise")
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{name}: column {column.name} holds {column.iloc[0]!r}, no time that is understood "
            f"(ISO 8601, or whole s, ms, us or ns since 1970): {error}"
        ) from error
    return times.dt.tz_convert("UTC").dt.as_unit("ns").astype("int64").to_numpy()


def _is_datetime(column: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column)


def _from_numbers(values: np.ndarray, stamps: Stamps, name: str, column: str) -> np.ndarray:
    first, last = float(np.min(values)), float(np.max(values))
    fitting = [
        unit
        for unit, factor in UNITS.items()
        # From 2001 on the four units cannot be confused: each is a thousand times the one before.
        if first * factor >= 978_307_200_000_000_000 and last * factor <= _LATEST
    ]
    unit = stamps.unit or (fitting[0] if len(fitting) == 1 else None)
    if unit is None or not _EARLIEST <= first * UNITS[unit] <= last * UNITS[unit] <= _LATEST:
        raise BadInput(
            f"{name}: column {column} holds {values[0]}, which is no time in {unit or 's, ms, us or ns'} since 1970 "
            "between 2001 and 2100; give the unit, or write ISO 8601 times"
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
    steps = steps[steps > 0]  # a step back or none at all is told by the laws of bars, with its row
    if len(steps) == 0:
        return
    # A day that begins at local midnight lasts 23 or 25 hours when the clocks change.
    slack = HOUR if timeframe.duration >= 24 * HOUR else 0
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
