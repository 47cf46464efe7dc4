"""Yahoo Finance: daily CSV with an adjusted close; in older files the newest row comes first."""

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

_HEADERS = (("date", *PRICES, "volume", "adj close"), ("date", *PRICES, "adj close", "volume"))


def _recognises(head: bytes, name: str) -> bool:
    return csv_header(head) in _HEADERS


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read daily bars; a date is the day of the session, as midnight UTC."""
    notes = ["the column Adj Close is ignored: prices are not adjusted"]
    return VendorTable(ensure_oldest_first(csv_frame(path), "date", notes), Stamps(meaning="open"), tuple(notes))


YAHOO = Vendor("Yahoo", _recognises, _read)
