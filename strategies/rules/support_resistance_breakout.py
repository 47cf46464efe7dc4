"""Support and resistance: follow a close beyond a level at which the market has turned repeatedly.

Source: Edwards and Magee (1948), Technical Analysis of Stock Trends; Osler (2000), Support for Resistance: Technical
Analysis and Intraday Exchange Rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.pivots import pivot_highs_nb
from tradesieve.strategies.indicators.rolling import average_true_range
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class SupportResistanceBreakout(Strategy):
    """Enter at the first close above a resistance or below a support.

    1. A pivot high is above the highs of the `reach` bars before and not below those of the `reach` bars after; it is
       known at the close of the last of these.
    2. When at least `touches` pivot highs of the last `window` bars, the new one included, lie within the tolerance of
       its price, the highest of them is a resistance, unless the bar at which it becomes known closes above it.
    3. A resistance is active until a close above it, for at most `life` bars, or until a newer one replaces it.

    Supports are the mirror image.

    Parameters
    ----------
    window : bars before a pivot in which touches count, and of the average true range, at least 2.
    reach : bars on each side of a pivot that it is compared with, at least 1.
    touches : pivots that form a level, at least 2.
    tolerance : largest distance of a touch from the newest pivot, in average true ranges, above 0.
    life : bars for which a level is active, at least 1.
    stop_ranges : distance of the stop beyond the level, in average true ranges, above 0.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "support_resistance_breakout"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (100, 200),
        "touches": (3, 2, 4),
        "tolerance": (1.0, 0.5),
        "reward": (2.0, 1.0, 3.0),
    }

    window: int = 100
    reach: int = 3
    touches: int = 3
    tolerance: float = 1.0
    life: int = 100
    stop_ranges: float = 1.5
    reward: float = 2.0
    max_hold: int = 48

    def __post_init__(self) -> None:
        self._require(
            window=self.window >= 2,
            reach=self.reach >= 1,
            touches=self.touches >= 2,
            tolerance=self.tolerance > 0,
            life=self.life >= 1,
            stop_ranges=self.stop_ranges > 0,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, the life of the level, the window, and the reach of the first and the last pivot."""
        return self.life + self.reach + self.window + self.reach + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the active resistance and support at each bar, up to the bar that breaks them."""
        resistance, support, *_ = self._levels(bars)
        return {"resistance": resistance, "support": support}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        resistance, support, rises, falls, ranges = self._levels(bars)
        rows = np.flatnonzero(rises != falls)
        side = np.where(rises[rows], 1.0, -1.0)
        level = np.where(rises[rows], resistance[rows], support[rows])
        stop = level - side * self.stop_ranges * ranges[rows]
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)

    def _levels(self, bars: Bars) -> tuple[np.ndarray, ...]:
        """Return resistance, support, whether each is broken, and the average true range."""
        ranges = average_true_range(bars, self.window)
        found = [
            levels_nb(
                pivot_highs_nb(sign * extreme, self.reach), sign * extreme, sign * bars.close, self.tolerance * ranges,
                self.window, self.reach, self.touches, self.life,
            )
            for sign, extreme in ((1.0, bars.high), (-1.0, bars.low))
        ]  # fmt: skip
        (resistance, rises), (support, falls) = found
        return resistance, -support, rises, falls, ranges


@njit(cache=True, nogil=True)
def levels_nb(  # type: ignore[no-untyped-def]
    pivots, high, close, tolerance, window: int, reach: int, touches: int, life: int
):
    """Find the active resistance at each bar and the closes that break one; for supports, negate all prices.

    Parameters
    ----------
    pivots : int64 (n_pivots,), ascending rows of the pivot highs.
    tolerance : float64 (n,), quote.

    Returns
    -------
    level : float64 (n,), NaN where none is active.
    broken : bool (n,), True at closes above one.
    """
    n = len(close)
    level, broken = np.full(n, np.nan), np.zeros(n, np.bool_)
    price, formed = np.nan, -1
    newest = oldest = 0
    for i in range(n):
        if formed >= 0 and i - formed > life:
            formed = -1
        if formed >= 0:
            level[i] = price
            if close[i] > price:
                broken[i] = True
                formed = -1
        if newest < len(pivots) and pivots[newest] + reach == i:
            pivot = pivots[newest]
            while pivots[oldest] < pivot - window:
                oldest += 1
            n_touches, highest = _touches_nb(high, pivots[oldest : newest + 1], high[pivot], tolerance[i])
            if n_touches >= touches and close[i] <= highest:
                price, formed = highest, i
                if not broken[i]:
                    level[i] = highest
            newest += 1
    return level, broken


@njit(cache=True, nogil=True)
def _touches_nb(high: np.ndarray, pivots: np.ndarray, price: float, tolerance: float) -> tuple[int, float]:
    """Count the pivots within the tolerance of a price, and find the highest of them."""
    n_touches, highest = 0, price
    for pivot in pivots:
        if abs(high[pivot] - price) <= tolerance:
            n_touches += 1
            highest = max(highest, high[pivot])
    return n_touches, highest
