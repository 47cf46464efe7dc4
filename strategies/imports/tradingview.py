"""TradingView: the "List of trades" that the strategy tester exports as CSV, two rows for each trade."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.execution.records import END_OF_DATA, EXIT_REASONS
from tradesieve.market.symbols import pair_in_name
from tradesieve.strategies.imports.base import (
    ImportOptions,
    ReadTrades,
    TradeFormat,
    complete,
    read_numbers,
    read_times,
)
from tradesieve.strategies.imports.content import Content

_OPEN = "open"
"""The signal of the exit of a trade that is still open."""
_ROUNDING = 0.006
"""By how many percent points the percentage that TradingView prints may differ from the exact one."""


def _recognises(content: Content) -> bool:
    return content.has_columns("trade #", "type", "signal") and _column(content.table, r"date( and |/)time") is not None


def _column(frame: pd.DataFrame, pattern: str) -> str | None:
    """Return the first column whose lower-case name matches; currencies and older names differ."""
    return next((str(name) for name in frame.columns if re.fullmatch(pattern, str(name).strip().lower())), None)


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    frame = content.table.rename(columns=lambda name: str(name).strip()).reset_index(drop=True)
    number = _column(frame, "trade #")
    kind = frame["Type"].str.strip().str.lower()
    is_entry, is_exit = kind.str.startswith("entry"), kind.str.startswith("exit")
    if not (is_entry | is_exit).all():
        row = int(np.argmin(is_entry | is_exit))
        raise BadInput(
            f"{content.name}: row {row + 1} has type {frame['Type'].iloc[row]!r}; expected an entry or an exit"
        )
    keys = frame[number].str.strip()
    entries = frame[is_entry.to_numpy()].assign(key=keys[is_entry]).drop_duplicates("key").set_index("key")
    exits = frame[is_exit.to_numpy()].assign(key=keys[is_exit], row=np.flatnonzero(is_exit) + 1)
    alone = exits[~exits["key"].isin(entries.index)]
    if len(alone):
        raise BadInput(
            f"{content.name}: row {alone['row'].iloc[0]} leaves trade {alone['key'].iloc[0]}, which has no entry"
        )
    exits = exits.reset_index(drop=True)
    entries = entries.loc[exits["key"]].reset_index(drop=True)
    return _made(content, entries, exits, options)


def _made(content: Content, entries: pd.DataFrame, exits: pd.DataFrame, options: ImportOptions) -> ReadTrades:
    time = str(_column(exits, r"date( and |/)time"))
    both = pd.DataFrame({"entry": entries[time], "exit": exits[time]})
    notes = read_times(both, {"entry_time": "entry", "exit_time": "exit"}, options.stamps, file=content.name)
    price = _needed(exits, r"price( .+)?", content)
    made = pd.DataFrame(
        {
            "row": exits["row"],
            "symbol": pair_in_name(content.stem) or "",
            "entry_time": both["entry_time"],
            "exit_time": both["exit_time"],
            "side": np.where(entries["Type"].str.lower().str.contains("short"), -1, 1).astype(np.int8),
            "entry_price": read_numbers(entries, price, content),
            "exit_price": read_numbers(exits, price, content),
        }
    )
    made["net_return"] = _returns(content, exits, made["entry_price"].to_numpy())
    is_open = exits["Signal"].str.strip().str.lower() == _OPEN
    made["exit_reason"] = np.where(is_open, EXIT_REASONS[END_OF_DATA], "")
    return ReadTrades(complete(made), notes)


def _needed(frame: pd.DataFrame, pattern: str, content: Content) -> str:
    found = _column(frame, pattern)
    if found is None:
        raise BadInput(f"{content.name}: has no column {pattern}; export the list of trades again")
    return found


def _returns(content: Content, exits: pd.DataFrame, entry_price: np.ndarray) -> np.ndarray:
    """Return the net returns: money over notional where that agrees with the rounded percentage, else the latter."""
    percent = read_numbers(exits, _needed(exits, r"(net )?(p&l|profit)( & loss)? %", content), content)
    money = _column(exits, r"(net )?(p&l|profit)( & loss)? (?!%).+")
    size = _column(exits, r"(position )?size \(qty\)|contracts|quantity|qty")
    if money is None or size is None:
        return percent / 100
    exact = read_numbers(exits, money, content) / (np.abs(read_numbers(exits, size, content)) * entry_price)
    return np.where(np.abs(100 * exact - percent) <= _ROUNDING, exact, percent / 100)


TRADINGVIEW = TradeFormat("TradingView", _recognises, _read)
