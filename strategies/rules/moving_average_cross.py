"""Moving-average cross: trade in the direction in which a fast average crosses a slow one.

Source: Brock, Lakonishok and LeBaron (1992), Simple Technical Trading Rules and the Stochastic Properties of Stock
Returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import average_true_range, lagged, moving_mean
from tradesieve.strategies.rules.bracket_orders import bracket_signals, stop_at
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy, Strategy


@dataclass(frozen=True)
class MovingAverageCross(Strategy):
    """Enter when the fast average of closes crosses the slow one, in the direction of the cross.

    Parameters
    ----------
    fast : bars of the fast average, at least 1.
    slow : bars of the slow average and of the average true range, more than `fast`.
    stop_ranges : distance of the stop from the deciding close, in average true ranges, above 0.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "moving_average_cross"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "fast": (20, 10),
        "slow": (50, 100, 200),
        "stop_ranges": (3.0, 5.0),
        "reward": (2.0, 4.0),
    }

    fast: int = 20
    slow: int = 50
    stop_ranges: float = 3.0
    reward: float = 2.0
    max_hold: int = 96

    def __post_init__(self) -> None:
        self._require(
            fast=self.fast >= 1,
            slow=self.slow > self.fast,
            stop_ranges=self.stop_ranges > 0,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    @property
    def policy(self) -> Policy:
        """Exit at a cross to the other side."""
        return Policy(exits_on_opposite=True)

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, and the slow average of the bar before it."""
        return self.slow + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the two averages."""
        return {"fast": moving_mean(bars.close, self.fast), "slow": moving_mean(bars.close, self.slow)}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        lines = self.lines(bars)
        gap = lines["fast"] - lines["slow"]
        previous = lagged(gap)
        rows = np.flatnonzero(((gap > 0) & (previous <= 0)) | ((gap < 0) & (previous >= 0)))
        side = np.sign(gap[rows])
        distance = self.stop_ranges * average_true_range(bars, self.slow)[rows]
        stop = stop_at(bars.close[rows], side, distance)
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)
