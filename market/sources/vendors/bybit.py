"""Bybit: klines of its v5 API as JSON, newest first, stamped with their open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors import json_responses
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable
from tradesieve.market.symbols import perpetual

_PRICES = ("start", "open", "high", "low", "close")
_COLUMNS = (*_PRICES, "volume", "turnover")
_SETTLED_IN_BASE, _SPOT = "inverse", "spot"


def _rows(response: Any) -> list[Any] | None:
    return json_responses.list_in(response, "result", "list")


def _recognises(head: bytes, name: str) -> bool:
    rows = _rows(json_responses.first_response(head))
    return rows is not None and len(rows) > 0 and json_responses.is_row(rows[0], (len(_PRICES), len(_COLUMNS)), 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read klines; those of mark, index and premium prices have no volume.

    The volume of an inverse contract counts dollars, and its turnover the base currency: the turnover is the volume.
    """
    tables, notes = [], list[str]()
    for response in json_responses.read_responses(path):
        rows = _rows(response) or []
        table = json_responses.rows_table(path, rows, _COLUMNS if rows and len(rows[0]) == len(_COLUMNS) else _PRICES)
        result = response.get("result", {}) if isinstance(response, dict) else {}
        if result.get("category") == _SETTLED_IN_BASE and "turnover" in table:
            table = table.assign(volume=table["turnover"])
            notes = ["volumes of inverse contracts are in dollars: the turnover, in the base currency, is stored"]
        tables.append(_with_symbol(table, result))
    frame, joined = json_responses.join_tables(path, tables, "start")
    return VendorTable(frame, Stamps(meaning="open", unit="ms"), (*joined, *notes))


def _with_symbol(table: pd.DataFrame, result: dict[str, Any]) -> pd.DataFrame:
    symbol, category = result.get("symbol"), result.get("category")
    if not isinstance(symbol, str) or not symbol:
        return table
    return table.assign(symbol=symbol if category in (_SPOT, None) else perpetual(symbol))


BYBIT = Vendor("Bybit klines", _recognises, _read)
