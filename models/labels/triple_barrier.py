"""Triple barrier: which of two price levels the market touches first after the decision, up to a horizon.

The label is about the market rather than the trade: stops, targets and costs of the rule play no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tradesieve.models.labels.base import CLASSIFICATION, Label, known_at_exit
from tradesieve.strategies.parameter_text import Parametrised

if TYPE_CHECKING:
    import pandas as pd

    from tradesieve.market.bars import Bars

_VOLATILITY = "close__volatility__window_50"


@dataclass(frozen=True)
class TripleBarrier(Parametrised):
    """Tell whether the market goes the trade's way before it goes against it.

    Parameters
    ----------
    horizon : bars after the decision, at least 1.
    width : distance of both barriers from the close at the decision, in units of the volatility of a bar at the
        decision times the root of the horizon; above 0.
    """

    name: ClassVar[str] = "triple_barrier"
    noun: ClassVar[str] = "label"

    horizon: int = 50
    width: float = 1.0

    def __post_init__(self) -> None:
        self._require(horizon=self.horizon >= 1, width=self.width > 0.0)

    def label(self, name: str) -> Label:
        """Return the label under a name."""
        return Label(name, CLASSIFICATION, self._targets, (_VOLATILITY,), self._known_time, reads_bars=True)

    def _targets(self, trades: pd.DataFrame, features: np.ndarray, bars: Mapping[tuple[str, str], Bars]) -> np.ndarray:
        """Return 1 where the barrier on the trade's side is touched first, 0 where the other one is.

        1. The barriers are the close at the decision times one plus and less the width.
        2. A bar that touches both counts as touching the one against the trade.
        3. Where neither is touched within the horizon, the target is 1 if the close at the horizon is beyond that at
           the decision on the trade's side.
        4. NaN where the volatility is unknown or zero, where the bars end before a barrier is touched or the horizon,
           and where there are no bars.

        Known at: the close of the horizon's bar, or the exit if that is later.

        Source: Lopez de Prado (2018), Advances in Financial Machine Learning, chapter 3.
        """
        target = np.full(len(trades), np.nan)
        distance = self.width * np.sqrt(self.horizon) * features[:, 0]
        side = trades["side"].to_numpy(dtype=np.float64)
        for rows, own, decided in _by_series(trades, bars):
            target[rows] = self._first_touch(own, decided, side[rows], distance[rows])
        return np.where(np.isfinite(distance) & (distance > 0.0), target, np.nan)

    def _first_touch(self, bars: Bars, decided: np.ndarray, side: np.ndarray, distance: np.ndarray) -> np.ndarray:
        start, last = bars.close[decided], len(bars) - 1
        target = np.full(len(decided), np.nan)
        for ahead in range(1, self.horizon + 1):
            row = np.minimum(decided + ahead, last)
            is_open = np.isnan(target) & (decided + ahead <= last)
            highest, lowest = bars.high[row] / start - 1.0, bars.low[row] / start - 1.0
            with_us = np.where(side > 0, highest, -lowest) >= distance
            against = np.where(side > 0, -lowest, highest) >= distance
            target[is_open & with_us] = 1.0
            target[is_open & against] = 0.0
        reached = np.isnan(target) & (decided + self.horizon <= last)
        end = bars.close[np.minimum(decided + self.horizon, last)]
        return np.where(reached, side * (end - start) > 0.0, target)

    def _known_time(self, trades: pd.DataFrame, bars: Mapping[tuple[str, str], Bars]) -> np.ndarray:
        known = known_at_exit(trades).copy()
        for rows, own, decided in _by_series(trades, bars):
            horizon = own.close_time[np.minimum(decided + self.horizon, len(own) - 1)]
            known[rows] = np.maximum(known[rows], horizon)
        return known


def _by_series(
    trades: pd.DataFrame, bars: Mapping[tuple[str, str], Bars]
) -> Iterator[tuple[np.ndarray, Bars, np.ndarray]]:
    """Yield the rows of each symbol and timeframe, their bars, and the bar at whose close each row was decided."""
    decision_time = trades["decision_time"].to_numpy()
    for (symbol, timeframe), own in bars.items():
        rows = np.flatnonzero((trades["symbol"] == symbol) & (trades["timeframe"] == timeframe))
        if len(rows) and len(own):
            yield rows, own, np.minimum(np.searchsorted(own.close_time, decision_time[rows]), len(own) - 1)
