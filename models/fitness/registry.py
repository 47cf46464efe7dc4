"""Fitness by name: what ranks trials and chooses the parameters of applications."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradesieve.features.user_definitions import defined
from tradesieve.market.errors import lookup
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness import ranks
from tradesieve.models.fitness.filtered_returns import effective_trades
from tradesieve.models.fitness.measures import expectancy

KIND = "fitness"
"""The kind of a user's own, see `features.user_definitions`."""

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
        Fitness("sortino", ranks.ranked_sortino),
        Fitness("sortino_lower_bound", ranks.ranked_sortino_bound),
        Fitness("sharpe", ranks.ranked_sharpe),
        Fitness("calmar", ranks.ranked_calmar),
        Fitness("ulcer_performance", ranks.ranked_ulcer_performance),
        Fitness("profit_factor", ranks.ranked_profit_factor),
        Fitness("expectancy", expectancy),
        Fitness("expectancy_by_coverage", ranks.ranked_expectancy_by_coverage),
        Fitness("total_return", ranks.ranked_total_return),
        Fitness("log_wealth", ranks.ranked_log_wealth),
        Fitness("profitable_weeks", ranks.ranked_profitable_weeks),
    )
}
"""What the project defines; users define their own in modules, see `user_fitness`."""


def fitness_named(name: str) -> Fitness:
    """Return the fitness of this name, the project's or a user's.

    Raises
    ------
    Unknown : if there is no such fitness.
    """
    return lookup("fitness", name, FITNESS | defined(KIND))
