"""Sources of bars: one file per provider, chosen by what the file is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.csv import read_csv
from tradesieve.market.sources.formats.frames import Stamps, bars_from_frame, columns_from_frame
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.formats.parquet import read_parquet
from tradesieve.market.sources.formats.symbol_column import settle_symbol, told_symbol
from tradesieve.market.sources.vendors.alphavantage import ALPHAVANTAGE
from tradesieve.market.sources.vendors.backtrader import BACKTRADER
from tradesieve.market.sources.vendors.base import Given, Read, Vendor
from tradesieve.market.sources.vendors.binance import BINANCE
from tradesieve.market.sources.vendors.bitfinex import BITFINEX
from tradesieve.market.sources.vendors.coinbase import COINBASE
from tradesieve.market.sources.vendors.cryptodatadownload import CRYPTODATADOWNLOAD
from tradesieve.market.sources.vendors.ejtrader import EJTRADER
from tradesieve.market.sources.vendors.freqtrade import FREQTRADE
from tradesieve.market.sources.vendors.histdata import HISTDATA
from tradesieve.market.sources.vendors.lean import LEAN
from tradesieve.market.sources.vendors.metatrader import METATRADER
from tradesieve.market.sources.vendors.nautilus import NAUTILUS
from tradesieve.market.sources.vendors.ninjatrader import NINJATRADER
from tradesieve.market.sources.vendors.oanda import OANDA
from tradesieve.market.sources.vendors.yahoo import YAHOO
from tradesieve.market.timeframes import Timeframe

READERS: dict[str, Callable[[Path, Layout], tuple[pd.DataFrame, tuple[str, ...]]]] = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".csv": read_csv,
    ".txt": read_csv,
}
VENDORS: tuple[Vendor, ...] = (
    CRYPTODATADOWNLOAD, COINBASE, BINANCE, BITFINEX, FREQTRADE, OANDA, LEAN, HISTDATA, NINJATRADER, METATRADER,
    EJTRADER, BACKTRADER, YAHOO, ALPHAVANTAGE, NAUTILUS,
)  # fmt: skip
"""Every vendor whose files are recognised; no file is recognised by two."""


def read_file(
    path: Path,
    *,
    symbol: str | None,
    timeframe: Timeframe,
    stamps: Stamps | None = None,
    price_scale: float | None = None,
    layout: Layout | None = None,
) -> tuple[Bars, tuple[str, ...]]:
    """Read bars from a file, and say what was put right.

    Parameters
    ----------
    path : a file of a vendor in `VENDORS`, recognised by its content, or any other Parquet or CSV file, packed by gzip
        or zip or not; see `market.sources.formats.frames` for the columns.
    symbol : what the file holds, written as any vendor does; None: what the file itself tells.
    timeframe : what the file holds.
    stamps : how the file writes time, where it is not as the vendor does; by default a column ``close_time`` is the
        close and any other name the open, in UTC, in a unit that is recognised by its size.
    price_scale : every price is divided by it; by default the vendor's own, else 1.
    layout : how a plain table is laid out, where that is said; no vendor is looked for then.

    Returns
    -------
    The bars, their symbol in its one form, and one sentence for each thing in which they differ from the file; the
    first names the vendor.

    Raises
    ------
    BadInput : if the file is missing, is of an unknown kind, or its columns or times are not understood, or it tells
        of another market than `symbol`, or of none where none was given.
    BadData : if the bars break a law; names the row.
    """
    path, layout = Path(path), layout or Layout()
    read, names = _read_table(path, Given(timeframe, stamps or Stamps(), price_scale), layout)
    untold = layout.columns.get("symbol") == ""
    settled, said = settle_symbol(symbol, read.frame, path=str(path), names=names, untold=untold)
    bars = bars_from_frame(
        read.frame,
        symbol=settled,
        timeframe=timeframe,
        stamps=read.stamps,
        name=str(path),
        price_scale=read.price_scale,
    )
    return bars, (*read.notes, *said)


def read_columns(
    path: Path,
    *,
    timeframe: Timeframe,
    stamps: Stamps | None = None,
    price_scale: float | None = None,
    layout: Layout | None = None,
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Read the columns of a file as `read_file` does, whether they keep the laws of bars or not.

    Returns
    -------
    As `market.sources.formats.frames.columns_from_frame`, and the notes of `read_file`.

    Raises
    ------
    BadInput : if the file is missing, is of an unknown kind, or its columns or times are not understood, or it holds
        several symbols.
    """
    path = Path(path)
    read, _ = _read_table(path, Given(timeframe, stamps or Stamps(), price_scale), layout or Layout())
    told_symbol(read.frame, str(path))
    columns = columns_from_frame(
        read.frame, timeframe=timeframe, stamps=read.stamps, name=str(path), price_scale=read.price_scale
    )
    return columns, read.notes


def _read_table(path: Path, given: Given, layout: Layout) -> tuple[Read, tuple[str, str]]:
    """Read a table as its vendor or kind asks, completed by what was given; say by which names it may tell a pair."""
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    head, name = read_head(path)
    vendor = None if layout.is_said else next((vendor for vendor in VENDORS if vendor.recognises(head, name)), None)
    read = vendor.read(path, given) if vendor else _read_plain(path, name, head, layout)
    frame = read.frame.rename(columns=lambda column: str(column).strip().lower())
    notes = (*([f"recognised as {vendor.name}"] if vendor else []), *read.notes)
    scale = given.price_scale or read.price_scale
    return Read(frame, given.stamps.over(read.stamps), notes, scale), (path.name, name)


def _read_plain(path: Path, name: str, head: bytes, layout: Layout) -> Read:
    frame, notes = _reader(path, name, head)(path, layout)
    return Read(frame, Stamps(), notes)


def _reader(path: Path, name: str, head: bytes) -> Callable[[Path, Layout], tuple[pd.DataFrame, tuple[str, ...]]]:
    suffix = Path(name).suffix.lower()
    vendors = ", ".join(vendor.name for vendor in VENDORS)
    if suffix not in READERS:
        raise BadInput(
            f"{path}: files ending in {suffix!r} are not read; known: {', '.join(sorted(READERS))}, "
            f"and by their content {vendors}"
        )
    if head.lstrip()[:1] in (b"[", b"{"):
        raise BadInput(f"{path}: this is JSON in no layout that is known; recognised are {vendors}")
    return READERS[suffix]
