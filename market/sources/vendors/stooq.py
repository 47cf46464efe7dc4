"""Stooq and MetaStock: text with the names of columns in angle brackets, the ticker first."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from tradesieve.market.bars import PRICES
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.timestamps import Stamps, parse_times
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, csv_header

_SEPARATOR = re.compile(rb"<TICKER>([,;\t])")
_NAMES = {"dtyyyymmdd": "date", "vol": "volume"}


def _separator(head: bytes) -> str | None:
    found = _SEPARATOR.match(head.removeprefix(codecs.BOM_UTF8))
    return found[1].decode() if found else None


def _recognises(head: bytes, name: str) -> bool:
    separator = _separator(head)
    names = [each.strip("<> ") for each in csv_header(head, separator)] if separator else []
    return {"date", *PRICES} <= {_NAMES.get(each, each) for each in names}


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars of any period; the files of Stooq write the country of a share behind its ticker, as in AAPL.US."""
    as_text = dict.fromkeys(("<DATE>", "<DTYYYYMMDD>", "<TIME>"), "str")
    frame = csv_frame(path, sep=_separator(read_head(path)[0]), dtype=as_text)
    frame = frame.rename(columns=lambda name: name.strip("<> ")).rename(columns=_NAMES)
    if "time" in frame.columns:
        clock = frame["time"].str.replace(":", "")
        # Hours and minutes, or seconds too; a leading zero may be missing.
        clock = clock.str.zfill(4 if clock.str.len().max() <= 4 else 6).str.ljust(6, "0")
        time = frame["date"] + " " + clock
        frame = frame.assign(time=parse_times(time, "%Y%m%d %H%M%S", name=str(path)))
    else:
        frame = frame.assign(time=parse_times(frame["date"], "%Y%m%d", name=str(path)))
    ticker = frame["ticker"].astype("str").str.removesuffix(".US")
    return VendorTable(frame.drop(columns="date").assign(ticker=ticker), Stamps(meaning="open"))


STOOQ = Vendor("Stooq", _recognises, _read)
