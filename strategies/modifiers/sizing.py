"""Sizing: the fraction of the instance's capital that a signal asks for, in the place of the rule's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.strategies.modifiers.base import Modifier, WindowModifier
from tradesieve.strategies.modifiers.signal_prices import changed, entry_price, risk_of, rows_of
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class FixedFraction(Modifier):
    """Ask for the same fraction each time.

    Parameters
    ----------
    fraction : of the capital, above 0; above 1 it is leverage.
    """

    name: ClassVar[str] = "fixed_fraction"
    kind: ClassVar[str] = "size"

    fraction: float = 1.0

    def __post_init__(self) -> None:
        self._require(fraction=self.fraction > 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the stake."""
        return changed(signals, bars, stake=np.full(len(signals), self.fraction))


@dataclass(frozen=True)
class RiskToStop(Modifier):
    """Ask for as much as loses a given fraction of the capital, before costs, when the stop is hit at its price.

    The stake is the risk divided by the distance from the entry to the stop, as a fraction of the entry. The nearer of
    a stop and a trailing stop counts.

    Parameters
    ----------
    risk : the fraction of the capital that is lost at the stop, between 0 and 1.
    leverage : the largest stake, above 0.

    Raises
    ------
    BadInput : at a signal without a stop. To drop it would make a strategy that never trades and never says why.
    """

    name: ClassVar[str] = "risk_to_stop"
    kind: ClassVar[str] = "size"

    risk: float = 0.01
    leverage: float = 1.0

    def __post_init__(self) -> None:
        self._require(risk=0 < self.risk < 1, leverage=self.leverage > 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the stake."""
        risk = risk_of(signals, bars)
        if np.isnan(risk).any():
            time = format_time(signals.decision_time[int(np.argmax(np.isnan(risk)))])
            raise BadInput(
                f"{self.id}: the signal at {time} has no stop to measure its risk by: "
                "add fixed_stop(ranges=2) or trailing(ranges=3)"
            )
        with np.errstate(divide="ignore"):
            stake = np.minimum(self.leverage, self.risk * entry_price(signals, bars) / risk)
        return changed(signals, bars, kept=risk > 0.0, stake=stake)


@dataclass(frozen=True)
class VolatilityTarget(WindowModifier):
    """Ask for more in a quiet market and less in a wild one, so that each position moves about alike.

    The stake is the target divided by the realised volatility: the square root of the sum of squared logarithmic
    returns from close to close over the window, per day that it spans. A day is 24 hours of the clock, and hours when
    the market is closed count: where it closes, choose a window of whole days. A market that stood still asks for all
    of the leverage.

    Parameters
    ----------
    target : the volatility of the position a day, a fraction of the capital, above 0.
    window : how many returns, up to the deciding close, at least 2.
    leverage : the largest stake, above 0.
    """

    name: ClassVar[str] = "volatility_target"
    kind: ClassVar[str] = "size"

    target: float = 0.01
    window: int = 288
    leverage: float = 1.0

    def __post_init__(self) -> None:
        self._require(target=self.target > 0, window=self.window >= 2, leverage=self.leverage > 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the stake."""
        volatility = _volatility_a_day_nb(bars.close_time, bars.close, rows_of(signals, bars), self.window)
        with np.errstate(divide="ignore"):
            stake = np.minimum(self.leverage, self.target / volatility)
        return changed(signals, bars, kept=stake > 0.0, stake=stake)


@njit(cache=True, nogil=True)
def _volatility_a_day_nb(time: np.ndarray, close: np.ndarray, rows: np.ndarray, window: int) -> np.ndarray:
    """Measure the realised volatility a day up to each row; NaN where history is shorter than the window."""
    out = np.full(len(rows), np.nan)
    for k in range(len(rows)):
        row = rows[k]
        if row < window:
            continue
        total = 0.0
        for i in range(row - window + 1, row + 1):
            total += np.log(close[i] / close[i - 1]) ** 2
        out[k] = np.sqrt(total * (DAY / (time[row] - time[row - window])))
    return out
