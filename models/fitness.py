"""Fitness: daily returns of filtered trades, and their Sortino ratio and other measures.

Daily returns are those of `strategies.statistics.daily_returns`, with each trade multiplied by its size. Days without
exits count as zero, for the baseline (sizes of ones) and for the filtered trades alike, so both are judged over the
same calendar. Every measure weighs a trade by its capital, which is size x stake.

NaN rules: an undefined ratio (no downside, no variance, fewer than two days, no trade kept) is NaN. NaN in returns
makes every ratio NaN. NaN in sizes or trades is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput, lookup
from tradesieve.models.dataset import Dataset
from tradesieve.models.json_values import json_safe
from tradesieve.strategies.statistics.daily_returns import (
    capital_effect,
    equity,
    exit_days,
    max_drawdown,
    sharpe,
    sortino,
)
from tradesieve.strategies.statistics.daily_returns import ranked_sortino as daily_ranked_sortino

MINIMUM_TRADES = 30
"""With fewer effective trades a fitness is NaN: a ratio of a handful of trades is an accident."""


def daily_returns(dataset: Dataset, sizes: np.ndarray) -> np.ndarray:
    """Sum the effects on capital by the trading day of the exit.

    An exit on a day without trading counts on the next trading day, or on the last one when none follows.

    Parameters
    ----------
    sizes : float (n_trades,), finite, at least 0: multiples of each row's stake. 0 refuses the trade. Negative sizes
        are not allowed, because they would turn costs into gains.

    Returns
    -------
    float64 (n_days,), for each trading day in ``dataset.period``, as a fraction of the whole capital.

    Raises
    ------
    BadInput : if `sizes` has another shape or a value that is not allowed, or if no day of the period trades.
    BadData : if a row ends before the period, or its outcome or stake is not finite.
    """
    sizes = checked_sizes(dataset, sizes)
    day, effect, n_days = capital_effects(dataset)
    return np.bincount(day, weights=sizes * effect, minlength=n_days)


def capital_effects(dataset: Dataset) -> tuple[np.ndarray, np.ndarray, int]:
    """Locate each exit among the trading days and compute its effect on capital at size one.

    Returns
    -------
    day : int64 (n_trades,), position of the exit in the period's trading days.
    effect : float64 (n_trades,), stake x net_return x share of the instance.
    n_days : the number of trading days in the period.

    Raises
    ------
    BadInput, BadData : as `daily_returns`.
    """
    day, n_days = exit_days(dataset.exit_time, period=dataset.period, calendar=dataset.calendar)
    effect = capital_effect(dataset.stake, dataset.net_return, n_instances=len(dataset.instance_names))
    return day, effect, n_days


def checked_sizes(dataset: Dataset, sizes: np.ndarray) -> np.ndarray:
    """Return `sizes` as float64, or refuse them.

    Raises
    ------
    BadInput : if there is not one size a row, or a size is negative, NaN or infinite.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    if sizes.shape != (len(dataset),):
        raise BadInput(f"sizes has shape {sizes.shape}, expected {(len(dataset),)}: one for each trade")
    # NaN compares false, so it is caught here too.
    allowed = (sizes >= 0) & (sizes < np.inf)
    if not allowed.all():
        row = int(np.argmin(allowed))
        raise BadInput(f"sizes[{row}] is {sizes[row]}: a size is a finite number of at least 0")
    return sizes


def check_finite(name: str, values: np.ndarray) -> None:
    """Refuse values that are not finite.

    Raises
    ------
    BadInput : with the position of the first such value.
    """
    if not np.all(np.isfinite(values)):
        raise BadInput(f"{name} has a value that is not finite at {np.argwhere(~np.isfinite(values))[0].tolist()}")


