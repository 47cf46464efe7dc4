"""BitMEX: buckets of trades as CSV or as its API answers them in JSON, stamped with their close in UTC."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    csv_frame,
    csv_header,
    ensure_oldest_first,
)
from tradesieve.market.sources.vendors.json_responses import (
    first_response,
    join_tables,
    read_responses,
    records_table,
)
from tradesieve.market.symbols import perpetual

_COLUMNS = ("timestamp", "symbol", *PRICES, "trades", "volume", "vwap")
_BASE_VOLUME = "homeNotional"


def _recognises(head: bytes, name: str) -> bool:
    rows = first_response(head)
    if isinstance(rows, list) and isinstance(rows[0], dict):
        return set(_COLUMNS) <= set(rows[0])
    return csv_header(head)[: len(_COLUMNS)] == _COLUMNS


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read buckets whose stamps are their closes; the volume is in the base currency where the file holds it."""
    notes = ["stamps are closes"]
    if read_head(path)[0].lstrip().startswith(b"["):
        tables = [_table(path, rows) for rows in read_responses(path)]
        frame, joined = join_tables(path, tables, "timestamp")
        notes += joined
    else:
        frame = ensure_oldest_first(csv_frame(path), "timestamp", notes)
    if _BASE_VOLUME.lower() in frame.columns:
        frame = frame.assign(volume=frame[_BASE_VOLUME.lower()])
        notes.append("volumes are in contracts: the volume in the base currency, homeNotional, is stored")
    else:
        notes.append("volumes are in contracts, as the file does not hold homeNotional")
    return VendorTable(frame, Stamps(meaning="close"), tuple(notes), market=_market(frame))


def _table(path: Path, rows: list[dict[str, object]]) -> pd.DataFrame:
    names = [*_COLUMNS, *([_BASE_VOLUME] if any(_BASE_VOLUME in row for row in rows) else [])]
    return records_table(path, rows, {name: name.lower() for name in names})


def _market(frame: pd.DataFrame) -> str | None:
    """Return the perpetual whose symbol is written like a pair, such as XBTUSD; spot is written XBT_USDT."""
    symbols = set(frame["symbol"].astype("str"))
    symbol = symbols.pop()
    return perpetual(symbol) if not symbols and re.fullmatch(r"[A-Z0-9]+(USD|USDT|USDC)", symbol) else None


BITMEX = Vendor("BitMEX", _recognises, _read)
