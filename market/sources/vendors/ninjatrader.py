"""NinjaTrader: minute bars without a header, stamped with their ends in UTC."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor
from tradesieve.market.sources.vendors.semicolon_rows import all_silent, ascii_frame


def _recognises(head: bytes, name: str) -> bool:
    return all_silent(head) is False


def _read(path: Path, given: Given) -> Read:
    """Read bars whose stamps are their closes, in UTC."""
    notes = ("a stamp is the end of its bar",)
    return Read(ascii_frame(path), Stamps(meaning="close"), notes)


NINJATRADER = Vendor("NinjaTrader", _recognises, _read)
