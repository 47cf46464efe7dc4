"""Alpaca: bars of its market data API as JSON, or as the CSV of its client, stamped with their open in UTC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header
from tradesieve.market.sources.vendors.json_responses import (
    first_response,
    join_tables,
    read_responses,
    records_table,
)

_COLUMNS = {"t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}


_HEADER = ("symbol", "timestamp", *PRICES, "volume", "trade_count", "vwap")


def _bars(response: Any) -> dict[str | None, list[Any]]:
    """Return the bars by symbol."""
    bars = response.get("bars") if isinstance(response, dict) else None
    if isinstance(bars, list):
        return {response.get("symbol"): bars}
    return {symbol: rows for symbol, rows in bars.items() if isinstance(rows, list)} if isinstance(bars, dict) else {}


def _recognises(head: bytes, name: str) -> bool:
    if csv_header(head) == _HEADER:
        return True
    rows = next((rows for rows in _bars(first_response(head)).values() if rows), None)
    return rows is not None and len(rows) > 0 and isinstance(rows[0], dict) and set(_COLUMNS) <= set(rows[0])


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars, with their symbol where the file names it."""
    if csv_header(read_head(path)[0]) == _HEADER:
        return VendorTable(csv_frame(path), Stamps(meaning="open"))
    tables = []
    for response in read_responses(path):
        for symbol, rows in _bars(response).items():
            table = records_table(path, rows, _COLUMNS)
            tables.append(table if symbol is None else table.assign(symbol=symbol))
    frame, notes = join_tables(path, tables, "timestamp")
    return VendorTable(frame, Stamps(meaning="open"), tuple(notes))


ALPACA = Vendor("Alpaca bars", _recognises, _read)
