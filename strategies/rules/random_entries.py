"""Random entries: a control without an edge. What a filter finds in its trades is luck, or comes from the exits.

The random number of a bar is a hash of the seed, the symbol and the bar's time: the same in research and live, and
independent of prices.

Source: LeBeau and Lucas (1992), Technical Traders Guide to Computer Analysis of the Futures Market, for random entries
as a test of exits; Steele, Lea and Flood (2014), Fast Splittable Pseudorandom Number Generators, for the hash.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class RandomEntries(Strategy):
    """Enter after each bar with a given probability, long or short with equal probability.

    Parameters
    ----------
    probability : of an entry after a bar, above 0 and at most 1.
    seed : of the random numbers, 0 or more and below 2 ** 31.
    stop_loss : distance of the stop from the deciding close, a fraction between 0 and 1.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "random_entries"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "probability": (0.01, 0.05),
        "seed": (0, 1, 2, 3, 4, 5),
        "reward": (1.0, 2.0),
        "max_hold": (24, 48),
    }

    probability: float = 0.01
    seed: int = 0
    stop_loss: float = 0.01
    reward: float = 1.0
    max_hold: int = 24

    def __post_init__(self) -> None:
        self._require(
            probability=0 < self.probability <= 1,
            seed=0 <= self.seed < 2**31,
            stop_loss=0 < self.stop_loss < 1,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar: only its time is used."""
        return 1

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        salt = splitmix64(np.array([self.seed]) * 2**32 + zlib.crc32(bars.symbol.encode()))
        bits = splitmix64(bars.close_time.astype(np.uint64) ^ salt)
        # The upper 53 bits are a uniform number in [0, 1); the lowest bit, which is not among them, is the side.
        rows = np.flatnonzero((bits >> np.uint64(11)) * 2.0**-53 < self.probability)
        side = np.where(bits[rows] & np.uint64(1), 1.0, -1.0)
        stop = bars.close[rows] * (1.0 - side * self.stop_loss)
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)


def splitmix64(numbers: np.ndarray) -> np.ndarray:
    """Hash 64-bit numbers one by one.

    Returns
    -------
    uint64, of the shape of `numbers`: the output of SplitMix64 with each number as its state.
    """
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
