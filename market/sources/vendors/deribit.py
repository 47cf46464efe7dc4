"""Deribit: chart data of its API as JSON, one list per column, stamped with the open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable
from tradesieve.market.sources.vendors.json_responses import first_response, join_tables, read_responses

_COLUMNS = ("ticks", *PRICES, "volume")


def _columns(response: Any) -> dict[str, list[Any]]:
    result = response.get("result") if isinstance(response, dict) else None
    if not isinstance(result, dict):
        return {}
    return {name: result[name] for name in (*_COLUMNS, "cost") if isinstance(result.get(name), list)}


def _recognises(head: bytes, name: str) -> bool:
    # The columns follow one another: those behind the first may not be in the beginning of a file.
    columns = _columns(first_response(head))
    return bool(columns) and all(isinstance(value, int | float) for cells in columns.values() for value in cells[:1])


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars whose volume is in the base currency."""
    frame, notes = join_tables(path, [_table(path, response) for response in read_responses(path)], "time")
    return VendorTable(frame, Stamps(meaning="open", unit="ms"), tuple(notes))


def _table(path: Path, response: Any) -> pd.DataFrame:
    columns = _columns(response)
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise BadInput(f"{path}: a response has no list {', '.join(missing)}")
    lengths = {name: len(columns[name]) for name in _COLUMNS}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise BadInput(f"{path}: the lists of a response differ in length: {counts}")
    return pd.DataFrame({name: columns[name] for name in _COLUMNS}).rename(columns={"ticks": "time"})


DERIBIT = Vendor("Deribit chart data", _recognises, _read)
