"""Signals: the second of the four tables. One row is one wish to enter, decidable from bars up to its decision."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from market.bars import format_time
from market.errors import BadData


@dataclass(frozen=True, eq=False)
class Signals:
    """Wishes of one strategy instance, at most one a bar.

    Parameters
    ----------
    decision_time : int64 ns UTC, strictly increasing; each is some bar's close_time.
    side : float64, +1 or -1.
    limit : float64, quote, positive; NaN: enter at market.
    stop, target : float64, quote, positive; NaN: none.
    trail : float64, distance of the trailing stop in quote; NaN: none.
    max_hold : int64, bars to hold at most; 0: no limit.
    expiry : int64, bars for which a limit order waits, at least 1.
    stake : float64, fraction of the instance's capital that the rule asks for, above 0.

    Raises
    ------
    BadData : names the first offending row.

    Notes
    -----
    Known at: decision_time.
    """

    decision_time: np.ndarray
    side: np.ndarray
    limit: np.ndarray
    stop: np.ndarray
    target: np.ndarray
    trail: np.ndarray
    max_hold: np.ndarray
    expiry: np.ndarray
    stake: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.decision_time)
        for field in fields(self):
            if getattr(self, field.name).shape != (n,):
                raise BadData(f"signals: {field.name} has shape {getattr(self, field.name).shape}, expected {(n,)}")
        steps = np.diff(self.decision_time, prepend=self.decision_time[:1] - 1)
        laws = {
            "is not later than the signal before it": steps <= 0,
            "has a side other than +1 and -1": np.abs(self.side) != 1.0,
            "has a stake that is not above 0": ~(self.stake > 0.0),
            "has a limit, stop or target that is no price": np.logical_or.reduce(
                [(price <= 0.0) | np.isinf(price) for price in (self.limit, self.stop, self.target)]
            ),
            "has a stop beyond its target": self.side * (self.target - self.stop) <= 0.0,
            "has a trailing distance that is not above 0": self.trail <= 0.0,
            "waits for less than one bar": self.expiry < 1,
            "has a negative max_hold": self.max_hold < 0,
        }
        for law, broken in laws.items():
            if broken.any():
                row = int(np.argmax(broken))
                raise BadData(f"signals: row {row} at {format_time(self.decision_time[row])} {law}")

    def __len__(self) -> int:
        return len(self.decision_time)

    def at(self, decision_time: int) -> int | None:
        """Find the row that was decided at a time; None when there was no signal."""
        row = int(np.searchsorted(self.decision_time, decision_time))
        return row if row < len(self) and self.decision_time[row] == decision_time else None


def make_signals(
    decision_time: np.ndarray,
    side: np.ndarray | float,
    *,
    limit: np.ndarray | float = np.nan,
    stop: np.ndarray | float = np.nan,
    target: np.ndarray | float = np.nan,
    trail: np.ndarray | float = np.nan,
    max_hold: int = 0,
    expiry: int = 1,
    stake: np.ndarray | float = 1.0,
) -> Signals:
    """Make signals, one value serving every row where one is given."""
    shape = decision_time.shape

    def numbers(value: np.ndarray | float) -> np.ndarray:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))

    return Signals(
        decision_time=np.ascontiguousarray(decision_time, dtype=np.int64),
        side=numbers(side),
        limit=numbers(limit),
        stop=numbers(stop),
        target=numbers(target),
        trail=numbers(trail),
        max_hold=np.full(shape, max_hold, dtype=np.int64),
        expiry=np.full(shape, expiry, dtype=np.int64),
        stake=numbers(stake),
    )
