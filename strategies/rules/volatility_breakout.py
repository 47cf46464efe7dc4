"""Volatility breakout: follow a move that is large compared with the ranges of recent bars.

Source: Williams (1999), Long-Term Secrets to Short-Term Trading, in the variant that compares the move from close to
close with the average true range of the bars before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import lagged
from tradesieve.strategies.rules.bracket_orders import MAX_STOP_DISTANCE, MAX_TARGET_DISTANCE
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class VolatilityBreakout(Strategy):
    """Enter in the direction of a close that lies more than `multiple` average true ranges from the close before it.

    The stop is at most half the price away, and the target nine tenths, so that both are above zero.

    Parameters
    ----------
    window : bars of the average true range, those before the deciding bar, at least 2.
    multiple : smallest move of a breakout, in average true ranges, above 0.
    stop_ranges : distance of the stop from the deciding close, in average true ranges, above 0.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "volatility_breakout"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (20, 50),
        "multiple": (1.5, 2.0, 2.5),
        "reward": (2.0, 3.0),
        "max_hold": (24, 48),
    }

    window: int = 20
    multiple: float = 2.0
    stop_ranges: float = 2.0
    reward: float = 2.0
    max_hold: int = 48

    def __post_init__(self) -> None:
        self._require(
            window=self.window >= 2,
            multiple=self.multiple > 0,
            stop_ranges=self.stop_ranges > 0,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, the window, and the close before the window."""
        return self.window + 2

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the prices that a close must exceed."""
        distance = self.multiple * average_true_range_before_nb(bars.high, bars.low, bars.close, self.window)
        previous = lagged(bars.close)
        return {"upper": previous + distance, "lower": previous - distance}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        true_range = average_true_range_before_nb(bars.high, bars.low, bars.close, self.window)
        move = np.diff(bars.close, prepend=np.nan)
        rows = np.flatnonzero(np.abs(move) > self.multiple * true_range)
        side, close = np.sign(move[rows]), bars.close[rows]
        risk = np.minimum(self.stop_ranges * true_range[rows], MAX_STOP_DISTANCE * close)
        stop = close - side * risk
        target = close + side * np.minimum(self.reward * risk, MAX_TARGET_DISTANCE * close)
        # Without any range there is no room for a stop.
        kept = side * (target - stop) > 0.0
        return make_signals(
            bars.close_time[rows][kept], side[kept], stop=stop[kept], target=target[kept], max_hold=self.max_hold
        )


@njit(cache=True, nogil=True)
def average_true_range_before_nb(high: np.ndarray, low: np.ndarray, close: np.ndarray, window: int) -> np.ndarray:
    """Average the true range of the `window` bars before each bar; NaN where there are fewer.

    Equals: ``talib.TRANGE(high, low, close).rolling(window).mean().shift(1)``, summed from scratch in each window.
    """
    n = len(close)
    true_range = np.empty(n)
    true_range[:1] = np.nan
    for i in range(1, n):
        true_range[i] = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    out = np.full(n, np.nan)
    for i in range(window + 1, n):
        total = 0.0
        for k in range(i - window, i):
            total += true_range[k]
        out[i] = total / window
    return out
