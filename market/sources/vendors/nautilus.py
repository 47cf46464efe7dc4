"""nautilus: CSV as in its test data, packed by gzip, stamped with the close in UTC."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header


def _recognises(head: bytes, name: str) -> bool:
    return csv_header(head) == ("timestamp_utc", *PRICES, "volume")


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars whose stamps are their closes, in UTC."""
    frame = csv_frame(path).rename(columns={"timestamp_utc": "timestamp"})
    return VendorTable(frame, Stamps(meaning="close"), ("stamps are closes",))


NAUTILUS = Vendor("nautilus", _recognises, _read)
