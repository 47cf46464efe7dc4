"""A plain table of trades with any of the usual names of columns, from a spreadsheet or a program of one's own.

Needed are the times of entry and exit, and prices or a return. All else is optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput, Unknown
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

FIELDS = {
    "strategy": "strategy|strategy name|system|rule|strategie|model",
    "symbol": "symbol|ticker|instrument|pair|market|asset|product",
    "timeframe": "timeframe|interval|time frame",
    "decision_time": "decision time|decided|signal time|decision date|signal date",
    "entry_time": "entry time|entry date|entry|entrytime|open time|open date|opened|opened at|date in|time in|buy date|"
    "entry timestamp|entry datetime|open timestamp|entry date time|buy time|enter time|entered",
    "exit_time": "exit time|exit date|exit|exittime|close time|close date|closed|closed at|date out|time out|sell date|"
    "exit timestamp|exit datetime|close timestamp|exit date time|sell time|exited",
    "side": "side|direction|type|position|long short|buy sell|trade type|market pos",
    "entry_price": "entry price|open price|price in|buy price|avg entry price|entryprice|open rate|average entry price",
    "exit_price": "exit price|close price|price out|sell price|avg exit price|exitprice|close rate|average exit price",
    "net_return": "return|net return|returns|ret|profit ratio|pnl ratio",
    "percent_return": "return %|return pct|profit %|pnl %|p l %|profit pct|pnl pct|net return %|return percent|"
    "net profit %|gain %",
    "cost": "cost|costs|cost rate",
    "fees": "fees|fee|commission|commissions|total fees",
    "size": "size|qty|quantity|amount|volume|contracts|shares|lots|units",
    "stake": "stake|stake rate|weight|capital rate",
    "stop": "stop|sl|stop loss|stop price|s l",
    "target": "target|tp|take profit|target price|t p|limit",
    "exit_reason": "exit reason|reason|exit name|exit type|sell reason",
}
"""Field: the names of its column, in lower case with single spaces, parted by bars; `fees` are money,
`cost` and `net_return` fractions of the entry notional, `percent_return` in percent."""
_NEEDED = ("entry_time", "exit_time")


def find_columns(frame: pd.DataFrame, given: Mapping[str, str], *, file: str) -> dict[str, str]:
    """Find the column of each field.

    Parameters
    ----------
    given : {field: column} that the user states.

    Raises
    ------
    Unknown : if a field or a column that is given does not exist.
    """
    columns = [str(name) for name in frame.columns]
    for field, column in given.items():
        if field not in FIELDS:
            raise Unknown("field of a trade in --column:", field, FIELDS)
        if column not in columns:
            raise Unknown(f"column of {file} in --column {field}=:", column, columns)
    plain = {column: _plain(column) for column in columns}
    found: dict[str, str] = {}
    for field, names in FIELDS.items():
        known = names.split("|")
        matches = [column for column in columns if plain[column] in known and column not in given.values()]
        if matches:
            found[field] = min(matches, key=lambda column: known.index(plain[column]))
    return found | dict(given)


def _plain(name: str) -> str:
    """Write a name with spaces between its words, such as EntryTime and entry_time, in lower case."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.strip())
    return " ".join(re.sub(r"[^\w%]+|_", " ", words).lower().split())


