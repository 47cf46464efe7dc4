"""Polygon: aggregates of its API as JSON, and its flat files as CSV, stamped with their open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header
from tradesieve.market.sources.vendors.json_responses import (
    first_response,
    join_tables,
    list_in,
    read_responses,
    records_table,
)

_HEADER = ("ticker", "volume", "open", "close", "high", "low", "window_start", "transactions")
_PRICES = {"t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close"}


def _rows(response: Any) -> list[Any]:
    return list_in(response, "results") or []


def _recognises(head: bytes, name: str) -> bool:
    if csv_header(head) == _HEADER:
        return True
    rows = _rows(first_response(head))
    return bool(rows) and isinstance(rows[0], dict) and set(_PRICES) <= set(rows[0])


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read aggregates, with their ticker where the file names it; those of an index have no volume."""
    if csv_header(read_head(path)[0]) == _HEADER:
        return VendorTable(csv_frame(path).rename(columns={"window_start": "time"}), Stamps(meaning="open", unit="ns"))
    tables = []
    for response in read_responses(path):
        rows = _rows(response)
        has_volume = any(isinstance(row, dict) and "v" in row for row in rows)
        table = records_table(path, rows, _PRICES | ({"v": "volume"} if has_volume else {}))
        ticker = response.get("ticker") if isinstance(response, dict) else None
        tables.append(table.assign(ticker=ticker) if isinstance(ticker, str) else table)
    frame, notes = join_tables(path, tables, "timestamp")
    return VendorTable(frame, Stamps(meaning="open", unit="ms"), tuple(notes))


POLYGON = Vendor("Polygon aggregates", _recognises, _read)
