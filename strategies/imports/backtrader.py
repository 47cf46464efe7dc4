"""backtrader: the transactions of its PyFolio analyzer (``get_pf_items()[2]``), fills that are paired into trades."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
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
    return content.has_columns("amount", "price", "sid", "symbol", "value")


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    frame = content.table.reset_index()
    time = next((name for name in ("date", "datetime", "index") if name in frame), str(frame.columns[0]))
    frame = frame.rename(columns={time: "fill"}).reset_index(drop=True)
    notes = read_times(frame, {"fill_time": "fill"}, options.stamps, file=content.name)
    amount, price = read_numbers(frame, "amount", content), read_numbers(frame, "price", content)
    fills = zip(frame["symbol"].astype("str"), frame["fill_time"], amount, price, strict=True)
    rows = _pair(list(fills))
    if not rows:
        raise BadInput(f"{content.name}: no position was closed by these transactions")
    names = ("row", "symbol", "entry_time", "exit_time", "side", "entry_price", "exit_price")
    made = pd.DataFrame(rows, columns=names).astype({"side": np.int8})
    return ReadTrades(complete(made), (*notes, "transactions are paired into trades, first in, first out"))


def _pair(fills: list[tuple[str, int, float, float]]) -> list[tuple[Any, ...]]:
    """Pair fills first in, first out: each exit closes the oldest open entries of its symbol."""
    open_entries: dict[str, deque[list[Any]]] = {}
    rows = []
    for row, (symbol, time, amount, price) in enumerate(fills):
        queue, left = open_entries.setdefault(symbol, deque()), amount
        while queue and left * queue[0][1] < 0:
            entered, open_amount, entry_price = queue[0]
            closed = min(abs(left), abs(open_amount))
            side = 1 if open_amount > 0 else -1
            rows.append((row + 1, symbol, entered, time, side, entry_price, price))
            queue[0][1] -= side * closed
            left += side * closed
            if abs(queue[0][1]) < 1e-12:
                queue.popleft()
        if abs(left) > 1e-12:
            queue.append([time, left, price])
    return rows


BACKTRADER = TradeFormat("backtrader", _recognises, _read)
