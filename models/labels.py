"""Labels: what a model is asked to tell of a trade. Known at: the trade's exit_time, never before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.errors import lookup

if TYPE_CHECKING:
    import pandas as pd


def won(trades: pd.DataFrame) -> np.ndarray:
    """Give 1 where the trade made money net of its costs, else 0."""
    return (trades["net_return"].to_numpy() > 0.0).astype(np.float64)


LABELS: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {"won": won}


def label_named(name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    """Find a label.

    Raises
    ------
    Unknown : if there is none of that name.
    """
    return lookup("label", name, LABELS)
