"""RSI reversal: trade against a move when Wilder's relative strength index returns from its extreme.

Wilder's smoothing has no finite window. Here the index starts anew ten windows before each bar, so that it depends on a
finite number of bars; what it leaves out has a weight below (1 - 1 / window) ** (9 * window), about 1 in 10,000.

Source: Wilder (1978), New Concepts in Technical Trading Systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import average_true_range, decayed_sum, lagged, moving_sum
from tradesieve.strategies.rules.bracket_orders import bracket_signals, stop_at
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy

_WINDOWS = 10


@dataclass(frozen=True)
class RsiReversal(Strategy):
    """Buy when the index rises back to `oversold`, sell when it falls back to 100 - `oversold`.

    Parameters
    ----------
    window : bars of Wilder's smoothing and of the average true range, at least 2.
    oversold : level below which a market is oversold, above 0 and below 50.
    stop_ranges : distance of the stop from the deciding close, in average true ranges, above 0.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "rsi_reversal"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (14, 7, 28),
        "oversold": (30.0, 20.0),
        "stop_ranges": (2.0, 3.0),
        "reward": (1.0, 2.0),
        "max_hold": (24, 48),
    }

    window: int = 14
    oversold: float = 30.0
    stop_ranges: float = 2.0
    reward: float = 1.0
    max_hold: int = 24

    def __post_init__(self) -> None:
        self._require(
            window=self.window >= 2,
            oversold=0 < self.oversold < 50,
            stop_ranges=self.stop_ranges > 0,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars of ten windows of changes, at the deciding bar and at the bar before it."""
        return _WINDOWS * self.window + 2

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the closes at which the index would be at its two levels."""
        rises, falls, change = _movements(bars.close, self.window)
        earlier_rises, earlier_falls = rises - np.maximum(change, 0.0), falls - np.maximum(-change, 0.0)
        lines = {}
        for name, level in (("oversold", self.oversold), ("overbought", 100.0 - self.oversold)):
            odds = level / (100.0 - level)
            rise = odds * earlier_falls - earlier_rises
            # A negative rise is a fall, which counts on the other side of the ratio.
            lines[name] = lagged(bars.close) + np.where(rise > 0.0, rise, rise / odds)
        return lines

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        index = rsi_wilder(bars.close, self.window)
        previous, overbought = lagged(index), 100.0 - self.oversold
        rises = (previous < self.oversold) & (index >= self.oversold)
        falls = (previous > overbought) & (index <= overbought)
        rows = np.flatnonzero(rises | falls)
        side = np.where(rises[rows], 1.0, -1.0)
        distance = self.stop_ranges * average_true_range(bars, self.window)[rows]
        stop = stop_at(bars.close[rows], side, distance)
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)


def rsi_wilder(close: np.ndarray, window: int) -> np.ndarray:
    """Compute Wilder's relative strength index from ten windows of changes, 0 to 100.

    Returns
    -------
    float64 (n,); NaN where there are fewer than 10 * window changes, and where no price moved.

    Notes
    -----
    Equals: at each bar the last value of ``talib.RSI(last, window)``, where `last` are its last 10 * window + 1 closes.
    """
    rises, falls, _ = _movements(close, window)
    with np.errstate(invalid="ignore"):
        return 100.0 * rises / (rises + falls)


def _movements(close: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return smoothed rises, smoothed falls, and the changes from close to close."""
    change = np.diff(close, prepend=np.nan)
    return _smoothed(np.maximum(change, 0.0), window), _smoothed(np.maximum(-change, 0.0), window), change


def _smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Smooth by 1 / window, starting from the mean of the oldest `window` values; the result is times `window`."""
    n_after = (_WINDOWS - 1) * window
    keep = 1.0 - 1.0 / window
    return decayed_sum(values, n_after, keep) + keep**n_after * lagged(moving_sum(values, window), n_after)
