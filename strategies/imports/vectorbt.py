"""vectorbt: ``portfolio.trades.records_readable`` or ``positions``, written by pandas to a CSV or Parquet file."""

from __future__ import annotations

import pandas as pd

from tradesieve.market.execution.records import END_OF_DATA, EXIT_REASONS
from tradesieve.strategies.imports.base import (
    ImportOptions,
    ReadTrades,
    TradeFormat,
    complete,
    read_numbers,
    read_side,
    read_times,
)
from tradesieve.strategies.imports.content import Content


def _recognises(content: Content) -> bool:
    return content.has_columns("avg entry price", "avg exit price", "entry timestamp", "exit timestamp", "direction")


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    frame = content.table.reset_index(drop=True).copy()
    notes = read_times(
        frame, {"entry_time": "Entry Timestamp", "exit_time": "Exit Timestamp"}, options.stamps, file=content.name
    )
    column = frame["Column"].astype("str") if "Column" in frame else pd.Series("", index=frame.index)
    made = pd.DataFrame(
        {
            # A portfolio of one strategy numbers its only column 0.
            "strategy": column if column.nunique() > 1 else "",
            "entry_time": frame["entry_time"],
            "exit_time": frame["exit_time"],
            "side": read_side(frame["Direction"], file=content.name),
            "entry_price": read_numbers(frame, "Avg Entry Price", content),
            "exit_price": read_numbers(frame, "Avg Exit Price", content),
            "net_return": read_numbers(frame, "Return", content),
        }
    )
    if "Status" in frame:
        made["exit_reason"] = frame["Status"].astype("str").map({"Open": EXIT_REASONS[END_OF_DATA]}).fillna("")
    return ReadTrades(complete(made), notes)


VECTORBT = TradeFormat("vectorbt", _recognises, _read)
