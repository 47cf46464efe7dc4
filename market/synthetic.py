"""Synthetic markets: bars with a known edge or none, to test that the pipeline finds the one and not the other.

Volatility is stochastic with an intraday season. Highs and lows come from a path of small steps within each bar, so
stops and targets are hit as in a real market. In a market with an edge a law, see `market.edge_laws`, says when the
price drifts. By default regimes of trend (the price drifts one way) and of chop (it returns to an anchor) alternate:
breakouts win in the first and lose in the second. In the random market the same volatility drives a martingale: nothing
can be learned.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.edge_laws import FOLLOWED_BARS, LAWS, Draws, no_edge
from tradesieve.market.errors import BadInput, lookup
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import DAY, Timeframe, parse_timeframe

_STEPS = 12
"""Steps of the path within a bar."""


@dataclass(frozen=True)
class SyntheticMarket:
    """The parameters of a synthetic market.

    Parameters
    ----------
    edge : drift, where there is one, in standard deviations of a bar; 0: a random walk without regimes.
    n_days : number of days, each traded around the clock.
    timeframe : the length of a bar.
    start_time : int64 ns UTC, when the first bar opens.
    volatility : typical standard deviation of a day's log return.
    regime_bars : mean length of a regime of trend or of chop, in bars.
    reversion : the fraction of its distance to the anchor by which the price returns per bar, in a chop regime.
    seed : equal parameters give equal markets; each symbol has random numbers of its own.
    law : when the price drifts, one of `market.edge_laws.LAWS`.
    leader : the symbol that the others follow under the law ``leader``.

    Raises
    ------
    BadInput : if a number is out of range, or the timeframe does not divide a day.
    Unknown : if there is no such law.

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
    law: str = "trend"
    leader: str = "AAA"

    def __post_init__(self) -> None:
        lookup("law", self.law, LAWS)
        least = {"edge": 0.0, "n_days": 1, "volatility": 1e-6, "regime_bars": 2.0, "reversion": 0.0, "seed": 0}
        for name, low in least.items():
            if not low <= getattr(self, name) < np.inf:
                raise BadInput(f"{name} is {getattr(self, name)}, but must be finite and at least {low}")
        if DAY % self.timeframe.duration:
            raise BadInput(f"timeframe is {self.timeframe}, but must divide a day")

    def generate(self, symbol: str) -> tuple[Bars, np.ndarray]:
        """Generate the bars of a symbol.

        Returns
        -------
        bars : n_days of bars, starting at a price near 100.
        regime : int8 (n_bars,): +1 where the price drifts up, -1 where it drifts down, 0 elsewhere and in the random
            market. No factor may see it.
        """
        per_day = DAY // self.timeframe.duration
        n = self.n_days * per_day
        random = np.random.default_rng(self._seeds(symbol))
        trend = _regimes(n, self.regime_bars, random) if self.edge > 0 else np.zeros(n, np.int8)
        season = 1.0 + 0.5 * np.cos(2.0 * np.pi * (np.arange(n) % per_day / per_day - 0.6))
        calm = _autoregressive(n, 0.995, 0.35, random)
        deviation = self.volatility / np.sqrt(per_day) * season * np.exp(calm)
        noise = random.standard_normal((n, _STEPS))
        planted = no_edge(n)
        if self.edge > 0:
            draws = Draws(
                trend, calm, deviation, noise, per_day, self._leader_move(symbol),
                np.random.default_rng([*self._seeds(symbol), 1]),
            )  # fmt: skip
            planted = LAWS[self.law](draws)
        path = _paths_nb(
            np.log(100.0), self.edge * planted.regime, planted.reverting, planted.jump, deviation, noise, self.reversion
        )
        volume = np.exp(3.0 + 0.8 * calm + 0.4 * random.standard_normal(n)) * season * planted.volume
        close_time = self.start_time + self.timeframe.duration * np.arange(1, n + 1, dtype=np.int64)
        opened, high, low, closed = np.exp(path).T
        return Bars(symbol, self.timeframe, close_time, opened, high, low, closed, volume), planted.regime

    def _seeds(self, symbol: str) -> list[int]:
        return [self.seed, zlib.crc32(symbol.encode())]

    def _leader_move(self, symbol: str) -> np.ndarray:
        """Measure the leader's move over the last bars before each bar, in usual moves."""
        per_day = DAY // self.timeframe.duration
        moves = np.zeros(self.n_days * per_day)
        if self.law == "leader" and symbol != self.leader:
            price = np.log(self.generate(self.leader)[0].open)
            usual = self.volatility / np.sqrt(per_day) * np.sqrt(FOLLOWED_BARS)
            moves[FOLLOWED_BARS:] = (price[FOLLOWED_BARS:] - price[:-FOLLOWED_BARS]) / usual
        return moves


def _regimes(n: int, mean_bars: float, random: np.random.Generator) -> np.ndarray:
    """Alternate trend and chop, with geometric lengths; a trend goes up or down with equal probability."""
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
    start: float,
    edge: np.ndarray,
    reverting: np.ndarray,
    jump: np.ndarray,
    deviation: np.ndarray,
    noise: np.ndarray,
    reversion: float,
) -> np.ndarray:
    """Simulate the log price; return open, high, low, close of each bar, (n_bars, 4)."""
    n, steps = noise.shape
    out = np.empty((n, 4))
    price = anchor = start
    for bar in range(n):
        if bar > 0 and edge[bar] != edge[bar - 1]:
            anchor = price
        step = deviation[bar] / np.sqrt(steps)
        high = low = first = price
        price += jump[bar]
        for k in range(steps):
            # Minus half the variance, so that the price itself, not its logarithm, is a martingale.
            drift = edge[bar] * deviation[bar] / steps - 0.5 * step * step
            if reverting[bar]:
                drift -= reversion / steps * (price - anchor)
            price += drift + step * noise[bar, k]
            high = max(high, price)
            low = min(low, price)
        out[bar] = first, high, low, price
    return out
