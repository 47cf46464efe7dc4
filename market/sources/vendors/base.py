"""What a vendor's file is here: `Vendor` recognises it by its content and reads it into a `VendorTable`.

Below stand the steps that several vendors share: CSV, candles as lists of numbers, and the order of rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines
from tradesieve.market.sources.formats.csv import parse_csv
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.formats.left_out import NO_ROWS, LeftOut
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.timeframes import Timeframe


@dataclass(frozen=True)
class ReadOptions:
    """What the user states about a file or table, and what is done about its rows.

    Parameters
    ----------
    timeframe : of the bars.
    stamps : how the file writes time. What is None is the vendor's way; else a column ``close_time`` and times that end
        in 59 seconds are closes, any other the open, in UTC, in a unit recognised by its size.
    price_scale : every price is divided by it; None: the vendor's own, else 1.
    layout : the layout of a plain table; no vendor is looked for where it is described.
    bad_rows : ``refuse`` or ``drop`` rows that break a law of bars.
    now : int64 ns UTC: bars that close later are left out; None: none is.
    allow_negative : whether prices may be at or below zero; by default such a row breaks a law.

    Raises
    ------
    BadInput : if the scale is not positive and finite.
    """

    timeframe: Timeframe
    stamps: Stamps = field(default_factory=Stamps)
    price_scale: float | None = None
    layout: Layout = field(default_factory=Layout)
    bad_rows: str = "refuse"
    now: int | None = None
    allow_negative: bool = False

    def __post_init__(self) -> None:
        if self.price_scale is not None and not (np.isfinite(self.price_scale) and self.price_scale > 0):
            raise BadInput(f"--price-scale is {self.price_scale}, but must be a positive number")


class VendorTable(NamedTuple):
    """A table as `formats.frames.bars_from_frame` takes it.

    Parameters
    ----------
    frame : one row per bar.
    stamps : how it writes time.
    notes : one sentence for each thing that was corrected or is worth knowing.
    price_scale : every price is to be divided by it.
    market : the symbol in its normal form, where the vendor means another market than its symbol column seems to say.
    left_out : how many rows of the file are not in the frame.
    timeframe : of the bars, where the file states it.
    """

    frame: pd.DataFrame
    stamps: Stamps
    notes: tuple[str, ...] = ()
    price_scale: float = 1.0
    market: str | None = None
    left_out: LeftOut = NO_ROWS
    timeframe: Timeframe | None = None


@dataclass(frozen=True)
class Vendor:
    """One vendor's file format.

    Parameters
    ----------
    name : of the vendor, as its users write it.
    recognises : (first bytes of the content, unpacked; name of the content) -> whether it is this vendor's.
    read : (path, options) -> the table.
    """

    name: str
    recognises: Callable[[bytes, str], bool]
    read: Callable[[Path, ReadOptions], VendorTable]


def csv_header(head: bytes, separator: str = ",") -> tuple[str, ...]:
    """Return the names in the first line, in lower case."""
    lines = first_lines(head)
    return tuple(name.strip().strip('"').lower() for name in lines[0].split(separator)) if lines else ()


def csv_frame(path: Path, **options: Any) -> pd.DataFrame:
    """Read a CSV with ``pandas.read_csv(**options)``, its column names in lower case.

    Raises
    ------
    BadInput : as `parse_csv`, or if there are no rows.
    """
    frame = parse_csv(path, **options)
    if frame.empty:
        raise BadInput(f"{path}: the table is empty")
    return frame.rename(columns=lambda name: str(name).strip().lower())


def first_candles(head: bytes) -> np.ndarray:
    """Return the six-number candles at the start of a JSON array or of a CSV without a header, float64 (n, 6)."""
    if head.lstrip()[:2] in (b"[[", b"[ ") or re.match(rb"\[\s*\[", head.lstrip()):
        rows = [f"[{row}]" for row in re.findall(r"\[([^\[\]]*)\]", head.decode(errors="ignore"))]
    else:
        rows = [f"[{line}]" for line in first_lines(head)]
    try:
        # One broken row does not make it another vendor's file: it is reported when the file is read.
        numbers = [row for row in map(json.loads, rows) if len(row) == 6]
        table = np.array(numbers, dtype=np.float64)
    except (ValueError, TypeError, RecursionError):
        return np.empty((0, 6))
    return table[np.isfinite(table).all(axis=1)] if table.ndim == 2 else np.empty((0, 6))


def fits_only(candles: np.ndarray, order: str, *others: str) -> bool:
    """Tell whether the prices of candles fit one order, such as ``ohlc``, and none of the others."""
    return _fits(candles, order) and not any(_fits(candles, other) for other in others)


def _fits(candles: np.ndarray, order: str) -> bool:
    prices = {letter: candles[:, 1 + place] for place, letter in enumerate(order)}
    highest, lowest = np.maximum(prices["o"], prices["c"]), np.minimum(prices["o"], prices["c"])
    return len(candles) > 0 and bool(((prices["h"] >= highest) & (prices["l"] <= lowest)).all())


def candles_frame(path: Path, rows: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Make a table of a list of lists of numbers.

    Raises
    ------
    BadInput : if it is anything else, or a row has the wrong number of values.
    """
    if not isinstance(rows, list) or not rows:
        raise BadInput(f"{path}: holds no candles")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise BadInput(f"{path}: candle {number} is {str(row)[:60]}; expected {len(columns)} values")
    return pd.DataFrame(rows, columns=list(columns))


def drop_duplicates(frame: pd.DataFrame, notes: list[str]) -> tuple[pd.DataFrame, LeftOut]:
    """Drop rows that equal an earlier one in every column, and note how many; also return the count."""
    repeated = frame.duplicated()
    if repeated.any():
        notes.append(f"dropped {int(repeated.sum())} rows that repeat an earlier one in every column")
        frame = frame[~repeated].reset_index(drop=True)
    return frame, LeftOut(repeated=int(repeated.sum()))


def ensure_oldest_first(frame: pd.DataFrame, time: str, notes: list[str]) -> pd.DataFrame:
    """Reverse a table whose newest row comes first, and note it. Any other disorder stays as it is."""
    if len(frame) > 1 and bool((frame[time].iloc[:-1].to_numpy() > frame[time].iloc[1:].to_numpy()).all()):
        notes.append("the newest row came first: reversed")
        return frame[::-1].reset_index(drop=True)
    return frame


def ensure_sorted(frame: pd.DataFrame, time: str, notes: list[str]) -> pd.DataFrame:
    """Sort a table whose vendor is known to leave single rows out of order, and note it."""
    frame = ensure_oldest_first(frame, time, notes)
    if not frame[time].is_monotonic_increasing:
        newest_first = bool(frame[time].iloc[0] > frame[time].iloc[-1])
        notes.append(f"{'the newest row came first, and ' if newest_first else ''}rows were out of order: sorted")
        frame = frame.sort_values(time, kind="stable", ignore_index=True)
    return frame
