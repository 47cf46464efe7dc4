"""Imported trades on stored bars: the bar of each fill, the decision before it, and what contradicts the bars.

The timing law of the trades table holds for imported trades too: a decision is some bar's close, and a fill is known at
the close of the bar in which it happened. So an entry in a bar, at its open or later, was decided no later than the
close before, and is written as decided then, unless the file states a decision or fills at closes, see `Placing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.records import EXIT_REASONS
from tradesieve.strategies.imports.base import NOT_STATED, ReadTrades
from tradesieve.strategies.imports.excursions import excursions
from tradesieve.strategies.trades import STATED_BY_IMPORT, TRADE_COLUMNS

BEFORE, AT_CLOSE = "before", "at-close"
DECIDED = (BEFORE, AT_CLOSE)
"""When entries without a stated decision were decided: at the close before the bar of the entry, or at the close of
that bar, at which they filled."""
TOLERANCE = 1e-4
"""By which fraction a fill may lie outside the range of its bar: rounding, and a tick."""
ENTRY_OUTSIDE, EXIT_OUTSIDE = "entry price outside the range of its bar", "exit price outside the range of its bar"
"""Faults that a tolerance may cure."""
_EQUAL = 1e-9
"""Prices that differ by a smaller fraction are one price."""


@dataclass(frozen=True)
class Placing:
    """What the user states about the fills of imported trades.

    Parameters
    ----------
    decided : one of `DECIDED`; None: `AT_CLOSE` if most entries have the price of their bar's close and not of its
        open, else `BEFORE`.
    tolerance : see `TOLERANCE`; a file whose prices include slippage needs more.
    commission : fee of each fill, a fraction of its value, for trades whose costs are not stated; None: there are none.
    """

    decided: str | None = None
    tolerance: float = TOLERANCE
    commission: float | None = None


class PlacedTrades(NamedTuple):
    """Trades on the bars of one symbol and timeframe.

    Parameters
    ----------
    trades : a trades table of those without a fault, in the order of the file.
    faults : {what is wrong: rows of the file}.
    beyond : the largest fraction by which the price of a fill lies outside the range of its bar.
    notes : how decisions were found, and what was assumed.
    """

    trades: pd.DataFrame
    faults: dict[str, list[int]]
    beyond: float
    notes: tuple[str, ...]


class _Fills(NamedTuple):
    """The bars of fills: the row of each, and whether there is one."""

    row: np.ndarray
    found: np.ndarray


def place_trades(read: ReadTrades, rows: np.ndarray, bars: Bars, placing: Placing) -> PlacedTrades:
    """Place trades of a file on the bars of their symbol and timeframe.

    1. Find the bars in which each entry and exit lies.
    2. Find the close at which each entry was decided.
    3. Collect what contradicts the bars.
    4. Complete the trades table from the bars for the others.

    Parameters
    ----------
    rows : the rows of the frame that are of this symbol and timeframe.
    bars : all stored bars of it.

    Raises
    ------
    BadInput : if costs are neither stated nor given.
    """
    frame = read.frame.iloc[rows].reset_index(drop=True)
    entry_time, exit_time = frame["entry_time"].to_numpy(), frame["exit_time"].to_numpy()
    entry, leave = _bars_of(entry_time, bars, read.stamp), _bars_of(exit_time, bars, read.stamp)
    stated = (frame["decision_time"] != NOT_STATED).to_numpy()
    at_close, notes = _fills_at_close(frame, bars, entry, read, placing, stated)
    decision, known_entry, known_exit = _known_times(frame, bars, entry, leave, stated, at_close)
    faults = _faults(frame, bars, entry, leave, (decision, known_entry, known_exit), read, placing)
    faulty = np.logical_or.reduce(list(faults.values()))
    sound = np.flatnonzero(~faulty)
    listed = {fault: frame["row"].to_numpy()[marked].tolist() for fault, marked in faults.items() if marked.any()}
    if read.trades is not None:
        return PlacedTrades(read.trades.iloc[rows[sound]].reset_index(drop=True), listed, 0.0, tuple(notes))
    times = pd.DataFrame({"decision_time": decision, "entry_time": known_entry, "exit_time": known_exit})
    trades, money = _completed(frame, times, bars, entry.row, leave.row, sound, placing)
    prices = ((frame["entry_price"].to_numpy(), entry.row), (frame["exit_price"].to_numpy(), leave.row))
    beyond = np.concatenate([_excess(price, bars, row) for price, row in prices])
    return PlacedTrades(trades, listed, float(np.nanmax(beyond, initial=0.0)), (*notes, *money))


def _bars_of(times: np.ndarray, bars: Bars, stamp: str) -> _Fills:
    """Find the bar of each time; on the grid it is the bar that opens there, or closes there by `stamp`."""
    opens, closes = bars.open_time, bars.close_time
    n = len(bars)
    after = np.searchsorted(closes, times, side="right")
    row = np.minimum(after, n - 1)
    inside = (after < n) & (opens[row] <= times)
    closing = np.minimum(np.searchsorted(closes, times, side="left"), n - 1)
    closes_there = (
        (closes[closing] == times) if stamp == "open" else (opens[closing] < times) & (times <= closes[closing])
    )
    # A time at which a bar closes and none opens is that of the close: the last bar of a session.
    use_closing = closes_there if stamp == "close" else closes_there & ~inside
    return _Fills(np.where(use_closing, closing, row), inside | closes_there)


def _fills_at_close(
    frame: pd.DataFrame, bars: Bars, entry: _Fills, read: ReadTrades, placing: Placing, stated: np.ndarray
) -> tuple[bool, list[str]]:
    """Tell whether entries without a decision filled at the close at which they were decided, and say why."""
    if stated.all():
        return False, []
    if placing.decided is not None:
        return placing.decided == AT_CLOSE, [f"decided {_WORDS[placing.decided]}, as given"]
    price = frame["entry_price"].to_numpy()
    usable = entry.found & np.isfinite(price) & ~stated
    near_close, near_open = (
        usable & (np.abs(price / prices[entry.row] - 1) <= _EQUAL) for prices in (bars.close, bars.open)
    )
    at_close = int((near_close & ~near_open).sum())
    if usable.any() and 2 * at_close > int(usable.sum()) and read.stamp == "open":
        return True, [
            f"{at_close} of {int(usable.sum())} entries have the price of their bar's close: decided "
            f"{_WORDS[AT_CLOSE]}; --decided before dates decisions one bar earlier"
        ]
    return False, [f"decided {_WORDS[BEFORE]}, as no decision is stated; --decided at-close if fills are at closes"]


_WORDS = {
    BEFORE: "at the close before the bar of the entry",
    AT_CLOSE: "at the close of the bar of the entry, at which they filled",
}


def _known_times(
    frame: pd.DataFrame, bars: Bars, entry: _Fills, leave: _Fills, stated: np.ndarray, at_close: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return decision, entry and exit times as the trades table writes them; the first is 0 without a bar to decide."""
    closes, last = bars.close_time, len(bars) - 1
    decided_row = entry.row - (not at_close)
    decision = np.where(decided_row >= 0, closes[np.maximum(decided_row, 0)], NOT_STATED)
    # A decision between two closes knew the bars up to the earlier one.
    given = np.searchsorted(closes, frame["decision_time"].to_numpy(), side="right") - 1
    decision = np.where(stated, np.where(given >= 0, closes[np.maximum(given, 0)], NOT_STATED), decision)
    entered = closes[np.minimum(entry.row + (at_close & ~stated), last)]
    return decision, entered, np.maximum(closes[leave.row], entered)


