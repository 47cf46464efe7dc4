"""Top quantile of the week: whether a trade is among the best of those that exited in its week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tradesieve.market.timeframes import DAY
from tradesieve.models.labels.base import CLASSIFICATION, Label
from tradesieve.strategies.parameter_text import Parametrised

if TYPE_CHECKING:
    import pandas as pd

_WEEK = 7 * DAY
_MONDAY = 4 * DAY
"""1970-01-05, the first Monday of the epoch."""


@dataclass(frozen=True)
class TopQuantileOfWeek(Parametrised):
    """Mark the trades of a week with the highest net returns.

    Parameters
    ----------
    share : of the week's trades that are marked, above 0 and at most 0.5.
    """

    name: ClassVar[str] = "top_quantile_of_week"
    noun: ClassVar[str] = "label"

    share: float = 0.2

    def __post_init__(self) -> None:
        self._require(share=0.0 < self.share <= 0.5)

    def label(self, name: str) -> Label:
        """Return the label under a name."""
        return Label(name, CLASSIFICATION, self._targets, known_time=week_end)

    def _targets(self, trades: pd.DataFrame, features: np.ndarray) -> np.ndarray:
        """Return 1 for a net return above the quantile of its week, else 0.

        1. A trade belongs to the week, from Monday, UTC, in which it exits, on all symbols and of all rules together.
        2. The quantile is that of the net returns of the week's trades; NaN where they are too few to mark one of them.

        Known at: the end of the week.
        """
        net_return, target = trades["net_return"].to_numpy(), np.full(len(trades), np.nan)
        for rows in trades.groupby(week_end(trades), sort=False).indices.values():
            if len(rows) * self.share >= 1.0:
                target[rows] = net_return[rows] > np.quantile(net_return[rows], 1.0 - self.share)
        return target


def week_end(trades: pd.DataFrame) -> np.ndarray:
    """Return the end of the week in which each trade exits, a midnight before a Monday, UTC.

    Returns
    -------
    int64 ns UTC (n_trades,); an exit at that midnight belongs to the week that ends.
    """
    exit_time = trades["exit_time"].to_numpy()
    return _MONDAY - (_MONDAY - exit_time) // _WEEK * _WEEK