def effective_number(weights: np.ndarray) -> float:
    """Count what carries the weight: ``sum(w) ** 2 / sum(w ** 2)`` (Kish, 1965, Survey Sampling).

    Equal weights count fully; one large weight beside many tiny ones counts as one.

    Parameters
    ----------
    weights : float (n,), finite, at least 0.

    Returns
    -------
    Between 1 and n; 0 if no weight is above zero.

    Examples
    --------
    >>> effective_number(np.array([1.0, 1.0, 0.0])), round(effective_number(np.array([1.0] + [1e-9] * 29)), 6)
    (2.0, 1.0)
    """
    largest = weights.max(initial=0.0)
    if largest == 0:
        return 0.0
    scaled = weights / largest  # squares of tiny weights would underflow
    return float(scaled.sum() ** 2 / np.sum(scaled**2))


def effective_trades(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the effective number of trades, weighted by capital."""
    return effective_number(checked_sizes(dataset, sizes) * dataset.stake)


def effective_days(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the effective number of days on which trades exit, weighted by the capital of their trades."""
    day, _, n_days = capital_effects(dataset)
    return effective_number(np.bincount(day, weights=checked_sizes(dataset, sizes) * dataset.stake, minlength=n_days))


def excess_effects(dataset: Dataset) -> np.ndarray:
    """Return the effect on capital of each trade at size one beyond that of the average trade: float64 (n_trades,).

    The average weighs trades by their capital, so the effects sum to zero.
    """
    capital = dataset.stake / len(dataset.instance_names)
    whole = float(np.sum(capital))
    average = float(np.sum(capital * dataset.net_return)) / whole if whole > 0 else 0.0
    return capital * (dataset.net_return - average)


def improvement_returns(dataset: Dataset, sizes: np.ndarray) -> np.ndarray:
    """Compute what the filter adds each day to the same capital spread evenly over every trade.

    1. Take from each trade's size the share of the capital that the filter uses: what it invests more or less in this
       trade.
    2. Multiply it by what the trade earned more or less than the average trade, and sum by the day of the exit.

    Over all days this is the return at `sizes` less the return of the same capital in every trade. So trading less adds
    nothing by itself, neither when trades win nor when they lose, and neither does a day of many trades.

    Returns
    -------
    float64 (n_days,).

    Raises
    ------
    BadInput, BadData : as `daily_returns`.
    """
    sizes = checked_sizes(dataset, sizes)
    day, _, n_days = capital_effects(dataset)
    capital = float(np.sum(dataset.stake))
    share = float(np.sum(sizes * dataset.stake)) / capital if capital > 0 else 0.0
    return np.bincount(day, weights=(sizes - share) * excess_effects(dataset), minlength=n_days)


@dataclass(frozen=True)
class Measures:
    """Measures of the trades at given sizes, each weighted by its capital. A trade is kept if its size is above zero.

    Parameters
    ----------
    sortino, sharpe : annualised, of the daily returns.
    n_trades : kept trades.
    effective_trades : of them, those that carry the capital, see `effective_number`.
    coverage : kept trades as a fraction of all.
    win_rate : share of the capital in trades with a net return above zero.
    expectancy : net return per unit of capital.
    profit_factor : capital won by winners over capital lost by losers; NaN without a loser.
    max_drawdown, total_return : of the compounded daily returns.
    turnover : entry notional per year, as a multiple of the whole capital.
    """

    sortino: float
    sharpe: float
    n_trades: int
    effective_trades: float
    coverage: float
    win_rate: float
    expectancy: float
    profit_factor: float
    max_drawdown: float
    total_return: float
    turnover: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the measures ready for JSON, with None for NaN."""
        return json_safe(asdict(self))


def measure(dataset: Dataset, sizes: np.ndarray) -> Measures:
    """Measure the trades at these sizes; sizes of ones are the unfiltered baseline.

    Raises
    ------
    BadInput, BadData : as `daily_returns`.
    """
    sizes = checked_sizes(dataset, sizes)
    returns = daily_returns(dataset, sizes)
    per_year = dataset.calendar.days_per_year
    notional = float(np.sum(sizes * dataset.stake)) / len(dataset.instance_names)
    return Measures(
        sortino=sortino(returns, days_per_year=per_year),
        sharpe=sharpe(returns, days_per_year=per_year),
        n_trades=int(np.count_nonzero(sizes)),
        effective_trades=effective_trades(dataset, sizes),
        coverage=float(np.count_nonzero(sizes) / len(sizes)) if len(sizes) else math.nan,
        win_rate=_win_rate(dataset, sizes),
        expectancy=_expectancy(dataset, sizes),
        profit_factor=_profit_factor(dataset, sizes),
        max_drawdown=max_drawdown(returns),
        total_return=float(equity(returns)[-1]) - 1.0,
        turnover=notional / len(returns) * per_year,
    )


def measure_by_instance(dataset: Dataset, sizes: np.ndarray) -> list[dict[str, Any]]:
    """Measure the baseline and the filtered trades of every strategy instance, each on its own capital.

    Returns
    -------
    One flat, JSON-safe dict (None for NaN) for each of ``instance_names``, in their order: ``instance``, then
    ``baseline_*`` and ``filtered_*`` of ``sortino``, ``n_trades``, ``win_rate`` and ``expectancy``.
    """
    sizes = checked_sizes(dataset, sizes)
    order, offsets = dataset.by_instance()
    table = []
    for index, name in enumerate(dataset.instance_names):
        rows = order[offsets[index] : offsets[index + 1]]
        own = dataset.take(rows)
        line: dict[str, Any] = {"instance": name}
        for label, kept in (("baseline", np.ones(len(rows))), ("filtered", sizes[rows])):
            line[f"{label}_sortino"] = _sortino(own, kept)
            line[f"{label}_n_trades"] = int(np.count_nonzero(kept))
            line[f"{label}_win_rate"] = _win_rate(own, kept)
            line[f"{label}_expectancy"] = _expectancy(own, kept)
        table.append(json_safe(line))
    return table


def _sortino(dataset: Dataset, sizes: np.ndarray) -> float:
    return sortino(daily_returns(dataset, sizes), days_per_year=dataset.calendar.days_per_year)


def _sharpe(dataset: Dataset, sizes: np.ndarray) -> float:
    return sharpe(daily_returns(dataset, sizes), days_per_year=dataset.calendar.days_per_year)


def _by_capital(dataset: Dataset, sizes: np.ndarray, values: np.ndarray) -> float:
    capital = sizes * dataset.stake
    total = float(capital.sum())
    return float(np.sum(capital * values)) / total if total > 0 else math.nan


def _win_rate(dataset: Dataset, sizes: np.ndarray) -> float:
    return _by_capital(dataset, sizes, dataset.net_return > 0)


def _expectancy(dataset: Dataset, sizes: np.ndarray) -> float:
    return _by_capital(dataset, sizes, dataset.net_return)


def _profit_factor(dataset: Dataset, sizes: np.ndarray) -> float:
    effect = sizes * dataset.stake * dataset.net_return
    won, lost = float(np.sum(effect[effect > 0])), -float(np.sum(effect[effect < 0]))
    return won / lost if lost > 0 else math.nan


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


def _expectancy_by_coverage(dataset: Dataset, sizes: np.ndarray) -> float:
    """Multiply the net return per unit of capital by the root of the share of the capital that is used."""
    capital = float(np.sum(dataset.stake))
    used = float(np.sum(sizes * dataset.stake)) / capital if capital > 0 else 0.0
    return _expectancy(dataset, sizes) * math.sqrt(used)


def _total_return(dataset: Dataset, sizes: np.ndarray) -> float:
    return float(equity(daily_returns(dataset, sizes))[-1]) - 1.0


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
        Fitness("sharpe", _sharpe),
        Fitness("expectancy", _expectancy),
        Fitness("profit_factor", _profit_factor),
        Fitness("expectancy_by_coverage", _expectancy_by_coverage),
        Fitness("total_return", _total_return),
    )
}


def fitness_named(name: str) -> Fitness:
    """Return the fitness of this name.

    Raises
    ------
    Unknown : if there is no such fitness.
    """
    return lookup("fitness", name, FITNESS)
