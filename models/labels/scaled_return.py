"""Scaled return: the money of a trade in units of the move that the market usually makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradesieve.models.labels.base import REGRESSION, Label

if TYPE_CHECKING:
    import pandas as pd

_VOLATILITY = "close__volatility__window_50"
_FARTHEST = 3.0


def _scaled_return(trades: pd.DataFrame, features: np.ndarray) -> np.ndarray:
    """Divide the net return by the move that the market makes, by its volatility, in the rule's typical holding time.

    1. The rule's typical holding time is the median of `bars_held` over its trades, on all symbols of the timeframe,
       that had exited by the decision; of the trade's own before there is one.
    2. The usual move is the volatility of a bar at the decision times the root of that time.
    3. The target is the net return over the usual move, clipped to -3 and 3. It is 0, which teaches nothing, where the
       volatility is unknown or zero.

    Known at: the exit.
    """
    volatility = features[:, 0]
    usual = volatility * np.sqrt(_typical_bars_held(trades))
    known = np.isfinite(usual) & (usual > 0.0)
    scaled = np.divide(trades["net_return"].to_numpy(), usual, out=np.zeros(len(trades)), where=known)
    return np.clip(scaled, -_FARTHEST, _FARTHEST)


def _typical_bars_held(trades: pd.DataFrame) -> np.ndarray:
    """Return the median bars held of each rule's trades that had exited by the decision: float64 (n_trades,), >= 1."""
    import pandas as pd

    held = np.maximum(trades["bars_held"].to_numpy(dtype=np.float64), 1.0)
    typical = held.copy()
    for rows in trades.groupby(["strategy", "timeframe"], sort=False).indices.values():
        exits = trades["exit_time"].to_numpy()[rows]
        order = np.argsort(exits, kind="stable")
        medians = pd.Series(held[rows][order]).expanding().median().to_numpy()
        n_exited = np.searchsorted(exits[order], trades["decision_time"].to_numpy()[rows], side="right")
        typical[rows] = np.where(n_exited > 0, medians[np.maximum(n_exited - 1, 0)], held[rows])
    return typical


SCALED_RETURN = Label("scaled_return", REGRESSION, _scaled_return, (_VOLATILITY,))
