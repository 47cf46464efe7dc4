"""Donchian channel: follow a close beyond the highest high or the lowest low of the bars before it.

Source: Donchian's four-week rule, as in Faith (2007), Way of the Turtle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import moving_maximum, moving_minimum, previous_channel
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Policy, Strategy


@dataclass(frozen=True)
class DonchianChannel(Strategy):
    """Enter at the first close beyond the channel. Exit at the stop, by time, or at a breakout to the other side.

    Parameters
    ----------
    window : bars of the channel, those before the deciding bar, at least 2.
    exit_window : bars up to the deciding one whose lowest low (highest high, for a short) is the stop, at least 1.
    opposite_exit : 1 to exit at a breakout to the other side and follow it; 0 to ignore it.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "donchian_channel"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (20, 55, 100),
        "exit_window": (10, 20),
        "opposite_exit": (1, 0),
        "max_hold": (96, 192),
    }

    window: int = 20
    exit_window: int = 10
    opposite_exit: int = 1
    max_hold: int = 96

    def __post_init__(self) -> None:
        self._require(
            window=self.window >= 2,
            exit_window=self.exit_window >= 1,
            opposite_exit=self.opposite_exit in (0, 1),
            max_hold=self.max_hold >= 1,
        )

    @property
    def policy(self) -> Policy:
        """Exit at a breakout to the other side where `opposite_exit` is 1."""
        return Policy(exits_on_opposite=self.opposite_exit == 1)

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, the bar before it, and the channel of that one."""
        return max(self.window + 2, self.exit_window)

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the channel of the bars before each bar."""
        upper, lower = previous_channel(bars, self.window)
        return {"upper": upper, "lower": lower}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        channel = self.lines(bars)
        beyond = (bars.close > channel["upper"]).astype(np.int8) - (bars.close < channel["lower"]).astype(np.int8)
        fresh = (beyond[1:] != 0) & (beyond[1:] != beyond[:-1]) & np.isfinite(channel["upper"][:-1])
        rows = np.flatnonzero(fresh) + 1
        side = beyond[rows].astype(np.float64)
        lowest, highest = moving_minimum(bars.low, self.exit_window), moving_maximum(bars.high, self.exit_window)
        stop = np.where(side > 0, lowest[rows], highest[rows])
        # A close at the extreme of its exit window leaves no room for a stop.
        kept = side * (bars.close[rows] - stop) > 0.0
        return make_signals(bars.close_time[rows][kept], side[kept], stop=stop[kept], max_hold=self.max_hold)
