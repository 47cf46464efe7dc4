"""Reversal of a breakout: trade against a breakout from a channel that fails within a few bars.

Source: Connors and Raschke (1995), Street Smarts (Turtle Soup), in the variant that waits for a close back in the
channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import previous_channel
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class ReversalBreakout(Strategy):
    """Enter against a breakout at the first close back within the channel; the stop is the extreme of the breakout.

    A breakout is a close beyond the channel of the bars before it. It fails when a close at most `within` bars later
    lies inside the border of that channel; of consecutive breakouts, the last one counts. Two breakouts, one to each
    side, that fail at the same close cancel each other.

    Parameters
    ----------
    window : bars of the channel, at least 2.
    within : bars within which the breakout must fail, at least 1.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "reversal_breakout"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (48, 20, 96),
        "within": (3, 6),
        "reward": (2.0, 1.0, 3.0),
        "max_hold": (48, 24),
    }

    window: int = 48
    within: int = 3
    reward: float = 2.0
    max_hold: int = 48

    def __post_init__(self) -> None:
        self._require(
            window=self.window >= 2,
            within=self.within >= 1,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, the bars since the breakout, and the breakout's channel."""
        return self.window + self.within + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the channel of the bars before each bar."""
        upper, lower = previous_channel(bars, self.window)
        return {"upper": upper, "lower": lower}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        channel = self.lines(bars)
        highest = failed_breakouts_nb(channel["upper"], bars.high, bars.close, self.within)
        lowest = -failed_breakouts_nb(-channel["lower"], -bars.low, -bars.close, self.within)
        rows = np.flatnonzero(np.isfinite(highest) != np.isfinite(lowest))
        side = np.where(np.isfinite(lowest[rows]), 1.0, -1.0)
        stop = np.where(side > 0, lowest[rows], highest[rows])
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)


@njit(cache=True, nogil=True)
def failed_breakouts_nb(upper: np.ndarray, high: np.ndarray, close: np.ndarray, within: int) -> np.ndarray:
    """Find the closes at which an upward breakout fails; for downward ones, negate all prices.

    Returns
    -------
    float64 (n,): where a breakout fails, the highest high since the breakout; NaN elsewhere.
    """
    out = np.full(len(close), np.nan)
    breakout, highest = -1, np.nan
    for i in range(len(close)):
        if close[i] > upper[i]:
            breakout, highest = i, high[i]
        elif breakout >= 0:
            highest = max(highest, high[i])
            if i - breakout > within:
                breakout = -1
            elif close[i] < upper[breakout]:
                out[i] = highest
                breakout = -1
    return out
