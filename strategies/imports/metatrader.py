"""MetaTrader 5: the positions of a history report (HTML), or a CSV of the same columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
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

_POSITIONS = [
    "time", "position", "symbol", "type", "volume", "price", "s / l", "t / p", "time", "price", "commission", "swap",
    "profit",
]  # fmt: skip
"""The header of the positions, as the terminal writes it in English."""
_NAMES = [
    "entry", "position", "symbol", "type", "volume", "entry_price", "stop", "target", "exit", "exit_price",
    "commission", "swap", "profit",
]  # fmt: skip


def _header_row(content: Content) -> int | None:
    for place, row in enumerate(content.html or []):
        if [cell.lower() for cell in row if cell] == _POSITIONS:
            return place
    return None


def _table_header(content: Content) -> bool:
    """Tell whether a table has the columns of the positions; pandas numbers a name that stands twice."""
    if content.frame is None:
        return False
    plain = [str(name).strip().lower().partition(".")[0] for name in content.frame.columns]
    return [name for name in plain if name and not name.startswith("unnamed")] == _POSITIONS


def _recognises(content: Content) -> bool:
    return _header_row(content) is not None or _table_header(content)


def _read(content: Content, options: ImportOptions) -> ReadTrades:
    frame = _positions(content)
    if not len(frame):
        raise BadInput(f"{content.name}: holds no closed position")
    notes = read_times(frame, {"entry_time": "entry", "exit_time": "exit"}, options.stamps, file=content.name)
    made = pd.DataFrame(
        {
            "symbol": frame["symbol"].str.strip(),
            "entry_time": frame["entry_time"],
            "exit_time": frame["exit_time"],
            "side": read_side(frame["type"], file=content.name),
            **{name: read_numbers(frame, name, content) for name in ("entry_price", "exit_price", "stop", "target")},
        }
    )
    for name in ("stop", "target"):
        made[name] = made[name].where(made[name] > 0)
    volume = read_numbers(frame, "volume", content)
    profit, commission, swap = (read_numbers(frame, name, content) for name in ("profit", "commission", "swap"))
    # The profit of a position is without commission and swap; both are negative where they are paid.
    worth = _worth(made, volume, profit)
    made["cost"] = -(np.nan_to_num(commission) + np.nan_to_num(swap)) / (made["entry_price"] * volume * worth)
    return ReadTrades(complete(made), (*notes, "times are those of the broker's server: pass --timezone if not UTC"))


def _worth(trades: pd.DataFrame, volume: np.ndarray, profit: np.ndarray) -> np.ndarray:
    """Return what a point of one lot is worth in the currency of the account, trade by trade."""
    points = trades["side"].to_numpy() * (trades["exit_price"] - trades["entry_price"]).to_numpy() * volume
    own = np.divide(profit, points, out=np.full(len(points), np.nan), where=points != 0)
    own[own <= 0] = np.nan
    median = pd.Series(own).groupby(trades["symbol"].to_numpy()).transform("median").to_numpy()
    return np.where(np.isfinite(own), own, median)


def _positions(content: Content) -> pd.DataFrame:
    """Return the rows of the closed positions under names of their own."""
    header = _header_row(content)
    if header is None:
        named = [name for name in content.table.columns if str(name).strip() and not str(name).startswith("Unnamed")]
        return content.table[named].set_axis(_NAMES, axis=1).reset_index(drop=True)
    rows = []
    for cells in (content.html or [])[header + 1 :]:
        # The next part of the report, or its sums, has another number of cells.
        if len(cells) != len(_NAMES) or not cells[0][:4].isdigit():
            break
        rows.append(cells)
    return pd.DataFrame(rows, columns=_NAMES)


METATRADER = TradeFormat("MetaTrader 5", _recognises, _read)
