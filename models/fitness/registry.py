"""Fitness by name: what ranks trials and chooses the parameters of applications."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradesieve.market.errors import lookup
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import effective_trades
from tradesieve.models.fitness.measures import expectancy, profit_factor
from tradesieve.models.fitness.ranks import expectancy_by_coverage, ranked_sharpe, ranked_sortino, total_return

MINIMUM_TRADES = 30
"""With fewer effective trades a fitness is NaN: a ratio of a handful of trades is an accident."""


@dataclass(frozen=True)
class Fitness:
    """A named measure that a search maximises. To add one, list it in `FITNESS`.

    Parameters
    ----------
    name : as in a plan and on the leaderboard.
    statistic : function (dataset, sizes) -> float; higher is better, NaN when undefined.
    """

    name: str
    statistic: Callable[[Dataset, np.ndarray], float]

    def __call__(self, dataset: Dataset, sizes: np.ndarray, *, minimum_trades: int = MINIMUM_TRADES) -> float:
        """Compute the fitness; NaN when fewer than `minimum_trades` effective trades are kept.

        Raises
        ------
        BadInput, BadData : as `daily_returns`.
        """
        # A rounding error must not take a trade away from equal sizes.
        if effective_trades(dataset, sizes) < minimum_trades - 1e-6:
            return math.nan
        return self.statistic(dataset, np.asarray(sizes, dtype=np.float64))


FITNESS: dict[str, Fitness] = {
    fitness.name: fitness
    for fitness in (
        Fitness("sortino", ranked_sortino),
        Fitness("sharpe", ranked_sharpe),
        Fitness("expectancy", expectancy),
        Fitness("profit_factor", profit_factor),
        Fitness("expectancy_by_coverage", expectancy_by_coverage),
        Fitness("total_return", total_return),
    )
}


def fitness_named(name: str) -> Fitness:
    """Return the fitness of this name.

    Raises
    ------
    Unknown : if there is no such fitness.
    """
    return lookup("fitness", name, FITNESS)
