"""Coinbase: candles of its Exchange and Advanced Trade APIs as JSON, newest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, first_candles, fits_only
from tradesieve.market.sources.vendors.json_responses import (
    first_response,
    join_tables,
    list_in,
    read_responses,
    records_table,
    rows_table,
)

_COLUMNS = ("start", "low", "high", "open", "close", "volume")


def _recognises(head: bytes, name: str) -> bool:
    rows = list_in(first_response(head), "candles")
    if rows is not None:
        return any(isinstance(row, dict) and {"start", "low"} & set(row) for row in rows[:1])
    candles = first_candles(head)
    # The Exchange API counts seconds, and no other vendor puts the low first.
    return head.lstrip().startswith(b"[") and fits_only(candles, "lhoc", "ohlc", "ochl") and bool(candles[0, 0] < 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read ``[[time, low, high, open, close, volume], ...]``, or ``{"candles": [{"start": ...}, ...]}``."""
    frame, notes = join_tables(path, [_table(path, response) for response in read_responses(path)], "start")
    return VendorTable(frame, Stamps(meaning="open", unit="s"), tuple(notes))


def _table(path: Path, response: Any) -> pd.DataFrame:
    if isinstance(response, list):
        return rows_table(path, response, _COLUMNS)
    table = records_table(path, list_in(response, "candles") or [], {name: name for name in _COLUMNS})
    numbers = pd.to_numeric(table["start"], errors="coerce")
    if numbers.isna().any():
        raise BadInput(f"{path}: candle {int(numbers.isna().argmax())} has no start in seconds since 1970")
    return table


COINBASE = Vendor("Coinbase candles", _recognises, _read)
