"""Labels that read the outcome of the trade alone. Known at: the exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.execution.records import EXIT_REASONS, TARGET
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION, Label

if TYPE_CHECKING:
    import pandas as pd

_FARTHEST_RISK = 10.0
"""Risks beyond which a result is no better or worse: stops may lie as near as one tick."""


def _won(trades: pd.DataFrame, features: np.ndarray) -> np.ndarray:
    """Return 1 where the trade made money after costs, else 0."""
    return (trades["net_return"].to_numpy() > 0.0).astype(np.float64)


def _net_return(trades: pd.DataFrame, features: np.ndarray) -> np.ndarray:
    """Return the net return in percent of the entry notional, so that its spread is near those of other labels."""
    return 100.0 * trades["net_return"].to_numpy()


def _r_multiple(trades: pd.DataFrame, features: np.ndarray) -> np.ndarray:
    """Return the net return in units of the initial risk, clipped to -10 and 10; NaN for a trade without a stop."""
    return np.clip(trades["r_multiple"].to_numpy(), -_FARTHEST_RISK, _FARTHEST_RISK)


def _target_before_stop(trades: pd.DataFrame, features: np.ndarray) -> np.ndarray:
    """Return 1 where the trade left at its target, 0 where it left otherwise; NaN for a trade without a target."""
    reached = (trades["exit_reason"] == EXIT_REASONS[TARGET]).to_numpy(dtype=np.float64)
    return np.where(trades["target"].isna(), np.nan, reached)


WON = Label("won", CLASSIFICATION, _won)
NET_RETURN = Label("net_return", REGRESSION, _net_return)
R_MULTIPLE = Label("r_multiple", REGRESSION, _r_multiple)
TARGET_BEFORE_STOP = Label("target_before_stop", CLASSIFICATION, _target_before_stop)
