"""backtrader: CSV with open interest; intraday bars have separate date and time, and are stamped with their close."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header

_VALUES = (*PRICES, "volume", "openinterest")


def _recognises(head: bytes, name: str) -> bool:
    return csv_header(head) in (("date", *_VALUES), ("date", "time", *_VALUES))


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars: intraday stamps are closes in the exchange's time zone, a date is the day itself."""
    frame = csv_frame(path)
    if "time" not in frame.columns:
        return VendorTable(frame, Stamps(meaning="open"))
    frame = frame.assign(time=frame["date"].astype("str") + "T" + frame["time"].astype("str")).drop(columns="date")
    return VendorTable(frame, Stamps(meaning="close"), ("stamps are closes",))


BACKTRADER = Vendor("backtrader", _recognises, _read)
