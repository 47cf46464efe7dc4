"""CoinMarketCap: days as CSV, with the time of their open and that of their close, a millisecond before midnight."""

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

_TIMES = {"timeopen": "open_time", "timeclose": "close_time"}


def _recognises(head: bytes, name: str) -> bool:
    return {*_TIMES, *PRICES, "marketcap"} <= set(csv_header(head, ";"))


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read days by their open; their volume is in dollars."""
    frame = csv_frame(path, sep=";").rename(columns=_TIMES)
    notes: list[str] = []
    frame = ensure_oldest_first(frame[[*_TIMES.values(), *PRICES, "volume"]], "open_time", notes)
    notes.append("volumes are in dollars, of all markets of the coin")
    return VendorTable(frame, Stamps(meaning="open"), tuple(notes))


COINMARKETCAP = Vendor("CoinMarketCap", _recognises, _read)
