"""Yahoo Finance: daily CSV with an adjusted close, in older files the newest row first."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor, csv_frame, header, oldest_first

_HEADERS = (("date", *PRICES, "volume", "adj close"), ("date", *PRICES, "adj close", "volume"))


def _recognises(head: bytes, name: str) -> bool:
    return header(head) in _HEADERS


def _read(path: Path, given: Given) -> Read:
    """Read daily bars; a date is the day of the session, from midnight UTC."""
    notes = ["the column Adj Close is left out: prices are as they stand"]
    return Read(oldest_first(csv_frame(path), "date", notes), Stamps(meaning="open"), tuple(notes))


YAHOO = Vendor("Yahoo", _recognises, _read)
