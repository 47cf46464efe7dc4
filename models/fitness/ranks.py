"""What a search may maximise: functions of trades and sizes; each is NaN where it is undefined."""

from __future__ import annotations

import math

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import checked_sizes, daily_returns
from tradesieve.models.fitness.measures import expectancy
from tradesieve.strategies.statistics.daily_returns import equity, sharpe
from tradesieve.strategies.statistics.daily_returns import ranked_sortino as daily_ranked_sortino


def ranked_sortino(dataset: Dataset, sizes: np.ndarray) -> float:
    """Rank trades at these sizes: `strategies.statistics.daily_returns.ranked_sortino` of their daily returns.

    Returns
    -------
    The annualised Sortino ratio where the trades earn, else `Measures.expectancy`; NaN where that is undefined.

    Raises
    ------
    BadInput, BadData : as `daily_returns`.
    """
    returns = daily_returns(dataset, sizes)
    capital = float(np.sum(checked_sizes(dataset, sizes) * dataset.stake)) / len(dataset.instance_names)
    return daily_ranked_sortino(returns, capital=capital, days_per_year=dataset.calendar.days_per_year)


def ranked_sharpe(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the annualised Sharpe ratio of the daily returns."""
    return sharpe(daily_returns(dataset, sizes), days_per_year=dataset.calendar.days_per_year)


def expectancy_by_coverage(dataset: Dataset, sizes: np.ndarray) -> float:
    """Multiply the net return per unit of capital by the root of the share of the capital that is used."""
    capital = float(np.sum(dataset.stake))
    used = float(np.sum(sizes * dataset.stake)) / capital if capital > 0 else 0.0
    return expectancy(dataset, sizes) * math.sqrt(used)


def total_return(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the compounded return over all days."""
    return float(equity(daily_returns(dataset, sizes))[-1]) - 1.0
