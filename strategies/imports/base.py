"""What a file of trades is here: `TradeFormat` recognises its content and reads it into `ReadTrades`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.timestamps import Stamps, convert_times
from tradesieve.strategies.imports.content import Content
from tradesieve.strategies.imports.written_amounts import parse_numbers

NUMBERS = ("entry_price", "exit_price", "net_return", "cost", "stop", "target", "stake")
"""The number columns of `ReadTrades`."""
TEXTS = ("strategy", "symbol", "timeframe", "exit_reason")
"""Its text columns."""
NOT_STATED = 0
"""A decision time that the file does not state."""
_LONG = ("long", "buy", "l", "b", "1", "+1", "1.0", "bull", "bought", "true")
_SHORT = ("short", "sell", "s", "-1", "-1.0", "bear", "sold", "false")


@dataclass(frozen=True)
class ImportOptions:
    """What the user states about a file of trades.

    Parameters
    ----------
    stamps : how the file writes times; its `meaning` is the end of a bar that a time on the grid stands for.
    columns : {field: name of its column}, in place of the names that are known.
    strategy : the name of the strategy of all trades; None: the one of each row, else the name of the file.
    side : ``long`` or ``short``, of all trades of a table without a side.
    """

    stamps: Stamps = field(default_factory=Stamps)
    columns: Mapping[str, str] = field(default_factory=dict)
    strategy: str | None = None
    side: str | None = None


class ReadTrades(NamedTuple):
    """Trades as a file writes them, not yet placed on bars.

    Parameters
    ----------
    frame : one row for each closed trade: ``row`` (in the file, from 1 on), the `TEXTS` (empty: not stated),
        ``decision_time`` (`NOT_STATED`, or int64 ns UTC), ``entry_time`` and ``exit_time`` (int64 ns UTC), ``side``
        (+1 or -1), the `NUMBERS` (NaN: not stated; returns and costs are fractions of the entry notional), and
        ``n_entries`` and ``n_exits``. With several fills of one kind, their price is an average.
    notes : one sentence for each thing that is worth knowing.
    stamp : the end of a bar that a time on the grid stands for: ``open`` or ``close``.
    period : the first and last time of the backtest, int64 ns UTC, where the file states them.
    trades : the same trades as a whole trades table, where the file is one of tradesieve's.
    instances : every instance that was run, where the file states them.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    stamp: str = "open"
    period: tuple[int, int] | None = None
    trades: pd.DataFrame | None = None
    instances: tuple[str, ...] = ()


@dataclass(frozen=True)
class TradeFormat:
    """One program's file of trades.

    Parameters
    ----------
    name : of the program, as its users write it.
    recognises : whether a content is of this format.
    read : (content, options) -> the trades.
    """

    name: str
    recognises: Callable[[Content], bool]
    read: Callable[[Content, ImportOptions], ReadTrades]


def read_times(frame: pd.DataFrame, names: Mapping[str, str], stamps: Stamps, *, file: str) -> tuple[str, ...]:
    """Convert columns of times to int64 ns UTC, in place of what `frame` holds under the field names.

    Parameters
    ----------
    names : {field: column}.

    Returns
    -------
    Notes, each once.

    Raises
    ------
    BadInput : if a time is missing or cannot be read.
    """
    notes: list[str] = []
    # Together, so that all rows of both columns settle the order of day and month.
    joined = pd.concat([frame[column] for column in names.values()], ignore_index=True)
    times, _, found = convert_times(joined.rename("/".join(names.values())), stamps, name=file)
    for place, name in enumerate(names):
        frame[name] = times[place * len(frame) : (place + 1) * len(frame)]
    notes += found
    return tuple(dict.fromkeys(notes))


def read_side(column: pd.Series, *, file: str) -> np.ndarray:
    """Read sides written as words or signs: int8, +1 or -1.

    Raises
    ------
    BadInput : if a row has another; names it.
    """
    words = column.astype("str").str.strip().str.lower()
    sides = np.where(words.isin(_LONG), 1, np.where(words.isin(_SHORT), -1, 0)).astype(np.int8)
    if (sides == 0).any():
        row = int(np.argmax(sides == 0))
        raise BadInput(
            f"{file}: row {row + 1} has side {column.iloc[row]!r}; write long or short, buy or sell, 1 or -1"
        )
    return sides


def read_numbers(frame: pd.DataFrame, column: str, content: Content) -> np.ndarray:
    """Return the numbers of a column, float64; NaN where a cell is empty.

    Raises
    ------
    BadInput : if a cell is not a number; names its row.
    """
    return parse_numbers(frame[column], decimal=content.decimal, name=f"{content.name}: column {column}")


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of `ReadTrades.frame` that a format does not state, and number the rows."""
    n = len(frame)
    defaults: dict[str, Any] = {
        "row": np.arange(1, n + 1),
        "decision_time": np.full(n, NOT_STATED, np.int64),
        **dict.fromkeys(TEXTS, ""),
        **dict.fromkeys(NUMBERS, np.nan),
        "n_entries": np.ones(n, np.int64),
        "n_exits": np.ones(n, np.int64),
    }
    return frame.assign(**{name: value for name, value in defaults.items() if name not in frame})
