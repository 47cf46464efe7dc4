"""Bracket orders: an entry at market with a stop on one side of it and a target on the other."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.strategies.signals import Signals, make_signals

_FURTHEST_STOP = 0.5  # of the price, so that it never lies below zero
_FURTHEST_TARGET = 0.9


def stop_at(price: np.ndarray, side: np.ndarray | float, distance: np.ndarray | float) -> np.ndarray:
    """Place a stop at a distance in quote against the trade, at most half the price away."""
    return price - side * np.minimum(distance, _FURTHEST_STOP * price)


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
    """Wish to enter at market after the bars `rows`, with a stop and a target.

    Parameters
    ----------
    bars : the bars.
    rows : int64, ascending rows of the deciding bars.
    side : float64, +1 or -1 a row.
    stop : quote, a price a row.
    max_hold : bars to hold at most; 0: no limit.
    leave_at : int64 ns UTC, a time a row, when to leave; 0: never.
    reward : distance of the target from the deciding close, in distances of the stop, above 0; at most nine tenths of
        the price away.
    target : quote, a price a row, in place of `reward`.

    Returns
    -------
    Signals without the rows whose deciding close does not lie between stop and target: a market that stood still leaves
    no room for them.
    """
    close = bars.close[rows]
    if target is None:
        target = close + side * np.minimum(reward * np.abs(close - stop), _FURTHEST_TARGET * close)
    kept = (side * (close - stop) > 0.0) & (side * (target - close) > 0.0) & (stop > 0.0) & (target > 0.0)
    return make_signals(
        bars.close_time[rows][kept],
        side[kept],
        stop=stop[kept],
        target=target[kept],
        max_hold=max_hold,
        leave_at=np.broadcast_to(leave_at, rows.shape)[kept],
    )
