"""backtrader: CSV with an open interest; intraday with date and time apart, stamped with the ends of the bars."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor, csv_frame, header

_PRICED = (*PRICES, "volume", "openinterest")


def _recognises(head: bytes, name: str) -> bool:
    return header(head) in (("date", *_PRICED), ("date", "time", *_PRICED))


def _read(path: Path, given: Given) -> Read:
    """Read bars: intraday stamps are closes in the exchange's clock, a date is the day itself."""
    frame = csv_frame(path)
    if "time" not in frame.columns:
        return Read(frame, Stamps(meaning="open"))
    frame = frame.assign(time=frame["date"].astype("str") + "T" + frame["time"].astype("str")).drop(columns="date")
    notes = ["a stamp is the end of its bar"]
    if given.stamps.timezone is None:
        notes.append("the exchange's clock is not written in the file: read as UTC; --timezone says otherwise")
    return Read(frame, Stamps(meaning="close"), tuple(notes))


BACKTRADER = Vendor("backtrader", _recognises, _read)
