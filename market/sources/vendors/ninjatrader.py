"""NinjaTrader: minute bars without a header, stamped with their close in UTC."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable
from tradesieve.market.sources.vendors.semicolon_rows import ascii_frame, has_no_volume


def _recognises(head: bytes, name: str) -> bool:
    return has_no_volume(head) is False


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars whose stamps are their closes, in UTC."""
    return VendorTable(ascii_frame(path), Stamps(meaning="close"), ("stamps are closes",))


NINJATRADER = Vendor("NinjaTrader", _recognises, _read)
