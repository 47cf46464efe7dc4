"""Read a file of bars, whoever wrote it.

1. `formats.archives` opens the file (plain, gzip or zip) and returns its first bytes.
2. Each vendor of `VENDORS` is asked whether it recognises them; the one that does reads the table. Without one, or when
   the user describes the layout, `READERS` chooses a plain reader by the ending of the name: CSV or Parquet.
3. `formats.symbol_column` decides the symbol: from the user, a column, or the name of the file.
4. `formats.table_bars` converts times, prices and volumes, leaves out bars that have not closed, and checks the
   timeframe and the laws of bars.

What the user states overrides what the vendor is known for, which overrides the defaults. To add a vendor, write
``vendors/NAME.py`` (``vendors/yahoo.py`` is the smallest one) and add its `Vendor` to `VENDORS`; a sample file in
``tests/market/sources/vendors`` shows that no other vendor recognises it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, WrongTimeframe
from tradesieve.market.sources.formats.archives import is_utf_16, read_head
from tradesieve.market.sources.formats.bad_rows import oldest_first
from tradesieve.market.sources.formats.bar_times import check_timeframe, read_times
from tradesieve.market.sources.formats.csv import read_csv
from tradesieve.market.sources.formats.frames import columns_from_frame
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.formats.parquet import read_parquet
from tradesieve.market.sources.formats.symbol_column import resolve_symbol, split_by_symbol, symbol_in_columns
from tradesieve.market.sources.formats.table_bars import TableBars, read_bars
from tradesieve.market.sources.formats.timestamps import Stamps
from tradesieve.market.sources.vendors.alpaca import ALPACA
from tradesieve.market.sources.vendors.alphavantage import ALPHAVANTAGE
from tradesieve.market.sources.vendors.backtrader import BACKTRADER
from tradesieve.market.sources.vendors.base import ReadOptions, Vendor, VendorTable
from tradesieve.market.sources.vendors.binance import BINANCE
from tradesieve.market.sources.vendors.bitfinex import BITFINEX
from tradesieve.market.sources.vendors.bitmex import BITMEX
from tradesieve.market.sources.vendors.bybit import BYBIT
from tradesieve.market.sources.vendors.ccxt import CCXT
from tradesieve.market.sources.vendors.coinbase import COINBASE
from tradesieve.market.sources.vendors.coinmarketcap import COINMARKETCAP
from tradesieve.market.sources.vendors.cryptodatadownload import CRYPTODATADOWNLOAD
from tradesieve.market.sources.vendors.databento import DATABENTO
from tradesieve.market.sources.vendors.deribit import DERIBIT
from tradesieve.market.sources.vendors.ejtrader import EJTRADER
from tradesieve.market.sources.vendors.freqtrade import FREQTRADE
from tradesieve.market.sources.vendors.histdata import HISTDATA
from tradesieve.market.sources.vendors.kraken import KRAKEN
from tradesieve.market.sources.vendors.kucoin import KUCOIN
from tradesieve.market.sources.vendors.lean import LEAN
from tradesieve.market.sources.vendors.metatrader import METATRADER
from tradesieve.market.sources.vendors.nautilus import NAUTILUS
from tradesieve.market.sources.vendors.ninjatrader import NINJATRADER
from tradesieve.market.sources.vendors.oanda import OANDA
from tradesieve.market.sources.vendors.okx import OKX
from tradesieve.market.sources.vendors.polygon import POLYGON
from tradesieve.market.sources.vendors.stooq import STOOQ
from tradesieve.market.sources.vendors.tradingview import TRADINGVIEW
from tradesieve.market.sources.vendors.yahoo import YAHOO
from tradesieve.market.sources.vendors.yfinance import YFINANCE
from tradesieve.market.timeframes import CALENDAR_WEEK, Timeframe

READERS: dict[str, Callable[[Path, Layout], tuple[pd.DataFrame, tuple[str, ...]]]] = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".csv": read_csv,
    ".txt": read_csv,
}
"""The reader of a plain table, by the ending of its name."""
VENDORS: tuple[Vendor, ...] = (
    CRYPTODATADOWNLOAD, COINBASE, BINANCE, BITFINEX, BITMEX, FREQTRADE, OANDA, LEAN, HISTDATA, NINJATRADER, METATRADER,
    EJTRADER, BACKTRADER, YAHOO, YFINANCE, STOOQ, ALPHAVANTAGE, NAUTILUS,
    CCXT, BYBIT, OKX, KUCOIN, KRAKEN, DERIBIT, ALPACA, POLYGON, COINMARKETCAP, DATABENTO, TRADINGVIEW,
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
    bad_rows: str = "refuse",
    now: int | None = None,
    allow_negative: bool = False,
) -> tuple[Bars, tuple[str, ...]]:
    """Read bars from a file, and report what was corrected.

    Parameters
    ----------
    path : a file of a vendor in `VENDORS`, recognised by its content, or any other Parquet or CSV file, plain or packed
        by gzip or zip; see `formats.frames.bars_from_frame` for the columns.
    symbol : what the file holds, in any vendor's form; None: the symbol that the file names.
    timeframe, stamps, price_scale, layout, bad_rows, now, allow_negative : as in `vendors.base.ReadOptions`.

    Returns
    -------
    The bars, their symbol in its normal form, and one note for each way in which they differ from the file; the first
    names the vendor.

    Raises
    ------
    BadInput : if the file is missing or of an unknown kind, its columns or times cannot be read, no bar has closed, it
        names a different market from `symbol`, holds several symbols, or no symbol is known.
    WrongTimeframe : if the bars last another time than `timeframe`.
    BadData : if bars break a law and are not to be left out; names the first five rows.
    """
    options = ReadOptions(timeframe, stamps or Stamps(), price_scale, layout or Layout(), bad_rows, now, allow_negative)
    table, names = _read_table(path, options)
    read = _table_bars(path, table, names, symbol, options)
    return read.bars, read.notes


def read_symbols(path: Path, options: ReadOptions, *, symbol: str | None) -> list[TableBars]:
    """Read bars from a file of one or several symbols.

    Parameters
    ----------
    symbol : as in `read_file`; of a file of several symbols, it chooses one.

    Returns
    -------
    The bars of each symbol and how they were read, sorted by the name in the file.

    Raises
    ------
    As `read_file`, and BadInput if none of several symbols is `symbol`.
    """
    table, names = _read_table(path, options)
    frames = [table.frame] if _trusts_user(options) else split_by_symbol(table.frame, symbol, path=str(path))
    return [_table_bars(path, table._replace(frame=frame), names, symbol, options) for frame in frames]


def _table_bars(
    path: Path, table: VendorTable, names: tuple[str, str], symbol: str | None, options: ReadOptions
) -> TableBars:
    stored_symbol, notes = resolve_symbol(
        symbol, table.frame, path=str(path), names=names, trust_user=_trusts_user(options), market=table.market
    )
    read = read_bars(
        table.frame,
        symbol=stored_symbol,
        timeframe=options.timeframe,
        stamps=table.stamps,
        name=str(path),
        price_scale=table.price_scale,
        bad_rows=options.bad_rows,
        now=options.now,
        allow_negative=options.allow_negative,
    )
    return replace(read, notes=(*table.notes, *notes, *read.notes), left_out=table.left_out + read.left_out)


def _trusts_user(options: ReadOptions) -> bool:
    """Tell whether the user says that the table has no symbol column."""
    return options.layout.columns.get("symbol") == ""


def read_columns(path: Path, options: ReadOptions) -> tuple[dict[str, np.ndarray], str | None, tuple[str, ...]]:
    """Read the columns of a file as `read_file` does, whether they keep the laws of bars or not.

    Returns
    -------
    The columns and their sessions, as `formats.frames.columns_from_frame`, and the notes of `read_file`.

    Raises
    ------
    BadInput : if the file is missing or of an unknown kind, its columns or times cannot be read, no bar has closed,
        or it holds several symbols.
    WrongTimeframe : if the bars last another time than the timeframe of `options`.
    """
    timeframe, name = options.timeframe, str(path)
    table, _ = _read_table(path, options)
    symbol_in_columns(table.frame, name)  # refuses several
    times = read_times(table.frame, timeframe=timeframe, stamps=table.stamps, name=name, now=options.now)
    check_timeframe(times.frame, timeframe=timeframe, stamps=times.stamps, name=name)
    columns, sessions = columns_from_frame(
        times.frame, timeframe=timeframe, stamps=times.stamps, name=name, price_scale=table.price_scale
    )
    rows = oldest_first(columns)
    return dict(rows.columns), sessions, (*table.notes, *times.notes, *rows.notes)


def price_scale_of(path: Path, options: ReadOptions) -> float:
    """Return by what every price of a file is divided: what is given, else the vendor's own scale, else 1.

    Raises
    ------
    BadInput : if the file is missing or of an unknown kind, or its table cannot be read.
    """
    return _read_table(path, options)[0].price_scale


def _read_table(path: Path, options: ReadOptions) -> tuple[VendorTable, tuple[str, str]]:
    """Read a table, completed by the user's options; also return the names in which a pair may be found."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: is a folder: name its files" if path.is_dir() else f"{path}: file not found")
    head, name = read_head(path)
    layout = options.layout
    vendor = None if layout.is_described else next((each for each in VENDORS if each.recognises(head, name)), None)
    table = vendor.read(path, options) if vendor else _read_plain(path, name, head, layout)
    _check_stated_timeframe(path, table.timeframe, options.timeframe)
    frame = table.frame.rename(columns=lambda column: str(column).strip().lower())
    stamps = options.stamps.with_defaults(table.stamps)
    notes = [f"recognised as {vendor.name}"] if vendor else []
    if is_utf_16(path):
        notes.append("the encoding is UTF-16")
    table = table._replace(
        frame=frame,
        stamps=stamps,
        notes=(*notes, *table.notes),
        price_scale=options.price_scale or table.price_scale,
    )
    return table, (path.name, name)


def _check_stated_timeframe(path: Path, stated: Timeframe | None, timeframe: Timeframe) -> None:
    """Refuse a timeframe that the file contradicts; its weeks may begin on another day than Monday."""
    if stated is None or stated == timeframe or (stated == CALENDAR_WEEK and timeframe.duration == stated.duration):
        return
    raise WrongTimeframe(
        f"{path}: states that its bars last {stated}, but the timeframe given is {timeframe}", str(stated)
    )


def _read_plain(path: Path, name: str, head: bytes, layout: Layout) -> VendorTable:
    suffix = Path(name).suffix.lower()
    if head.lstrip()[:1] in (b"[", b"{"):
        raise BadInput(
            f"{path}: JSON in an unknown layout; `tradesieve data import --help` lists the vendors that are recognised"
        )
    if suffix not in READERS:
        raise BadInput(
            f"{path}: files ending in {suffix!r} are not supported; use {', '.join(sorted(READERS))}, or a file of a "
            "vendor that is recognised: `tradesieve data import --help` lists them"
        )
    frame, notes = READERS[suffix](path, layout)
    return VendorTable(frame, Stamps(), notes)
