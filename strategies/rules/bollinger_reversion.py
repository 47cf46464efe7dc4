"""Bollinger reversion: trade towards the average once a close is back inside the bands.

Source: Bollinger (2001), Bollinger on Bollinger Bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import moving_moments
from tradesieve.strategies.rules.bracket_orders import bracket_signals, stop_at
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class BollingerReversion(Strategy):
    """Enter towards the average at a close inside the bands after a close outside; the target is the average.

    Parameters
    ----------
    window : bars of the average and of the standard deviation (divided by n), at least 2.
    width : distance of the bands from the average, in standard deviations, above 0.
    stop_deviations : distance of the stop from the deciding close, in standard deviations, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "bollinger_reversion"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (20, 50, 100),
        "width": (2.0, 2.5),
        "stop_deviations": (2.0, 1.0),
        "max_hold": (24, 48),
    }

    window: int = 20
    width: float = 2.0
    stop_deviations: float = 2.0
    max_hold: int = 24

    def __post_init__(self) -> None:
        self._require(
            window=self.window >= 2,
            width=self.width > 0,
            stop_deviations=self.stop_deviations > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar and the bands of the bar before it."""
        return self.window + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the average and its bands."""
        average, deviation = moving_moments(bars.close, self.window)
        return self._bands(average, deviation)

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        average, deviation = moving_moments(bars.close, self.window)
        bands = self._bands(average, deviation)
        outside = (bars.close < bands["lower"]).astype(np.int8) - (bars.close > bands["upper"]).astype(np.int8)
        known = np.isfinite(average[1:])
        rows = np.flatnonzero((outside[1:] == 0) & (outside[:-1] != 0) & known) + 1
        side = outside[rows - 1].astype(np.float64)
        stop = stop_at(bars.close[rows], side, self.stop_deviations * deviation[rows])
        # A close already beyond the average has its target behind it and is dropped.
        return bracket_signals(bars, rows, side, stop=stop, target=average[rows], max_hold=self.max_hold)

    def _bands(self, average: np.ndarray, deviation: np.ndarray) -> dict[str, np.ndarray]:
        offset = self.width * deviation
        return {"average": average, "upper": average + offset, "lower": average - offset}
