"""BitMEX: buckets of trades as CSV, stamped with their close in UTC."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    csv_frame,
    csv_header,
    ensure_oldest_first,
)

_COLUMNS = ("timestamp", "symbol", *PRICES, "trades", "volume", "vwap")


def _recognises(head: bytes, name: str) -> bool:
    return csv_header(head)[: len(_COLUMNS)] == _COLUMNS


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read buckets whose stamps are their closes, in UTC."""
    notes = ["stamps are closes"]
    return VendorTable(ensure_oldest_first(csv_frame(path), "timestamp", notes), Stamps(meaning="close"), tuple(notes))


BITMEX = Vendor("BitMEX", _recognises, _read)
