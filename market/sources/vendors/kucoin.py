"""KuCoin: klines as JSON, stamped with their open; those of spot newest first, in the order open, close, high, low."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors import json_responses
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable

_SPOT = ("start", "open", "close", "high", "low", "volume", "turnover")
_FUTURES = ("start", "open", "high", "low", "close", "volume", "turnover")
_OK = "200000"
# Spot counts seconds, and futures milliseconds.
_FIRST_MILLISECOND = 1e11


def _rows(response: Any) -> list[Any] | None:
    rows = json_responses.list_in(response, "data")
    return rows if rows is not None and response.get("code") == _OK else None


def _recognises(head: bytes, name: str) -> bool:
    rows = _rows(json_responses.first_response(head))
    return rows is not None and len(rows) > 0 and json_responses.is_row(rows[0], (6, 7), 1e8)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read klines of spot markets, or of futures, whose volume counts contracts."""
    pages = [rows for rows in map(_rows, json_responses.read_responses(path)) if rows]
    is_spot = all(json_responses.is_row(rows[0], (7,), 0, _FIRST_MILLISECOND) for rows in pages)
    columns = _SPOT if is_spot else _FUTURES
    tables = [json_responses.rows_table(path, rows, columns[: len(rows[0])]) for rows in pages]
    frame, notes = json_responses.join_tables(path, tables, "start")
    if is_spot:
        notes.append("prices are in the order open, close, high, low")
    else:
        notes.append("volumes are in contracts, as the file does not state how much of the base currency one is")
    return VendorTable(frame, Stamps(meaning="open", unit="s" if is_spot else "ms"), tuple(notes))


KUCOIN = Vendor("KuCoin klines", _recognises, _read)
