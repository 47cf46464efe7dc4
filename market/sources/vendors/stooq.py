"""Stooq and MetaStock: text with the names of columns in angle brackets, the ticker first."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.timestamps import Stamps, parse_times
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header

_NAMES = {"dtyyyymmdd": "date", "vol": "volume"}


def _columns(head: bytes) -> tuple[str, ...]:
    names = (name.strip("<> ") for name in csv_header(head))
    return tuple(_NAMES.get(name, name) for name in names)


def _recognises(head: bytes, name: str) -> bool:
    return head.lstrip(b"\xef\xbb\xbf").startswith(b"<TICKER>") and {"date", *PRICES} <= set(_columns(head))


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars of any period; the files of Stooq write the country of a share behind its ticker, as in AAPL.US."""
    frame = csv_frame(path, dtype=dict.fromkeys(("<DATE>", "<DTYYYYMMDD>", "<TIME>"), "str"))
    frame = frame.rename(columns=lambda name: name.strip("<> ")).rename(columns=_NAMES)
    if "time" in frame.columns:
        time = frame["date"] + " " + frame["time"].str.ljust(6, "0")
        frame = frame.assign(time=parse_times(time, "%Y%m%d %H%M%S", name=str(path)))
    else:
        frame = frame.assign(time=parse_times(frame["date"], "%Y%m%d", name=str(path)))
    ticker = frame["ticker"].astype("str").str.removesuffix(".US")
    return VendorTable(frame.drop(columns="date").assign(ticker=ticker), Stamps(meaning="open"))


STOOQ = Vendor("Stooq", _recognises, _read)
