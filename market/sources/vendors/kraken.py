"""Kraken: OHLC of its REST API as JSON, stamped with their open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable
from tradesieve.market.sources.vendors.json_responses import (
    first_response,
    is_row,
    join_tables,
    read_responses,
    rows_table,
)

_COLUMNS = ("time", "open", "high", "low", "close", "vwap", "volume", "count")


def _pairs(response: Any) -> dict[str, list[Any]]:
    """Return the rows by pair; a response holds one pair, and the time of its last closed bar as ``last``."""
    result = response.get("result") if isinstance(response, dict) else None
    return {pair: rows for pair, rows in result.items() if isinstance(rows, list)} if isinstance(result, dict) else {}


def _recognises(head: bytes, name: str) -> bool:
    rows = next(iter(_pairs(first_response(head)).values()), None)
    return rows is not None and len(rows) > 0 and is_row(rows[0], (len(_COLUMNS),), 1e8, 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars; the last row of a response is the bar that is under way, and is left out."""
    tables = []
    for response in read_responses(path):
        for pair, rows in _pairs(response).items():
            table = rows_table(path, rows, _COLUMNS)
            last_closed = response["result"].get("last", table["time"].iloc[:-1].max() if len(table) > 1 else 0)
            tables.append(table.assign(symbol=pair, closed=(table["time"] <= last_closed).astype(int)))
    frame, notes = join_tables(path, tables, "time")
    return VendorTable(frame, Stamps(meaning="open", unit="s"), tuple(notes))


KRAKEN = Vendor("Kraken OHLC", _recognises, _read)
