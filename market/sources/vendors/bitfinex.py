"""Bitfinex: candles as JSON or CSV without a header, prices in the order open, close, high, low."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.sources.formats.archives import read_head, read_json
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    candles_frame,
    csv_frame,
    ensure_oldest_first,
    first_candles,
    fits_only,
)

_COLUMNS = ("time", "open", "close", "high", "low", "volume")


def _recognises(head: bytes, name: str) -> bool:
    candles = first_candles(head)
    return fits_only(candles, "ochl", "ohlc", "lhoc") and bool(candles[0, 0] > 1e11)


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read candles whose stamps are opens, in milliseconds."""
    if read_head(path)[0].lstrip().startswith(b"["):
        frame = candles_frame(path, read_json(path), _COLUMNS)
    else:
        frame = csv_frame(path, header=None, names=list(_COLUMNS))
    notes = ["prices are in the order open, close, high, low"]
    return VendorTable(ensure_oldest_first(frame, "time", notes), Stamps(meaning="open", unit="ms"), tuple(notes))


BITFINEX = Vendor("Bitfinex candles", _recognises, _read)
