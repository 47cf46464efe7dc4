"""nautilus: CSV of a data vendor as its test data ship it, packed by gzip, stamped with the closes in UTC."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor, csv_frame, header


def _recognises(head: bytes, name: str) -> bool:
    return header(head) == ("timestamp_utc", *PRICES, "volume")


def _read(path: Path, given: Given) -> Read:
    """Read bars whose stamps are their closes, in UTC."""
    frame = csv_frame(path).rename(columns={"timestamp_utc": "timestamp"})
    return Read(frame, Stamps(meaning="close"), ("a stamp is the end of its bar",))


NAUTILUS = Vendor("nautilus", _recognises, _read)
