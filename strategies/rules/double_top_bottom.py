"""Double tops and bottoms, traded once a close beyond the neckline confirms them.

Source: Edwards and Magee (1948), Technical Analysis of Stock Trends; Bulkowski (2005), Encyclopedia of Chart Patterns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.pivots import pivot_highs_nb
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class DoubleTopBottom(Strategy):
    """Sell a top of two or more touches at the first close below its neckline; bottoms are the mirror image.

    1. A pivot high is above the highs of the `reach` bars before and not below those of the `reach` bars after; it is
       known at the close of the last of these.
    2. Back from the newest pivot high, each earlier one within `tolerance` of its price is a touch when a dip of at
       least `gap` lies between it and the touch after it; a higher pivot ends the search. `repetitions` touches form a
       top: its price is the highest touch, its neckline the lowest low between the touches.
    3. A top is pending until a close below the neckline confirms it. It is void once a high exceeds it, after
       `patience` bars, when a newer top forms, or if a close before the newest pivot was known is below the neckline.
    4. The stop is the top; the target lies `reward` pattern heights beyond the neckline.

    Parameters
    ----------
    repetitions : touches that form a top, at least 2.
    gap : smallest distance between the top and the dips, as a fraction of the top, above 0 and below 1.
    tolerance : largest distance of a touch from the newest one, as a fraction of its price, above 0 and at most `gap`.
    reach : bars on each side of a pivot that it is compared with, at least 1.
    window : largest number of bars between the first and the last touch, at least 2.
    patience : bars for which a pending top waits for its confirmation, at least 1.
    reward : distance of the target from the neckline, in pattern heights, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "double_top_bottom"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "repetitions": (2, 3),
        "gap": (0.004, 0.008, 0.015),
        "tolerance": (0.002, 0.001),
        "patience": (48, 24),
        "reward": (1.0, 2.0),
    }

    repetitions: int = 2
    gap: float = 0.004
    tolerance: float = 0.002
    reach: int = 3
    window: int = 96
    patience: int = 48
    reward: float = 1.0
    max_hold: int = 48

    def __post_init__(self) -> None:
        self._require(
            repetitions=self.repetitions >= 2,
            gap=0 < self.gap < 1,
            tolerance=0 < self.tolerance <= self.gap,
            reach=self.reach >= 1,
            window=self.window >= 2,
            patience=self.patience >= 1,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, the wait, the window, and the reach of the first and the last pivot."""
        return self.patience + self.reach + self.window + self.reach + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the pending top and bottom with their necklines, up to the bar that ends them."""
        (top, top_neckline, _), (bottom, bottom_neckline, _) = self._patterns(bars)
        return {"top": top, "top_neckline": top_neckline, "bottom": bottom, "bottom_neckline": bottom_neckline}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        (top, top_neckline, falls), (bottom, bottom_neckline, rises) = self._patterns(bars)
        rows = np.flatnonzero(rises != falls)
        long = rises[rows]
        stop = np.where(long, bottom[rows], top[rows])
        neckline = np.where(long, bottom_neckline[rows], top_neckline[rows])
        target = neckline + self.reward * (neckline - stop)
        # A close that is already beyond its target is dropped.
        return bracket_signals(bars, rows, np.where(long, 1.0, -1.0), stop=stop, target=target, max_hold=self.max_hold)

    def _patterns(self, bars: Bars) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """Return price, neckline and confirmation of tops, then of bottoms."""
        terms = (self.repetitions, self.gap, self.tolerance, self.reach, self.window, self.patience)
        tops = tops_nb(pivot_highs_nb(bars.high, self.reach), bars.high, bars.low, bars.close, *terms)
        high, low, close = -bars.low, -bars.high, -bars.close
        bottom, neckline, confirmed = tops_nb(pivot_highs_nb(high, self.reach), high, low, close, *terms)
        return tops, (-bottom, -neckline, confirmed)


@njit(cache=True, nogil=True)
def tops_nb(  # type: ignore[no-untyped-def]
    pivots, high, low, close, repetitions, gap, tolerance, reach, window, patience
):
    """Find pending tops and their confirmations; for bottoms, negate all prices.

    Parameters
    ----------
    pivots : int64 (n_pivots,), ascending rows of the pivot highs.

    Returns
    -------
    top, neckline : float64 (n,), NaN where no top is pending.
    confirmed : bool (n,), True at closes that confirm one.
    """
    n = len(close)
    tops, necklines, confirmed = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.bool_)
    top = neckline = np.nan
    formed = -1
    newest = 0
    for i in range(n):
        if formed >= 0 and i - formed > patience:
            formed = -1
        if newest < len(pivots) and pivots[newest] + reach == i:
            highest, lowest = _top_nb(pivots, newest, high, low, repetitions, gap, tolerance, window)
            pending = not np.isnan(highest)
            for k in range(pivots[newest] + 1, i):
                pending = pending and close[k] >= lowest
            if pending:
                top, neckline, formed = highest, lowest, i
            newest += 1
        if formed >= 0:
            tops[i], necklines[i] = top, neckline
            if high[i] > top:
                formed = -1
            elif close[i] < neckline:
                confirmed[i] = True
                formed = -1
    return tops, necklines, confirmed


@njit(cache=True, nogil=True)
def _top_nb(pivots, newest, high, low, repetitions, gap, tolerance, window):  # type: ignore[no-untyped-def]
    """Return price and neckline of the top that ends with the newest pivot; NaN when there is none."""
    last = pivots[newest]
    near = tolerance * abs(high[last])
    highest, lowest = high[last], np.inf
    touch, n_touches = last, 1
    for k in range(newest - 1, -1, -1):
        pivot = pivots[k]
        if pivot < last - window or high[pivot] > high[last] + near:
            break
        if high[pivot] < high[last] - near:
            continue
        level = max(highest, high[pivot])
        dip = np.min(low[pivot + 1 : touch])
        if level - dip >= gap * abs(level):
            highest, lowest = level, min(lowest, dip)
            touch = pivot
            n_touches += 1
            if n_touches >= repetitions:
                return highest, lowest
    return np.nan, np.nan
