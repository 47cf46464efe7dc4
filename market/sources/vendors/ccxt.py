"""CCXT and freqtrade: JSON rows of milliseconds, open, high, low, close and volume, stamped with their open."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, first_candles, fits_only
from tradesieve.market.sources.vendors.json_responses import join_tables, read_responses, rows_table

_COLUMNS = ("time", "open", "high", "low", "close", "volume")


def _recognises(head: bytes, name: str) -> bool:
    candles = first_candles(head)
    # Flat bars fit any order, and are the same bars in each: they are read here.
    return head.lstrip().startswith(b"[") and fits_only(candles, "ohlc") and bool(candles[0, 0] > 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read the rows of one page, or of several in a list or one a line."""
    pages = [rows_table(path, rows, _COLUMNS) for rows in read_responses(path)]
    frame, notes = join_tables(path, pages, "time")
    return VendorTable(frame, Stamps(meaning="open", unit="ms"), tuple(notes))


CCXT = Vendor("CCXT or freqtrade", _recognises, _read)
