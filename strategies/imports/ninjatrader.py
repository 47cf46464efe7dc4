"""NinjaTrader: the grid of trades of its strategy analyzer or its trade performance, exported as CSV."""

from __future__ import annotations

import numpy as np
import pandas as pd

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
from tradesieve.strategies.imports.point_value import costs_of_money


def _recognises(content: Content) -> bool:
    return content.has_columns("instrument", "market pos.", "entry price", "exit price", "entry time", "exit time")


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    frame = content.table.rename(columns=lambda name: str(name).strip().lower()).reset_index(drop=True)
    notes = read_times(frame, {"entry_time": "entry time", "exit_time": "exit time"}, options.stamps, file=content.name)
    made = pd.DataFrame(
        {
            "strategy": frame["strategy"].str.strip() if "strategy" in frame else "",
            "symbol": frame["instrument"].str.strip(),
            "entry_time": frame["entry_time"],
            "exit_time": frame["exit_time"],
            "side": read_side(frame["market pos."], file=content.name),
            "entry_price": read_numbers(frame, "entry price", content),
            "exit_price": read_numbers(frame, "exit price", content),
        }
    )
    quantity = next((name for name in ("qty", "quantity") if name in frame), None)
    if quantity is not None and {"profit", "commission"} <= set(frame.columns):
        size = np.abs(read_numbers(frame, quantity, content))
        profit, paid = (read_numbers(frame, name, content) for name in ("profit", "commission"))
        made["cost"] = costs_of_money(made, size, profit, np.abs(paid))
    return ReadTrades(complete(made), notes)


NINJATRADER = TradeFormat("NinjaTrader", _recognises, _read)
