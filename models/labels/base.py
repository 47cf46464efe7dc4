"""The contract of a label: a training target of trades, and when it is known.

A label is a classification (0 or 1, scores are probabilities) or a regression (scores are above zero for a trade that
is expected to earn).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

    from tradesieve.market.bars import Bars

CLASSIFICATION, REGRESSION = "classification", "regression"
TASKS = (CLASSIFICATION, REGRESSION)


def known_at_exit(trades: pd.DataFrame) -> np.ndarray:
    """Return the exit times of trades: what most labels are known at."""
    return trades["exit_time"].to_numpy()


@dataclass(frozen=True, eq=False)
class Targets:
    """The targets of trades.

    Parameters
    ----------
    values : float64 (n_trades,), NaN where unknown.
    known_time : int64 ns UTC (n_trades,), when each of them is known.
    """

    values: np.ndarray
    known_time: np.ndarray


@dataclass(frozen=True)
class Label:
    """A named training target.

    Parameters
    ----------
    name : as in a plan.
    task : `CLASSIFICATION` or `REGRESSION`.
    targets : function (trades table, float64 (n_trades, n_features) of `features`) -> float64 (n_trades,), NaN where
        unknown: no model is trained on that row. It reads what is known by the row's `known_time` alone.
    features : names of the features that `targets` reads, also where the model does not.
    known_time : function (trades table) -> int64 ns UTC (n_trades,), when each target is known: at the exit or later.
        Folds purge up to it.
    reads_bars : whether `targets` and `known_time` read bars after the decision: a further argument of both,
        {(symbol, timeframe): `Bars`}.
    """

    name: str
    task: str
    targets: Callable[..., np.ndarray]
    features: tuple[str, ...] = ()
    known_time: Callable[..., np.ndarray] = known_at_exit
    reads_bars: bool = False

    def compute(
        self, trades: pd.DataFrame, features: np.ndarray, bars: Mapping[tuple[str, str], Bars] | None = None
    ) -> Targets:
        """Compute the targets of trades that closed, and when they are known.

        Parameters
        ----------
        trades : the trades table, in decision order.
        features : float64 (n_trades, n) of `features`.
        bars : of each symbol and timeframe of the trades; only a label that reads bars needs them.

        Raises
        ------
        BadInput : if no target is known, or the label breaks its contract.
        """
        more = (bars or {},) if self.reads_bars else ()
        values = np.asarray(self.targets(trades, features, *more), dtype=np.float64)
        known_time = np.asarray(self.known_time(trades, *more), dtype=np.int64)
        if values.shape != (len(trades),) or known_time.shape != (len(trades),):
            raise BadInput(
                f"label {self.name}: {len(trades)} trades got targets of shape {values.shape}, known at times of shape "
                f"{known_time.shape}: return one for each trade"
            )
        known = ~np.isnan(values)
        allowed = np.isin(values, (0.0, 1.0)) if self.task == CLASSIFICATION else ~np.isinf(values)
        if np.any(known & ~allowed):
            kind = "0, 1 or NaN" if self.task == CLASSIFICATION else "finite, or NaN"
            raise BadInput(f"label {self.name}: a target of a {self.task} is {kind}, not {values[known & ~allowed][0]}")
        if np.any(known_time < trades["exit_time"].to_numpy()):
            raise BadInput(f"label {self.name}: a target is known at the exit of its trade or later, not before")
        if not known.any():
            raise BadInput(f"label {self.name} is unknown for all {len(trades)} trades: choose another label")
        return Targets(values, known_time)
