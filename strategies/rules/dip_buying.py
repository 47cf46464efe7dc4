"""Dip buying by probability: buy a drop with a stake that follows from how earlier drops ended.

1. A drop is a one-bar return at or below `drop_threshold`.
2. Of the drops in the last `history` bars, p is the share after which the high rose by `price_move` above the drop's
   close within `look_back` bars. A drop without such a rise whose `look_back` bars have not passed yet does not count.
3. With b = profit_target / price_move, the stake is Kelly's fraction, (b p - (1 - p)) / b. There is no trade where it
   is not above 0, or where no drop counts.

Source: Kelly (1956), A New Interpretation of Information Rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.indicators.rolling import lagged
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class DipBuying(Strategy):
    """Buy a drop with Kelly's fraction of the capital; exit at `price_move`, at the stop, or after `look_back` bars.

    Parameters
    ----------
    drop_threshold : one-bar return at or below which a bar is a drop, between -1 and 0.
    price_move : rise that makes a drop a success, and the distance of the target, a fraction above 0.
    look_back : bars within which the rise must come, and after which the trade exits, at least 1.
    history : bars whose drops are counted, at least 2.
    profit_target : profit of a success, a fraction above 0; with `price_move` it gives the odds b.
    stop_loss : distance of the stop, a fraction between 0 and 1.
    """

    name: ClassVar[str] = "dip_buying"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "drop_threshold": (-0.003, -0.005, -0.008),
        "price_move": (0.006, 0.01),
        "look_back": (24, 48),
        "profit_target": (0.006, 0.01),
    }

    drop_threshold: float = -0.003
    price_move: float = 0.006
    look_back: int = 24
    history: int = 2016
    profit_target: float = 0.006
    stop_loss: float = 0.01

    def __post_init__(self) -> None:
        self._require(
            drop_threshold=-1 < self.drop_threshold < 0,
            price_move=self.price_move > 0,
            look_back=self.look_back >= 1,
            history=self.history >= 2,
            profit_target=self.profit_target > 0,
            stop_loss=0 < self.stop_loss < 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar, the history before it, and the close before that."""
        return self.history + 2

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the price at or below which a close is a drop."""
        return {"drop": lagged(bars.close) * (1.0 + self.drop_threshold)}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the module."""
        returns = np.diff(bars.close, prepend=np.nan) / np.concatenate([[np.nan], bars.close[:-1]])
        drops = np.flatnonzero(returns <= self.drop_threshold)
        win_rate = success_rates_nb(drops, bars.high, bars.close, self.price_move, self.look_back, self.history)
        odds = self.profit_target / self.price_move
        with np.errstate(invalid="ignore"):
            stake = (odds * win_rate - (1.0 - win_rate)) / odds
            drops, stake = drops[stake > 0.0], stake[stake > 0.0]
        close = bars.close[drops]
        return make_signals(
            bars.close_time[drops],
            1.0,
            stop=close * (1.0 - self.stop_loss),
            target=close * (1.0 + self.price_move),
            max_hold=self.look_back,
            stake=stake,
        )


@njit(cache=True, nogil=True)
def success_rates_nb(
    drops: np.ndarray, high: np.ndarray, close: np.ndarray, price_move: float, look_back: int, history: int
) -> np.ndarray:
    """Compute p at each drop: the success rate of the decided drops in the `history` bars before it.

    Parameters
    ----------
    drops : int64 (n_drops,), ascending rows of the bars that are drops.

    Returns
    -------
    float64 (n_drops,); NaN where no earlier drop is decided.
    """
    n = len(drops)
    decided = np.empty(n, np.int64)
    success = np.zeros(n, np.bool_)
    for d in range(n):
        goal = close[drops[d]] * (1.0 + price_move)
        decided[d] = drops[d] + look_back
        for bar in range(drops[d] + 1, min(drops[d] + look_back + 1, len(high))):
            if high[bar] >= goal:
                decided[d], success[d] = bar, True
                break
    rate = np.full(n, np.nan)
    first = 0
    for d in range(n):
        now = drops[d]
        while drops[first] < now - history:
            first += 1
        n_decided = n_successes = 0
        for earlier in range(first, d):
            if decided[earlier] <= now:
                n_decided += 1
                n_successes += success[earlier]
        if n_decided > 0:
            rate[d] = n_successes / n_decided
    return rate
