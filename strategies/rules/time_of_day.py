"""Time of day: enter at a minute of the day, on chosen weekdays, and exit after a number of bars.

Source: Harris (1986), A Transaction Data Study of Weekly and Intradaily Patterns in Stock Returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import DAY, MINUTE, Timeframe
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy

_EVERY_DAY = 127


@dataclass(frozen=True)
class TimeOfDay(Strategy):
    """Enter after the close of the bar that contains the minute or ends at it.

    Parameters
    ----------
    minute : minutes after midnight UTC, 0 to 1439.
    side : +1 to buy, -1 to sell.
    weekdays : the sum of the days on which it enters: Monday 1, Tuesday 2, Wednesday 4, Thursday 8, Friday 16,
        Saturday 32, Sunday 64; 127 is every day.
    stop_loss : distance of the stop from the deciding close, a fraction between 0 and 1.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "time_of_day"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "minute": (0, 480, 810, 1200),
        "side": (1, -1),
        "weekdays": (127, 31),
        "max_hold": (48, 12),
    }

    minute: int = 0
    side: int = 1
    weekdays: int = _EVERY_DAY
    stop_loss: float = 0.01
    reward: float = 2.0
    max_hold: int = 48

    def __post_init__(self) -> None:
        self._require(
            minute=0 <= self.minute < 1440,
            side=self.side in (-1, 1),
            weekdays=1 <= self.weekdays <= _EVERY_DAY,
            stop_loss=0 < self.stop_loss < 1,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar: only its time is used."""
        return 1

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        since_minute = bars.close_time - self.minute * MINUTE
        day = since_minute // DAY
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
        entered = (since_minute % DAY < bars.timeframe.duration) & ((self.weekdays >> weekday) & 1 == 1)
        rows = np.flatnonzero(entered)
        side = np.full(len(rows), float(self.side))
        stop = bars.close[rows] * (1.0 - side * self.stop_loss)
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)
