"""CryptoDataDownload: CSV, a URL in the first line, newest row first, a volume in each of the two currencies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, read_lines
from tradesieve.market.sources.formats.timestamps import Stamps, parse_times
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame, ensure_sorted


def _recognises(head: bytes, name: str) -> bool:
    lines = first_lines(head)
    if lines and lines[0].lower().startswith(("http://", "https://")) and "cryptodatadownload" in lines[0].lower():
        return True
    names = lines[0].lower().split(",") if lines else []
    return {"date", "symbol", "open", "close"} <= set(names) and len(_volumes(names)) == 2


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read bars: stamps are opens in UTC, and the volume is in the base currency.

    Older Bitstamp files swap the names of the two volumes. Volume in the quote currency is volume in the base currency
    times the price: above a price of 1 the smaller one is the base volume, below it the larger one.
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
    notes = ["the first line is a URL: skipped"] if skipped else []
    text = frame["date"].astype("str").str.strip()
    if text.str.contains(r"\d-[AP]M$", regex=True).all():
        text = parse_times(text, "%Y-%m-%d %I-%p", name=str(path)).astype("str")
    frame = ensure_sorted(frame.assign(time=text), "time", notes)
    base, quote = (pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64) for name in names)
    close = pd.to_numeric(frame["close"], errors="coerce").to_numpy(np.float64)
    swapped = (np.minimum(base, quote) > 0) & ((quote - base) * (close - 1.0) < 0)
    if swapped.any():
        notes.append(f"the two volumes of {int(swapped.sum())} rows were swapped: corrected by their size")
    # Text stays as it is: the check of the numbers reports its row.
    volume = frame[names[0]].where(~swapped, frame[names[1]])
    return VendorTable(frame.assign(volume=volume).drop(columns=["date", *names]), Stamps(meaning="open"), tuple(notes))


def _volumes(names: list[str]) -> list[str]:
    """Return the names of the volume columns; the vendor puts the base currency first."""
    return [name.strip() for name in names if name.strip().startswith("volume")]


CRYPTODATADOWNLOAD = Vendor("CryptoDataDownload", _recognises, _read)
