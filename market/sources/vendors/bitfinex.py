"""Bitfinex: candles as JSON or CSV without a header, prices in the order open, close, high, low."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    csv_frame,
    ensure_oldest_first,
    first_candles,
    fits_only,
)
from tradesieve.market.sources.vendors.json_responses import join_tables, read_responses, rows_table

_COLUMNS = ("time", "open", "close", "high", "low", "volume")


def _recognises(head: bytes, name: str) -> bool:
    candles = first_candles(head)
    return fits_only(candles, "ochl", "ohlc", "lhoc") and bool(candles[0, 0] > 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read candles whose stamps are opens, in milliseconds."""
    notes = ["prices are in the order open, close, high, low"]
    if read_head(path)[0].lstrip().startswith(b"["):
        pages = [rows_table(path, rows, _COLUMNS) for rows in read_responses(path)]
        frame, joined = join_tables(path, pages, "time")
        notes += joined
    else:
        frame = csv_frame(path, header=None, names=list(_COLUMNS))
    return VendorTable(ensure_oldest_first(frame, "time", notes), Stamps(meaning="open", unit="ms"), tuple(notes))


BITFINEX = Vendor("Bitfinex candles", _recognises, _read)