def _faults(
    frame: pd.DataFrame,
    bars: Bars,
    entry: _Fills,
    leave: _Fills,
    times: tuple[np.ndarray, np.ndarray, np.ndarray],
    read: ReadTrades,
    placing: Placing,
) -> dict[str, np.ndarray]:
    """Mark the trades that contradict the bars or themselves, by what is wrong: each once, by the first."""
    decision, entered, _ = times
    column = {str(name): frame[name].to_numpy() for name in frame}
    inside = {
        name: (column[f"{name}_time"] >= bars.open_time[0]) & (column[f"{name}_time"] <= bars.close_time[-1])
        for name in ("entry", "exit")
    }
    # The costs of tradesieve's own trades hold the half-spread and the slippage by which fills may leave the range.
    slack = placing.tolerance + (np.nan_to_num(column["cost"]) if read.trades is not None else 0.0)
    stop, target, side = column["stop"], column["target"], column["side"]
    found = {
        "entry before the first or after the last stored bar": ~inside["entry"],
        "exit before the first or after the last stored bar": ~inside["exit"],
        "entry in a gap of the bars": ~entry.found,
        "exit in a gap of the bars": ~leave.found,
        "exit before the entry": column["exit_time"] < column["entry_time"],
        "no bar before the entry to decide at": decision == NOT_STATED,
        "fill before the decision": (entered <= decision) | _before_decision(column, read),
        "price or return that is not a number": _without_money(column),
        ENTRY_OUTSIDE: (_excess(column["entry_price"], bars, entry.row) > slack) & (column["n_entries"] == 1),
        EXIT_OUTSIDE: (_excess(column["exit_price"], bars, leave.row) > slack) & (column["n_exits"] == 1),
        "stop or target that is not a positive price": (stop <= 0) | (target <= 0) | np.isinf(stop) | np.isinf(target),
        "stop beyond its target": side * (target - stop) <= 0,
        "stake that is not above 0": column["stake"] <= 0,
    }
    marked = np.zeros(len(frame), np.bool_)
    for fault, rows in found.items():
        found[fault] = rows & ~marked
        marked |= rows
    return found


def _before_decision(column: dict[str, np.ndarray], read: ReadTrades) -> np.ndarray:
    """Mark entries before a decision that the file states; a fill at the very time of a decision is none before it."""
    stated = column["decision_time"] != NOT_STATED
    early = column["entry_time"] < column["decision_time"]
    return stated & (early if read.stamp == "open" else column["entry_time"] <= column["decision_time"])


