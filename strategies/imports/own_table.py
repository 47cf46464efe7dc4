"""The trades table of `tradesieve trades generate --output`: a folder, a Parquet file or a CSV."""

from __future__ import annotations

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.strategies.imports.base import ImportOptions, ReadTrades, TradeFormat, complete, read_numbers
from tradesieve.strategies.imports.content import Content
from tradesieve.strategies.trades import TRADE_COLUMNS


def _recognises(content: Content) -> bool:
    return content.has_columns(*TRADE_COLUMNS)


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    table = content.table
    trades = pd.DataFrame({name: _column(content, table, name, kind) for name, kind in TRADE_COLUMNS.items()})
    stated = content.metadata or {}
    shared = [name for name in TRADE_COLUMNS if name not in ("r_multiple", "mae", "mfe", "bars_held")]
    frame = complete(trades[shared].copy())
    period = tuple(stated["period"]) if "period" in stated else None
    return ReadTrades(
        frame, (), stamp="close", period=period, trades=trades, instances=tuple(stated.get("instances", ()))
    )


def _column(content: Content, frame: pd.DataFrame, name: str, kind: str) -> pd.Series:
    column = frame[name]
    if kind == "float64":
        return pd.Series(read_numbers(frame, name, content))
    if kind == "str":
        return column.astype("str").reset_index(drop=True)
    try:
        whole = column.astype("int64").reset_index(drop=True)
        return whole.astype("int8") if kind == "int8" else whole
    except (ValueError, TypeError) as error:
        raise BadInput(f"{content.name}: column {name} holds a value that is not a whole number: {error}") from error


OWN_TABLE = TradeFormat("tradesieve", _recognises, _read)
