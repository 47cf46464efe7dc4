"""Alpha Vantage and Alpaca: CSV with the newest row first; intraday in New York's clock, stamped with the closes."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.archives import first_lines
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor, csv_frame, header, oldest_first

_HEADERS = tuple((name, *PRICES, "volume") for name in ("datetime", "timestamp"))
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MINUTE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
# The first bar before the session closes after 04:00, and the last one after it at 20:00; the session ends at 16:00.
_OPEN, _LAST = "04:00:00", "20:00:00"
_ENDS = ("16:00:00", "20:00:00")


def _recognises(head: bytes, name: str) -> bool:
    if header(head) not in _HEADERS:
        return False
    stamps = [line.partition(",")[0] for line in first_lines(head)[1:]]
    if len(stamps) < 2 or any(later >= earlier for earlier, later in pairwise(stamps)):
        return False
    if all(_DAY.fullmatch(stamp) for stamp in stamps):
        return True
    # Only stamps that are closes in New York's clock end their days at the end of a session, to the minute.
    clocks = [stamp[11:] for stamp in stamps]
    return (
        all(_MINUTE.fullmatch(stamp) for stamp in stamps)
        and all(_OPEN < clock <= _LAST for clock in clocks)
        and any(end in clocks for end in _ENDS)
    )


def _read(path: Path, given: Given) -> Read:
    """Read bars: intraday stamps are closes in New York's clock, a date is the day of the session."""
    frame = csv_frame(path)
    time = str(frame.columns[0])
    daily = frame[time].astype("str").str.len().eq(10).all()
    notes: list[str] = []
    frame = oldest_first(frame, time, notes)
    if daily:
        return Read(frame, Stamps(meaning="open"), tuple(notes))
    notes.append("a stamp is the end of its bar, in New York's clock")
    return Read(frame, Stamps(meaning="close", timezone="America/New_York"), tuple(notes))


ALPHAVANTAGE = Vendor("Alpha Vantage", _recognises, _read)