def _without_money(column: dict[str, np.ndarray]) -> np.ndarray:
    """Mark trades that have neither two finite positive prices nor a finite return."""
    prices = np.column_stack([column["entry_price"], column["exit_price"]])
    wrong = ((prices <= 0) | np.isinf(prices)).any(axis=1) | np.isinf(column["net_return"])
    return wrong | (np.isnan(prices).any(axis=1) & np.isnan(column["net_return"]))


def _excess(price: np.ndarray, bars: Bars, row: np.ndarray) -> np.ndarray:
    """Return the fractions by which prices lie outside the range of their bar: at most 0 inside, NaN without one."""
    return np.maximum(price / bars.high[row] - 1, 1 - price / bars.low[row])


def _completed(
    frame: pd.DataFrame,
    times: pd.DataFrame,
    bars: Bars,
    entry_row: np.ndarray,
    exit_row: np.ndarray,
    sound: np.ndarray,
    placing: Placing,
) -> tuple[pd.DataFrame, list[str]]:
    """Make the trades table of sound rows, and notes on what was assumed about money."""
    trades = pd.concat([frame.drop(columns=["decision_time", "entry_time", "exit_time"]), times], axis=1).iloc[sound]
    trades = trades.reset_index(drop=True)
    first, last = entry_row[sound], exit_row[sound]
    trades, notes = _with_money(trades, bars, first, last, placing)
    side, entry_price = trades["side"].to_numpy(dtype=np.float64), trades["entry_price"].to_numpy()
    opens_at_entry = (frame["entry_time"].to_numpy()[sound] == bars.open_time[first]) & _same(
        entry_price, bars.open[first]
    )
    at_open_of_exit = _same(trades["exit_price"].to_numpy(), bars.open[last])
    at_open_of_exit &= frame["exit_time"].to_numpy()[sound] == bars.open_time[last]
    trades["mae"], trades["mfe"] = excursions(trades, bars, first, last, whole_first_bar=opens_at_entry)
    entered = np.searchsorted(bars.close_time, trades["entry_time"].to_numpy())
    trades["bars_held"] = np.maximum(last - entered + ~at_open_of_exit, 0)
    risk = side * (entry_price - trades["stop"].to_numpy()) / entry_price
    trades["r_multiple"] = np.where(risk > 0, trades["net_return"] / np.where(risk > 0, risk, 1.0), np.nan)
    trades["n_untraded_fills"] = 0
    trades["stake"] = trades["stake"].fillna(1.0)
    reason = trades["exit_reason"].where(trades["exit_reason"].isin(list(EXIT_REASONS.values())), STATED_BY_IMPORT)
    trades["exit_reason"] = reason
    return trades[list(TRADE_COLUMNS)].astype(TRADE_COLUMNS), notes


def _same(price: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(price / other - 1) <= _EQUAL


def _with_money(
    trades: pd.DataFrame, bars: Bars, first: np.ndarray, last: np.ndarray, placing: Placing
) -> tuple[pd.DataFrame, list[str]]:
    """Add gross return, cost and net return, from prices, a stated return, stated costs or a commission.

    Without prices, the entry is at the open of its bar, the exit at the open of its own, and the return is taken as it
    is stated, after all costs.
    """
    notes: list[str] = []
    side, net, cost = (trades[name].to_numpy(dtype=np.float64) for name in ("side", "net_return", "cost"))
    unpriced = trades[["entry_price", "exit_price"]].isna().any(axis=1).to_numpy()
    entry_price = np.where(unpriced, bars.open[first], trades["entry_price"])
    exit_price = np.where(unpriced, bars.open[last], trades["exit_price"])
    between = np.where(unpriced, net, side * (exit_price / entry_price - 1))
    known = np.isfinite(net)
    missing = ~known & ~np.isfinite(cost)
    if missing.any():
        if placing.commission is None:
            n = int(missing.sum())
            raise BadInput(
                f"{n} trade{'s state' if n > 1 else ' states'} no costs and no return after costs, the first in row "
                f"{trades['row'].iloc[int(np.argmax(missing))]}: pass --commission, the fee of each fill as a fraction "
                "of its value, such as 0.0005, or 0 if the prices hold all costs"
            )
        cost = np.where(missing, placing.commission * (1 + exit_price / entry_price), cost)
        notes.append(f"costs of {int(missing.sum())} trades are a commission of {placing.commission:g} of each fill")
    cost = np.where(known, between - net, cost)
    gross = between.copy()
    gains = cost < 0
    if (gains & (cost < -_EQUAL)).any():
        n = int((cost < -_EQUAL).sum())
        notes.append(
            f"{n} trade{'s' * (n > 1)} returned more than their prices do, as by funding: counted as gross return"
        )
    cost, gross = np.where(gains, 0.0, cost), np.where(gains, np.where(known, net, gross), gross)
    if unpriced.any():
        notes.append(f"{int(unpriced.sum())} trades without prices are drawn from open to open; returns are as stated")
    net = np.where(known, net, gross - cost)
    money = {
        "entry_price": entry_price,
        "exit_price": exit_price,
        "gross_return": gross,
        "cost": cost,
        "net_return": net,
    }
    return trades.assign(**money), notes
