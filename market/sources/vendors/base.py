"""What a vendor's format is to us: how to recognise it, and how to read it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, opened
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.timeframes import Timeframe


@dataclass(frozen=True)
class Given:
    """What the person who imports says about a file; it overrules what is known of its vendor.

    Parameters
    ----------
    timeframe : what the file holds.
    stamps : how the file writes time, where that was said.
    price_scale : every price is divided by it; None: the vendor's own, else 1.

    Raises
    ------
    BadInput : if the scale is not positive and finite.
    """

    timeframe: Timeframe
    stamps: Stamps = field(default_factory=Stamps)
    price_scale: float | None = None

    def __post_init__(self) -> None:
        if self.price_scale is not None and not (np.isfinite(self.price_scale) and self.price_scale > 0):
            raise BadInput(f"prices are divided by a positive number, not by {self.price_scale}")


class Read(NamedTuple):
    """A vendor's table: as `base.bars_from_frame` takes it, how it writes time, and what was put right."""

    frame: pd.DataFrame
    stamps: Stamps
    notes: tuple[str, ...] = ()
    price_scale: float = 1.0


@dataclass(frozen=True)
class Vendor:
    """One provider's format.

    Parameters
    ----------
    name : what people call it.
    recognises : (first bytes of the content, unpacked; name of the content) -> whether it is this vendor's.
    read : (path, what was given) -> the table.
    """

    name: str
    recognises: Callable[[bytes, str], bool]
    read: Callable[[Path, Given], Read]


def header(head: bytes, separator: str = ",") -> tuple[str, ...]:
    """Return the names in the first line, in small letters."""
    lines = first_lines(head)
    return tuple(name.strip().strip('"').lower() for name in lines[0].split(separator)) if lines else ()


def first_candles(head: bytes) -> np.ndarray:
    """Return the six-number candles at the beginning of a JSON array or of a CSV without a header, else none."""
    if head.lstrip()[:2] in (b"[[", b"[ ") or re.match(rb"\[\s*\[", head.lstrip()):
        rows = [f"[{row}]" for row in re.findall(r"\[([^\[\]]*)\]", head.decode(errors="ignore"))]
    else:
        rows = [f"[{line}]" for line in first_lines(head)]
    try:
        # One broken row does not make it another vendor's file: whoever reads it names the row.
        numbers = [row for row in map(json.loads, rows) if len(row) == 6]
        table = np.array(numbers, dtype=np.float64)
    except (ValueError, TypeError, RecursionError):
        return np.empty((0, 6))
    return table[np.isfinite(table).all(axis=1)] if table.ndim == 2 else np.empty((0, 6))


def follows(candles: np.ndarray, order: str) -> bool:
    """Tell whether the four prices of every candle can stand in an order such as ``ohlc``."""
    prices = {letter: candles[:, 1 + place] for place, letter in enumerate(order)}
    highest, lowest = np.maximum(prices["o"], prices["c"]), np.minimum(prices["o"], prices["c"])
    return len(candles) > 0 and bool(((prices["h"] >= highest) & (prices["l"] <= lowest)).all())


def only(candles: np.ndarray, order: str, *others: str) -> bool:
    """Tell whether candles stand in this order and in none of the others."""
    return follows(candles, order) and not any(follows(candles, other) for other in others)


def candles_frame(path: Path, rows: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Make a table of a list of lists of numbers.

    Raises
    ------
    BadInput : if it is something else, or a row has another number of values.
    """
    if not isinstance(rows, list) or not rows:
        raise BadInput(f"{path}: there are no candles in it")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise BadInput(f"{path}: candle {number} is {str(row)[:60]}, but {len(columns)} values are expected")
    return pd.DataFrame(rows, columns=list(columns))


def csv_frame(path: Path, **reading: Any) -> pd.DataFrame:
    """Read a CSV as pandas does.

    Raises
    ------
    BadInput : if it is no UTF-8 text, or a line has more fields than the others.
    """
    try:
        with opened(path) as stream:
            frame = pd.read_csv(stream, encoding="utf-8-sig", low_memory=False, **reading)
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"{path}: this is no CSV file that can be read: {reason}") from error
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        # pandas takes the first fields for the name of the row then, and shifts every column.
        raise BadInput(f"{path}: its lines have more fields than expected")
    if frame.empty:
        raise BadInput(f"{path}: the table is empty")
    return frame.rename(columns=lambda name: str(name).strip().lower())


def times(path: Path, column: pd.Series, form: str) -> pd.Series:
    """Read times written in one form.

    Raises
    ------
    BadInput : naming the first row that is written otherwise.
    """
    read = pd.to_datetime(column.astype("str"), format=form, errors="coerce")
    if read.isna().any():
        row = int(np.argmax(read.isna()))
        raise BadInput(f"{path}: row {row} has {column.iloc[row]!r} where a time is expected")
    return read


def without_duplicates(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Drop rows that equal an earlier one in every column, and say so."""
    twice = frame.duplicated()
    if twice.any():
        notes.append(f"{int(twice.sum())} rows that stood there twice, equal in every column, were dropped")
        frame = frame[~twice].reset_index(drop=True)
    return frame


def oldest_first(frame: pd.DataFrame, time: str, notes: list[str]) -> pd.DataFrame:
    """Turn a table around that begins with the newest row, and say so. Any other disorder stays as it is."""
    if len(frame) > 1 and bool((frame[time].iloc[:-1].to_numpy() > frame[time].iloc[1:].to_numpy()).all()):
        notes.append("the newest row stood first: turned around")
        return frame[::-1].reset_index(drop=True)
    return frame


def in_order(frame: pd.DataFrame, time: str, notes: list[str]) -> pd.DataFrame:
    """Sort a table of a vendor who is known to leave single rows out of place, and say so."""
    frame = oldest_first(frame, time, notes)
    if not frame[time].is_monotonic_increasing:
        newest_first = bool(frame[time].iloc[0] > frame[time].iloc[-1])
        notes.append(f"{'the newest row stood first, and ' if newest_first else ''}rows were out of order: sorted")
        frame = frame.sort_values(time, kind="stable", ignore_index=True)
    return frame
