"""yfinance: the CSV of ``yfinance.download(...).to_csv(...)`` since 0.2.51, below three lines of names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tradesieve.market.sources.formats.archives import first_lines, read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame

_FIRST_CELLS = tuple(
    (*levels, time) for levels in (("price", "ticker"), ("ticker", "price")) for time in ("date", "datetime")
)
"""The first cells of the three lines; tickers come first with ``group_by="ticker"``."""


def _recognises(head: bytes, name: str) -> bool:
    return tuple(line.partition(",")[0].lower() for line in first_lines(head)[:3]) in _FIRST_CELLS


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read the bars of each ticker, one below the other."""
    lines = (line.split(",") for line in first_lines(read_head(path)[0])[:2])
    levels = {line[0].lower(): line[1:] for line in lines}
    names, tickers = levels["price"], levels["ticker"]
    table = csv_frame(path, skiprows=3, header=None, names=[str(place) for place in range(len(names) + 1)])
    parts = []
    for ticker in dict.fromkeys(tickers):
        places = [place for place, name in enumerate(tickers, start=1) if name == ticker]
        part = table[[str(place) for place in places]].set_axis(
            [names[place - 1].strip().lower() for place in places], axis=1
        )
        parts.append(part.assign(time=table["0"], symbol=ticker))
    frame = pd.concat(parts, ignore_index=True)
    notes = () if "adj close" in frame.columns else ("yfinance adjusts prices for splits and dividends by default",)
    return VendorTable(frame, Stamps(meaning="open"), notes)


YFINANCE = Vendor("yfinance", _recognises, _read)
