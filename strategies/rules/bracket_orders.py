"""Bracket orders: a market entry with a stop on one side and a target on the other."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.strategies.signals import Signals, make_signals

MAX_STOP_DISTANCE, MAX_TARGET_DISTANCE = 0.5, 0.9
"""Largest distances from the price, as fractions of it: no stop or target lies at or below zero."""


def stop_at(price: np.ndarray, side: np.ndarray | float, distance: np.ndarray | float) -> np.ndarray:
    """Return the price of a stop at a distance, in quote, against the trade; at most half the price away."""
    return price - side * np.minimum(distance, MAX_STOP_DISTANCE * price)


def bracket_signals(
    bars: Bars,
    rows: np.ndarray,
    side: np.ndarray,
    *,
    stop: np.ndarray,
    max_hold: int = 0,
    leave_at: np.ndarray | int = 0,
    reward: float = 1.0,
    target: np.ndarray | None = None,
) -> Signals:
    """Make signals that enter at market after the bars `rows`, with a stop and a target.

    Parameters
    ----------
    bars : the bars.
    rows : int64 (n,), ascending rows of the deciding bars.
    side : float64 (n,), +1 or -1.
    stop : float64 (n,), quote.
    max_hold : maximum number of bars to hold; 0: no limit.
    leave_at : int64 ns UTC (n,), when to exit; 0: never.
    reward : distance of the target from the deciding close, in distances of the stop, above 0; at most nine tenths of
        the price away.
    target : float64 (n,), quote, in place of `reward`.

    Returns
    -------
    The signals whose deciding close lies between stop and target; others, as in a market without movement, are dropped.
    """
    close = bars.close[rows]
    if target is None:
        target = close + side * np.minimum(reward * np.abs(close - stop), MAX_TARGET_DISTANCE * close)
    kept = (side * (close - stop) > 0.0) & (side * (target - close) > 0.0) & (stop > 0.0) & (target > 0.0)
    return make_signals(
        bars.close_time[rows][kept],
        side[kept],
        stop=stop[kept],
        target=target[kept],
        max_hold=max_hold,
        leave_at=np.broadcast_to(leave_at, rows.shape)[kept],
    )
