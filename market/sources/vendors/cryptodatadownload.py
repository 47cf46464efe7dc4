"""CryptoDataDownload: CSV, its address in the first line, the newest row first, a volume in each of two currencies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, read_lines
from tradesieve.market.sources.formats.frames import Stamps
from tradesieve.market.sources.vendors.base import Given, Read, Vendor, csv_frame, in_order, times


def _recognises(head: bytes, name: str) -> bool:
    lines = first_lines(head)
    if lines and lines[0].lower().startswith(("http://", "https://")) and "cryptodatadownload" in lines[0].lower():
        return True
    names = lines[0].lower().split(",") if lines else []
    return {"date", "symbol", "open", "close"} <= set(names) and len(_volumes(names)) == 2


def _read(path: Path, given: Given) -> Read:
    """Read the table. Its times are the opens in UTC, and its volume is that of the first currency of the pair.

    Older Bitstamp files name the two volumes the wrong way round. Volume in the quote currency is volume in the base
    currency times the price, so that above a price of 1 the smaller of the two is the base's, and below it the larger.
    """
    lines = read_lines(path)
    skipped = int(bool(lines) and lines[0].lower().startswith("http"))
    frame = csv_frame(path, skiprows=skipped)
    names = _volumes(list(frame.columns))
    missing = {"date", "symbol", "open", "high", "low", "close"} - set(frame.columns)
    if missing or len(names) != 2:
        raise BadInput(
            f"{path}: a CryptoDataDownload file has date, symbol, open, high, low, close and two volumes; "
            f"found {', '.join(frame.columns)}"
        )
    notes = ["the first line is an address: passed over"] if skipped else []
    text = frame["date"].astype("str").str.strip()
    if text.str.contains(r"\d-[AP]M$", regex=True).all():
        text = times(path, text, "%Y-%m-%d %I-%p").astype("str")
    frame = in_order(frame.assign(time=text), "time", notes)
    base, quote = (pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64) for name in names)
    close = pd.to_numeric(frame["close"], errors="coerce").to_numpy(np.float64)
    swapped = (np.minimum(base, quote) > 0) & ((quote - base) * (close - 1.0) < 0)
    if swapped.any():
        notes.append(f"the two volumes of {int(swapped.sum())} rows were swapped: put right by their size")
    # Text is left where it stood, so that whoever checks the numbers names it.
    volume = frame[names[0]].where(~swapped, frame[names[1]])
    return Read(frame.assign(volume=volume).drop(columns=["date", *names]), Stamps(meaning="open"), tuple(notes))


def _volumes(names: list[str]) -> list[str]:
    """Name the two columns of volume, that of the base currency first, as the vendor orders them."""
    return [name.strip() for name in names if name.strip().startswith("volume")]


CRYPTODATADOWNLOAD = Vendor("CryptoDataDownload", _recognises, _read)
