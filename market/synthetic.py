"""Synthetic markets: bars whose truth is known, to prove that the pipeline finds an edge, and finds none in noise.

Volatility is stochastic and has an intraday season; highs and lows come from a path of small steps within each bar, so
that stops and targets meet them as they would a real market's. In the market with an edge, regimes of trend (the price
drifts one way) and of chop (it returns to an anchor) follow one another: breakouts pay in the first and lose in the
second. In the random market the same volatility drives a martingale: nothing can be learned.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numba import njit

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, Timeframe, parse_timeframe

_STEPS = 12  # of the path within a bar


@dataclass(frozen=True)
class SyntheticMarket:
    """A recipe for bars.

    Parameters
    ----------
    edge : drift of a trend regime in standard deviations of a bar; 0 makes a pure random walk without regimes.
    n_days : how many days, every one of them traded around the clock.
    timeframe : the length of a bar.
    start_time : int64 ns UTC, when the first bar opens.
    volatility : typical standard deviation of a day's log return.
    regime_bars : how many bars a regime lasts on average.
    reversion : how much of the distance to its anchor a chop regime's price returns in one bar.
    seed : two markets with equal recipes are equal; each symbol draws numbers of its own.

    Raises
    ------
    BadInput : if a number is out of range, or the timeframe does not divide a day.

    Examples
    --------
    >>> bars, regime = SyntheticMarket(edge=0.0, n_days=2, seed=7).generate("BTC-USD")
    >>> len(bars), str(bars.timeframe), round(float(bars.close[-1]), 2), bool(regime.any())
    (576, '5m', 102.05, False)
    """

    edge: float = 0.25
    n_days: int = 360
    timeframe: Timeframe = parse_timeframe("5m")  # noqa: RUF009  a frozen value
    start_time: int = 1_672_531_200_000_000_000
    volatility: float = 0.03
    regime_bars: float = 240.0
    reversion: float = 0.08
    seed: int = 7

    def __post_init__(self) -> None:
        least = {"edge": 0.0, "n_days": 1, "volatility": 1e-6, "regime_bars": 2.0, "reversion": 0.0, "seed": 0}
        for name, low in least.items():
            if not low <= getattr(self, name) < np.inf:
                raise BadInput(f"{name} is {getattr(self, name)}, but must be finite and at least {low}")
        if DAY % self.timeframe.duration:
            raise BadInput(f"timeframe is {self.timeframe}, but must divide a day")

    def generate(self, symbol: str) -> tuple[Bars, np.ndarray]:
        """Make the bars of a symbol.

        Returns
        -------
        bars : n_days of bars, starting at a price near 100.
        regime : int8, one a bar: +1 and -1 in a trend up and down, 0 in chop and in the random market. The truth that
            no factor may see.
        """
        per_day = DAY // self.timeframe.duration
        n = self.n_days * per_day
        random = np.random.default_rng([self.seed, zlib.crc32(symbol.encode())])
        regime = _regimes(n, self.regime_bars, random) if self.edge > 0 else np.zeros(n, np.int8)
        season = 1.0 + 0.5 * np.cos(2.0 * np.pi * (np.arange(n) % per_day / per_day - 0.6))
        calm = _autoregressive(n, 0.995, 0.35, random)
        deviation = self.volatility / np.sqrt(per_day) * season * np.exp(calm)
        noise = random.standard_normal((n, _STEPS))
        drift, reversion = (self.edge, self.reversion) if self.edge > 0 else (0.0, 0.0)
        path = _paths_nb(np.log(100.0), regime, deviation, noise, drift, reversion)
        volume = np.exp(3.0 + 0.8 * calm + 0.4 * random.standard_normal(n)) * season
        close_time = self.start_time + self.timeframe.duration * np.arange(1, n + 1, dtype=np.int64)
        opened, high, low, closed = np.exp(path).T
        return Bars(symbol, self.timeframe, close_time, opened, high, low, closed, volume), regime


def _regimes(n: int, mean_bars: float, random: np.random.Generator) -> np.ndarray:
    """Alternate trend and chop, each lasting a geometric number of bars; a trend's direction is a fair coin."""
    lengths = random.geometric(1.0 / mean_bars, size=int(4 * n / mean_bars) + 16)
    kinds = np.where(np.arange(len(lengths)) % 2 == 0, random.choice([-1, 1], size=len(lengths)), 0)
    return np.repeat(kinds, lengths)[:n].astype(np.int8)


def _autoregressive(n: int, persistence: float, deviation: float, random: np.random.Generator) -> np.ndarray:
    """Draw a stationary AR(1) series with mean 0 and the given standard deviation."""
    from scipy.signal import lfilter

    shocks = random.standard_normal(n) * deviation * np.sqrt(1.0 - persistence**2)
    shocks[0] /= np.sqrt(1.0 - persistence**2)
    return lfilter([1.0], [1.0, -persistence], shocks)


@njit(cache=True, nogil=True)
def _paths_nb(
    start: float, regime: np.ndarray, deviation: np.ndarray, noise: np.ndarray, edge: float, reversion: float
) -> np.ndarray:
    """Walk the log price; return (n, 4): open, high, low, close of each bar."""
    n, steps = noise.shape
    out = np.empty((n, 4))
    price = anchor = start
    for bar in range(n):
        if bar > 0 and regime[bar] != regime[bar - 1]:
            anchor = price
        step = deviation[bar] / np.sqrt(steps)
        high = low = first = price
        for k in range(steps):
            # Half the variance is taken off, so that the price itself, not its logarithm, is a martingale.
            drift = edge * regime[bar] * deviation[bar] / steps - 0.5 * step * step
            if regime[bar] == 0:
                drift -= reversion / steps * (price - anchor)
            price += drift + step * noise[bar, k]
            high = max(high, price)
            low = min(low, price)
        out[bar] = first, high, low, price
    return out