def _recognises(content: Content) -> bool:
    return content.frame is not None


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    frame = content.table.reset_index(drop=True).copy()
    columns = find_columns(frame, options.columns, file=content.name)
    missing = [field for field in _NEEDED if field not in columns]
    if not ({"net_return", "percent_return"} & columns.keys() or {"entry_price", "exit_price"} <= columns.keys()):
        missing.append("entry_price and exit_price, or net_return")
    if missing:
        raise BadInput(
            f"{content.name}: no column is known to hold {', '.join(missing)}; its columns are "
            f"{', '.join(map(str, frame.columns))}: name them, as in --column entry_time=NAME"
        )
    made = pd.DataFrame(index=frame.index)
    made["row"] = np.arange(1, len(frame) + 1)
    kept, notes = _closed(frame, columns["exit_time"])
    frame, made = frame[kept].reset_index(drop=True), made[kept].reset_index(drop=True)
    if not len(frame):
        raise BadInput(f"{content.name}: holds no closed trade")
    names: dict[str, str] = {
        field: columns[field] for field in ("entry_time", "exit_time", "decision_time") if field in columns
    }
    notes += read_times(frame, names, options.stamps, file=content.name)
    for field in names:
        made[field] = frame[field]
    numbers = {
        field: read_numbers(frame, columns[field], content)
        for field in (
            *_MONEY,
            "entry_price",
            "exit_price",
            "net_return",
            "percent_return",
            "cost",
            "stake",
            "stop",
            "target",
        )
        if field in columns
    }
    made["side"] = _side(frame, columns, numbers, options, content.name)
    for field in ("strategy", "symbol", "timeframe", "exit_reason"):
        if field in columns:
            made[field] = frame[columns[field]].astype("str").str.strip()
    for field in ("entry_price", "exit_price", "cost", "stake", "stop", "target"):
        if field in numbers:
            made[field] = numbers[field]
    # 0 is how many programs write that there is no stop or target.
    for field in {"stop", "target"} & numbers.keys():
        made[field] = np.where(numbers[field] == 0.0, np.nan, numbers[field])
    made, money_notes = _with_returns(made, numbers)
    return ReadTrades(complete(made), (*notes, *money_notes))


_MONEY = ("fees", "size")


def _closed(frame: pd.DataFrame, exit_time: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Mark the trades that have an exit."""
    column = frame[exit_time]
    is_open = (column.isna() | (column.astype("str").str.strip().isin(["", "NaT", "nan", "None"]))).to_numpy(dtype=bool)
    n = int(is_open.sum())
    return ~is_open, (f"{n} trade{'s' * (n > 1)} without an exit left out",) if n else ()


def _side(
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    numbers: Mapping[str, np.ndarray],
    options: ImportOptions,
    name: str,
) -> np.ndarray:
    if options.side is not None:
        return np.full(len(frame), 1 if options.side == "long" else -1, np.int8)
    if "side" in columns:
        return read_side(frame[columns["side"]], file=name)
    if "size" in numbers and (numbers["size"] < 0).any():
        return np.where(numbers["size"] < 0, -1, 1).astype(np.int8)
    raise BadInput(
        f"{name}: no column is known to hold the side; its columns are {', '.join(map(str, frame.columns))}: name it "
        "with --column side=NAME, or pass --side long or --side short for all trades"
    )


def _with_returns(made: pd.DataFrame, numbers: Mapping[str, np.ndarray]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Add net return and cost from what the table states of them, the most precise first."""
    notes: list[str] = []
    nothing = np.full(len(made), np.nan)
    prices = (numbers.get("entry_price", nothing), numbers.get("exit_price", nothing))
    notional = np.abs(numbers["size"]) * prices[0] if "size" in numbers else nothing
    if "net_return" in numbers:
        made["net_return"], stated = numbers["net_return"], "net_return"
    elif "percent_return" in numbers:
        made["net_return"], stated = numbers["percent_return"] / 100, "percent_return"
    else:
        stated = ""
    if stated:
        expected = made["side"] * (prices[1] / prices[0] - 1)
        factor = _scale(made["net_return"].to_numpy(), expected.to_numpy(dtype=np.float64))
        if factor != 1.0:
            made["net_return"] /= factor
            notes.append(f"returns are {'percent' if factor > 1 else 'fractions'}, as the prices show")
    if "cost" not in numbers and "fees" in numbers and np.isfinite(notional).all():
        made["cost"] = np.abs(numbers["fees"]) / notional
    return made, tuple(notes)


def _scale(stated: np.ndarray, expected: np.ndarray) -> float:
    """Return by what stated returns are to be divided, 1, 100 or 0.01, as the returns between prices show."""
    usable = np.isfinite(stated) & np.isfinite(expected) & (np.abs(expected) > 1e-4)
    if not usable.any():
        return 1.0
    off = {factor: np.median(np.abs(stated[usable] / factor - expected[usable])) for factor in (1.0, 100.0, 0.01)}
    return min(off, key=lambda factor: (off[factor], factor != 1.0))


PLAIN_TABLE = TradeFormat("a plain table", _recognises, _read)
