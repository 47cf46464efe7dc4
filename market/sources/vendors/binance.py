"""Binance: klines as CSV or JSON, with or without a header, in milliseconds or (spot, from 2025) microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    csv_frame,
    csv_header,
)
from tradesieve.market.sources.vendors.json_responses import (
    first_response,
    is_row,
    join_tables,
    read_responses,
    rows_table,
)

_COLUMNS = (
    "open_time", "open", "high", "low", "close", "volume", "close_time",
    "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
# The first microsecond stamp of 2001 is larger than the last millisecond stamp of 2100.
_MICROSECONDS = 900_000_000_000_000
_CONTRACTS = (100, 10)
# The mean price of a bar lies this near its close.
_TOLERANCE = 0.02


def _recognises(head: bytes, name: str) -> bool:
    if head.lstrip().startswith(b"["):
        rows = first_response(head)
        return isinstance(rows, list) and is_row(rows[0], (len(_COLUMNS),), 0) and _is_kline(rows[0])
    names = csv_header(head)
    if names[:7] == _COLUMNS[:7] and len(names) == 12:
        return True
    lines = first_lines(head)
    return bool(lines) and _is_kline(lines[0].split(","))


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read klines by their open times: close times are a millisecond early."""
    notes: list[str] = []
    if read_head(path)[0].lstrip().startswith(b"["):
        pages = [rows_table(path, rows, _COLUMNS) for rows in read_responses(path)]
        frame, notes = join_tables(path, pages, "open_time")
    else:
        frame = csv_frame(path, header=None, dtype={0: "str"})
        if str(frame.iloc[0, 0]).strip() == "open_time":
            frame = csv_frame(path)
        if frame.shape[1] != len(_COLUMNS):
            raise BadInput(f"{path}: rows have {frame.shape[1]} fields; klines have {len(_COLUMNS)}")
        frame.columns = pd.Index(_COLUMNS)
    if _counts_contracts(frame):
        frame = frame.assign(volume=frame["quote_volume"])
        notes.append("volumes are in contracts of dollars: the volume in the base currency is stored")
    time = pd.to_numeric(frame["open_time"], errors="coerce")
    if time.notna().all():
        whole = time.to_numpy(np.int64)
        late = whole >= _MICROSECONDS
        if late.any() and not late.all():
            notes.append(f"{int(late.sum())} rows are in microseconds and {int((~late).sum())} in milliseconds")
        frame = frame.assign(open_time=np.where(late, whole, whole * 1000))
        return VendorTable(frame, Stamps(meaning="open", unit="us"), tuple(notes))
    return VendorTable(frame, Stamps(meaning="open"))


def _counts_contracts(frame: pd.DataFrame) -> bool:
    """Tell futures settled in their coin, whose second volume is that of the coin, and whose first counts contracts.

    A contract is worth 100 or 10 dollars. Elsewhere the second volume is the first one times the price.
    """
    columns = ("close", "volume", "quote_volume")
    close, volume, second = (pd.to_numeric(frame[name], errors="coerce") for name in columns)
    traded = (volume > 0) & (second > 0)
    if not traded.any():
        return False
    price = (second / volume / close)[traded].median()
    contract = (second * close / volume)[traded].median()
    return abs(price - 1) > _TOLERANCE and any(abs(contract / size - 1) < _TOLERANCE for size in _CONTRACTS)


def _is_kline(fields: Sequence[Any]) -> bool:
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        return False
    if len(numbers) != 12 or numbers[0] < 978_307_200_000:
        return False
    step = numbers[6] - numbers[0] + 1
    return 0 < step < numbers[0] / 10 and numbers[0] % 1000 == 0


BINANCE = Vendor("Binance klines", _recognises, _read)
