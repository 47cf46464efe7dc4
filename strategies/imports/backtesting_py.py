"""backtesting.py: ``stats._trades``, written by pandas to a CSV or Parquet file."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradesieve.strategies.imports.base import (
    ImportOptions,
    ReadTrades,
    TradeFormat,
    complete,
    read_numbers,
    read_times,
)
from tradesieve.strategies.imports.content import Content


def _recognises(content: Content) -> bool:
    return content.has_columns("size", "entrybar", "exitbar", "entryprice", "exitprice", "entrytime", "exittime")


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    frame = content.table.reset_index(drop=True).copy()
    size = read_numbers(frame, "Size", content)
    notes = read_times(frame, {"entry_time": "EntryTime", "exit_time": "ExitTime"}, options.stamps, file=content.name)
    made = pd.DataFrame(
        {
            "entry_time": frame["entry_time"],
            "exit_time": frame["exit_time"],
            "side": np.where(size < 0, -1, 1).astype(np.int8),
            "entry_price": read_numbers(frame, "EntryPrice", content),
            "exit_price": read_numbers(frame, "ExitPrice", content),
            # After commissions: since 0.6 they are part of it.
            "net_return": read_numbers(frame, "ReturnPct", content),
            "stop": read_numbers(frame, "SL", content) if "SL" in frame else np.nan,
            "target": read_numbers(frame, "TP", content) if "TP" in frame else np.nan,
        }
    )
    return ReadTrades(complete(made), notes)


BACKTESTING_PY = TradeFormat("backtesting.py", _recognises, _read)
