"""Read a file of trades, whoever wrote it.

1. `content` opens the file: a table, JSON or HTML, packed or not, or a folder of Parquet files.
2. Each format of `FORMATS` is asked whether it recognises the content; the first that does reads it. The plain table
   comes last, since it takes any table. Where the user names columns, only the plain table is asked.

To add a format, write ``imports/NAME.py`` (``imports/vectorbt.py`` is the smallest one) and add it to `FORMATS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.strategies.imports.backtesting_py import BACKTESTING_PY
from tradesieve.strategies.imports.backtrader import BACKTRADER
from tradesieve.strategies.imports.base import ImportOptions, ReadTrades, TradeFormat
from tradesieve.strategies.imports.content import Content, open_content
from tradesieve.strategies.imports.freqtrade import FREQTRADE
from tradesieve.strategies.imports.metatrader import METATRADER
from tradesieve.strategies.imports.ninjatrader import NINJATRADER
from tradesieve.strategies.imports.own_table import OWN_TABLE
from tradesieve.strategies.imports.plain_table import PLAIN_TABLE
from tradesieve.strategies.imports.tradingview import TRADINGVIEW
from tradesieve.strategies.imports.vectorbt import VECTORBT

FORMATS: tuple[TradeFormat, ...] = (
    OWN_TABLE, FREQTRADE, BACKTESTING_PY, VECTORBT, METATRADER, TRADINGVIEW, NINJATRADER, BACKTRADER, PLAIN_TABLE,
)  # fmt: skip
"""Every format that is recognised, the most particular first."""


class TradeFile(NamedTuple):
    """The trades of a file and the name of its format."""

    read: ReadTrades
    format: str


def read_trades(path: Path, options: ImportOptions) -> TradeFile:
    """Read the trades of a file or folder.

    Every row has a strategy: that of the options, else its own, else the name of the file.

    Raises
    ------
    BadInput : if the file cannot be read, is of an unknown kind, or holds no closed trade.
    """
    content = open_content(path)
    formats = (PLAIN_TABLE,) if options.columns else FORMATS
    found = next((each for each in formats if each.recognises(content)), None)
    if found is None:
        raise BadInput(
            f"{path}: is of no format that is recognised: {', '.join(each.name for each in FORMATS)}; "
            "`tradesieve trades import --help` describes a plain table"
        )
    read = found.read(content, options)
    if not len(read.frame):
        raise BadInput(f"{path}: holds no closed trade")
    return TradeFile(_named(read, content, options), found.name)


def _named(read: ReadTrades, content: Content, options: ImportOptions) -> ReadTrades:
    """Give every trade a strategy; the sign that parts the names of instances is replaced."""
    if options.strategy is not None and read.trades is not None:
        raise BadInput(f"{content.name}: tradesieve's own trades carry their strategies: leave --strategy out")
    frame = read.frame
    if options.strategy is not None:
        frame = frame.assign(strategy=options.strategy)
    names = frame["strategy"].astype("str").str.strip()
    names = names.mask(names == "", content.stem)
    if names.str.contains("|", regex=False).any():
        names = names.str.replace("|", "/", regex=False)
        read = read._replace(notes=(*read.notes, "| in names of strategies is written /"))
    stamp = options.stamps.meaning or read.stamp
    if read.trades is not None:
        stamp = read.stamp
    return read._replace(frame=frame.assign(strategy=np.asarray(names, dtype=object)), stamp=stamp)
