"""Donchian channel: follow a close beyond the highest high or the lowest low of the bars before it.

Source: Donchian's four-week rule, as in Faith (2007), Way of the Turtle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from market.bars import Bars
from market.timeframes import Timeframe
from strategies.base import Strategy
from strategies.signals import Signals, make_signals
from strategies.windows import before, moving_maximum, moving_minimum


@dataclass(frozen=True)
class DonchianChannel(Strategy):
    """Enter at the first close beyond the channel. Leave at the stop, at a breakout to the other side, or on time.

    Parameters
    ----------
    window : bars of the channel, those before the deciding bar, at least 2.
    exit_window : bars up to the deciding one whose lowest low (highest high, for a short) is the stop, at least 1.
    max_hold : bars to hold at most, at least 1.
    """

    name: ClassVar[str] = "donchian_channel"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (20, 55, 100),
        "exit_window": (10, 20),
        "max_hold": (96, 48, 192),
    }
    exits_on_opposite: ClassVar[bool] = True

    window: int = 20
    exit_window: int = 10
    max_hold: int = 96

    def __post_init__(self) -> None:
        self._require(
            window=self.window >= 2,
            exit_window=self.exit_window >= 1,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, the bar before it and that one's channel."""
        return max(self.window + 2, self.exit_window)

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Give the channel of the bars before each bar."""
        return {
            "upper": before(moving_maximum(bars.high, self.window)),
            "lower": before(moving_minimum(bars.low, self.window)),
        }

    def signals(self, bars: Bars) -> Signals:
        """Decide at each close; see the class."""
        channel = self.lines(bars)
        beyond = (bars.close > channel["upper"]).astype(np.int8) - (bars.close < channel["lower"]).astype(np.int8)
        fresh = (beyond[1:] != 0) & (beyond[1:] != beyond[:-1]) & np.isfinite(channel["upper"][:-1])
        rows = np.flatnonzero(fresh) + 1
        side = beyond[rows].astype(np.float64)
        lowest, highest = moving_minimum(bars.low, self.exit_window), moving_maximum(bars.high, self.exit_window)
        stop = np.where(side > 0, lowest[rows], highest[rows])
        # A close at the very end of its exit window leaves no room for a stop.
        kept = side * (bars.close[rows] - stop) > 0.0
        return make_signals(bars.close_time[rows][kept], side[kept], stop=stop[kept], max_hold=self.max_hold)
