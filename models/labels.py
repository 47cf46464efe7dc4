"""Labels: training targets of trades. Known at: the trade's `exit_time`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.errors import lookup

if TYPE_CHECKING:
    import pandas as pd


def won(trades: pd.DataFrame) -> np.ndarray:
    """Return 1 where the trade made money after costs, else 0: float64 (n_trades,)."""
    return (trades["net_return"].to_numpy() > 0.0).astype(np.float64)


LABELS: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {"won": won}


def label_named(name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return the label of this name, a function from a trades table to targets.

    Raises
    ------
    Unknown : if there is no such label.
    """
    return lookup("label", name, LABELS)
