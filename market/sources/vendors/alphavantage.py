"""Alpha Vantage and Alpaca: CSV, newest row first; intraday bars are stamped with their close, in New York time."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.archives import first_lines
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import (
    ReadOptions,
    Vendor,
    VendorTable,
    csv_frame,
    csv_header,
    ensure_oldest_first,
)

_HEADERS = tuple((name, *PRICES, "volume") for name in ("datetime", "timestamp"))
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MINUTE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
# The first bar before the session closes after 04:00, and the last one after it at 20:00; the session ends at 16:00.
_OPEN, _LAST = "04:00:00", "20:00:00"
_ENDS = ("16:00:00", "20:00:00")


def _recognises(head: bytes, name: str) -> bool:
    if csv_header(head) not in _HEADERS:
        return False
    stamps = [line.partition(",")[0] for line in first_lines(head)[1:]]
    if len(stamps) < 2 or any(later >= earlier for earlier, later in pairwise(stamps)):
        return False
    if all(_DAY.fullmatch(stamp) for stamp in stamps):
        return True
    # Only closes in New York time end a day exactly at the end of a session.
    clocks = [stamp[11:] for stamp in stamps]
    return (
        all(_MINUTE.fullmatch(stamp) for stamp in stamps)
        and all(_OPEN < clock <= _LAST for clock in clocks)
        and any(end in clocks for end in _ENDS)
    )


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars: intraday stamps are closes in New York time, a date is the day of the session."""
    frame = csv_frame(path)
    time = str(frame.columns[0])
    daily = frame[time].astype("str").str.len().eq(10).all()
    notes: list[str] = []
    frame = ensure_oldest_first(frame, time, notes)
    if daily:
        return VendorTable(frame, Stamps(meaning="open"), tuple(notes))
    notes.append("stamps are closes, in New York time")
    return VendorTable(frame, Stamps(meaning="close", timezone="America/New_York"), tuple(notes))


ALPHAVANTAGE = Vendor("Alpha Vantage", _recognises, _read)
