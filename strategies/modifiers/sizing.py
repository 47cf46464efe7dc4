"""Sizing modifiers: the stake of a signal, a fraction of the instance's capital, in place of the rule's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import DAY
from tradesieve.strategies.modifiers.base import Modifier, WindowModifier
from tradesieve.strategies.modifiers.signal_prices import decision_rows, entry_price, initial_risk, replace_columns
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class FixedFraction(Modifier):
    """Stake the same fraction each time.

    Parameters
    ----------
    fraction : of the capital, above 0; above 1 it is leverage.
    """

    name: ClassVar[str] = "fixed_fraction"
    aspect: ClassVar[str] = "size"

    fraction: float = 1.0

    def __post_init__(self) -> None:
        self._require(fraction=self.fraction > 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the stake."""
        return replace_columns(signals, bars, stake=np.full(len(signals), self.fraction))


@dataclass(frozen=True)
class RiskToStop(Modifier):
    """Size each trade so that a fill at its stop loses a given fraction of the capital, before costs.

    The stake is the risk divided by the distance from the entry to the stop, as a fraction of the entry. Of a stop and
    a trailing stop, the nearer one counts.

    Parameters
    ----------
    risk : the fraction of the capital that is lost at the stop, between 0 and 1.
    leverage : the largest stake, above 0.

    Raises
    ------
    BadInput : at a signal without a stop. Dropping it would make a strategy that never trades and does not say why.
    """

    name: ClassVar[str] = "risk_to_stop"
    aspect: ClassVar[str] = "size"

    risk: float = 0.01
    leverage: float = 1.0

    def __post_init__(self) -> None:
        self._require(risk=0 < self.risk < 1, leverage=self.leverage > 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the stake."""
        risk = initial_risk(signals, bars)
        if np.isnan(risk).any():
            time = format_time(signals.decision_time[int(np.argmax(np.isnan(risk)))])
            raise BadInput(
                f"{self.id}: the signal at {time} has no stop, which its risk is measured by: "
                "add fixed_stop(ranges=2) or trailing(ranges=3)"
            )
        with np.errstate(divide="ignore"):
            stake = np.minimum(self.leverage, self.risk * entry_price(signals, bars) / risk)
        return replace_columns(signals, bars, kept=risk > 0.0, stake=stake)


@dataclass(frozen=True)
class VolatilityTarget(WindowModifier):
    """Stake less in a volatile market and more in a calm one, so that all positions have about the same volatility.

    The stake is the target divided by the realised volatility: the square root of the sum of squared logarithmic
    returns from close to close over the window, per day that it spans. A day is 24 hours, and hours when the market is
    closed count: for a market that closes, choose a window of whole days. Without any movement the stake is `leverage`.

    Parameters
    ----------
    target : the daily volatility of the position, a fraction of the capital, above 0.
    window : number of returns, up to the deciding close, at least 2.
    leverage : the largest stake, above 0.
    """

    name: ClassVar[str] = "volatility_target"
    aspect: ClassVar[str] = "size"

    target: float = 0.01
    window: int = 288
    leverage: float = 1.0

    def __post_init__(self) -> None:
        self._require(target=self.target > 0, window=self.window >= 2, leverage=self.leverage > 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the stake."""
        volatility = _daily_volatility_nb(bars.close_time, bars.close, decision_rows(signals, bars), self.window)
        with np.errstate(divide="ignore"):
            stake = np.minimum(self.leverage, self.target / volatility)
        return replace_columns(signals, bars, kept=stake > 0.0, stake=stake)


@njit(cache=True, nogil=True)
def _daily_volatility_nb(time: np.ndarray, close: np.ndarray, rows: np.ndarray, window: int) -> np.ndarray:
    """Measure the realised daily volatility up to each row; NaN where history is shorter than the window."""
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
