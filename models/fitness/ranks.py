"""What a search may maximise: functions of trades and sizes, each NaN where it is undefined.

A ratio of gain and risk orders losses the wrong way round: below zero it rises with risk and by trading less. So each
ratio here holds where the trades earn. Where they lose, they rank by what they lose per unit of capital, below all
that earn.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.bounded_ratio import bounded_ratio, mean_and_error
from tradesieve.models.fitness.filtered_returns import checked_sizes, daily_returns
from tradesieve.models.fitness.measures import expectancy, profit_factor
from tradesieve.strategies.statistics.daily_returns import calmar, log_wealth, sharpe, ulcer_performance
from tradesieve.strategies.statistics.daily_returns import ranked_sortino as daily_ranked_sortino

_CONFIDENCE = 0.95
_FIRST_MONDAY = 4
"""Day number of the first Monday: 1970-01-01 was a Thursday."""


def ranked_sortino(dataset: Dataset, sizes: np.ndarray) -> float:
    """Rank trades at these sizes: `strategies.statistics.daily_returns.ranked_sortino` of their daily returns.

    Returns
    -------
    The annualised Sortino ratio where the trades earn, else `expectancy`; NaN where that is undefined.

    Raises
    ------
    BadInput, BadData : as `daily_returns`.
    """
    returns = daily_returns(dataset, sizes)
    return daily_ranked_sortino(returns, capital=_capital(dataset, sizes), days_per_year=dataset.calendar.days_per_year)


def ranked_sortino_bound(dataset: Dataset, sizes: np.ndarray) -> float:
    """Rank trades by how much they surely earn.

    1. Where the mean day is surely above zero, with 95 % confidence by Student's quantile, it is the lower bound of the
       annualised Sortino ratio, see `bounded_ratio`. (The gate's bound resamples the days too, which takes long.)
    2. Where the trades earn, but not surely, it lies between -1 and 0: how far the mean is from where it would be sure.
    3. Where they lose, it is `expectancy` - 1.

    So the order has no gap, and no loss ranks above a gain.

    Returns
    -------
    NaN with fewer than two days, and where trades earn with fewer than two losing days.
    """
    returns = daily_returns(dataset, sizes)
    if len(returns) < 2:
        return math.nan
    if not returns.sum() > 0:
        return expectancy(dataset, sizes) - 1.0
    if np.count_nonzero(returns < 0) < 2:
        return math.nan
    from scipy.special import stdtrit

    mean, error = mean_and_error(returns[None, :])
    n_errors = float(stdtrit(len(returns) - 1, _CONFIDENCE))
    needed = n_errors * float(error[0])
    if mean[0] <= needed:
        return float(mean[0]) / needed - 1.0
    bound = bounded_ratio(returns, ratio="sortino", n_errors=n_errors)
    return bound * math.sqrt(dataset.calendar.days_per_year)


def ranked_sharpe(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the annualised Sharpe ratio of the daily returns where they earn, else `expectancy`."""
    returns = daily_returns(dataset, sizes)
    if returns.sum() > 0:
        return sharpe(returns, days_per_year=dataset.calendar.days_per_year)
    return expectancy(dataset, sizes)


def ranked_calmar(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the Calmar ratio of the daily returns where wealth grows, else as `ranked_log_wealth`."""
    return _ranked_growth(dataset, sizes, calmar)


def ranked_ulcer_performance(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the Martin ratio of the daily returns where wealth grows, else as `ranked_log_wealth`."""
    return _ranked_growth(dataset, sizes, ulcer_performance)


def ranked_log_wealth(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the logarithm of the final wealth where it grows, else divided by the capital that was traded.

    Returns
    -------
    NaN without capital, and after a loss of the whole.
    """
    returns = daily_returns(dataset, sizes)
    grown, capital = log_wealth(returns), _capital(dataset, sizes)
    if not (capital > 0 and math.isfinite(grown)):
        return math.nan
    return grown if grown > 0 else grown / capital


def ranked_profit_factor(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the profit factor where the trades earn, else 1 + `expectancy`: both are 1 where they break even."""
    expected = expectancy(dataset, sizes)
    return 1.0 + expected if expected <= 0 else profit_factor(dataset, sizes)


def ranked_profitable_weeks(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the share of weeks with a compounded return above zero where the trades earn, else `expectancy`.

    The weeks are those of the trading calendar, from Monday, the cut ones at both ends too; one without exits is not
    profitable.
    """
    returns = daily_returns(dataset, sizes)
    if not returns.sum() > 0:
        return expectancy(dataset, sizes)
    weeks = (dataset.calendar.days(*dataset.period) - _FIRST_MONDAY) // 7
    starts = np.flatnonzero(np.diff(weeks, prepend=weeks[0] - 1))
    return float(np.mean(np.multiply.reduceat(1.0 + returns, starts) > 1.0))


def ranked_expectancy_by_coverage(dataset: Dataset, sizes: np.ndarray) -> float:
    """Multiply `expectancy` by the root of the share of the capital that is used, where the trades earn."""
    expected = expectancy(dataset, sizes)
    return expected * math.sqrt(np.sum(sizes * dataset.stake) / np.sum(dataset.stake)) if expected > 0 else expected


def ranked_total_return(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the compounded return over all days where wealth grows, else as `ranked_log_wealth`."""
    rank = ranked_log_wealth(dataset, sizes)
    return math.expm1(rank) if rank > 0 else rank


def _ranked_growth(dataset: Dataset, sizes: np.ndarray, ratio: Callable[..., float]) -> float:
    returns = daily_returns(dataset, sizes)
    if log_wealth(returns) > 0:
        return ratio(returns, days_per_year=dataset.calendar.days_per_year)
    return ranked_log_wealth(dataset, sizes)


def _capital(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the entry notionals of all trades as a fraction of the whole capital."""
    return float(np.sum(checked_sizes(dataset, sizes) * dataset.stake)) / len(dataset.instance_names)
