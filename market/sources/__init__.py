"""Sources of bars: one file per provider, chosen by what the file is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from market.bars import Bars
from market.errors import BadInput
from market.sources.alphavantage import ALPHAVANTAGE
from market.sources.backtrader import BACKTRADER
from market.sources.base import Stamps, bars_from_frame
from market.sources.binance import BINANCE
from market.sources.bitfinex import BITFINEX
from market.sources.coinbase import COINBASE
from market.sources.contents import read_head
from market.sources.cryptodatadownload import CRYPTODATADOWNLOAD
from market.sources.csv import read_csv
from market.sources.ejtrader import EJTRADER
from market.sources.freqtrade import FREQTRADE
from market.sources.histdata import HISTDATA
from market.sources.lean import LEAN
from market.sources.metatrader import METATRADER
from market.sources.nautilus import NAUTILUS
from market.sources.ninjatrader import NINJATRADER
from market.sources.oanda import OANDA
from market.sources.parquet import read_parquet
from market.sources.vendor import Given, Read, Vendor
from market.sources.yahoo import YAHOO
from market.timeframes import Timeframe

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
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
_SYMBOL_NAMES = ("symbol", "ticker", "instrument", "product_id", "pair", "name")


def read_bars(path: Path, *, symbol: str, timeframe: Timeframe, stamps: Stamps | None = None) -> Bars:
    """Read bars from a file, as `read_file` does, without its notes."""
    return read_file(path, symbol=symbol, timeframe=timeframe, stamps=stamps)[0]


def read_file(
    path: Path,
    *,
    symbol: str,
    timeframe: Timeframe,
    stamps: Stamps | None = None,
    price_scale: float | None = None,
) -> tuple[Bars, tuple[str, ...]]:
    """Read bars from a file, and say what was put right.

    Parameters
    ----------
    path : a file of a vendor in `VENDORS`, recognised by its content, or any other Parquet or CSV file, packed by gzip
        or zip or not; see `market.sources.base` for the columns.
    symbol, timeframe : what the file holds.
    stamps : how the file writes time, where it is not as the vendor does; by default a column ``close_time`` is the
        close and any other name the open, in UTC, in a unit that is recognised by its size.
    price_scale : every price is divided by it; by default the vendor's own, else 1.

    Returns
    -------
    The bars, and one sentence for each thing in which they differ from the file; the first names the vendor.

    Raises
    ------
    BadInput : if the file is missing, is of an unknown kind, or its columns or times are not understood.
    BadData : if the bars break a law; names the row.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file")
    given = Given(timeframe, stamps or Stamps(), price_scale)
    head, name = read_head(path)
    vendor = next((vendor for vendor in VENDORS if vendor.recognises(head, name)), None)
    read = vendor.read(path, given) if vendor else Read(_reader(path, name, head)(path), Stamps())
    frame = read.frame.rename(columns=lambda column: str(column).strip().lower())
    _check_one_symbol(frame, path)
    bars = bars_from_frame(
        frame,
        symbol=symbol,
        timeframe=timeframe,
        stamps=given.stamps.over(read.stamps),
        name=str(path),
        price_scale=price_scale or read.price_scale,
    )
    return bars, (f"recognised as {vendor.name}", *read.notes) if vendor else read.notes


def _reader(path: Path, name: str, head: bytes) -> Callable[[Path], pd.DataFrame]:
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


def _check_one_symbol(frame: pd.DataFrame, path: Path) -> None:
    for column in _SYMBOL_NAMES:
        if column in frame.columns and frame[column].ndim == 1:
            found = sorted(set(frame[column].dropna().astype("str")))
            if len(found) > 1:
                raise BadInput(
                    f"{path}: column {column} holds {len(found)} symbols, {found[0]} and {found[1]}"
                    f"{' and more' if len(found) > 2 else ''}: a file of one symbol is expected"
                )
