"""yfinance: the CSV of ``yfinance.download(...).to_csv(...)`` since 0.2.51, below three lines of names."""

from __future__ import annotations

from pathlib import Path

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, read_head
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable, csv_frame

_FIRST_CELLS = (("price", "ticker", "date"), ("price", "ticker", "datetime"))


def _recognises(head: bytes, name: str) -> bool:
    return tuple(line.partition(",")[0].lower() for line in first_lines(head)[:3]) in _FIRST_CELLS


def _read(path: Path, options: ReadOptions) -> VendorTable:
    """Read the bars of one ticker.

    Raises
    ------
    BadInput : if the file holds several tickers.
    """
    tickers = sorted(set(first_lines(read_head(path)[0])[1].split(",")[1:]))
    if len(tickers) > 1:
        raise BadInput(f"{path}: holds {len(tickers)} tickers, {tickers[0]} and {tickers[1]}; save one to a file")
    frame = csv_frame(path, skiprows=[1, 2]).rename(columns={"price": "time"})
    notes = () if "adj close" in frame.columns else ("yfinance adjusts prices for splits and dividends by default",)
    return VendorTable(frame.assign(symbol=tickers[0]), Stamps(meaning="open"), notes)


YFINANCE = Vendor("yfinance", _recognises, _read)
