"""Fitness: daily returns of filtered trades, and their Sortino ratio and other measures.

Daily returns are those of `strategies.statistics.daily_returns`, with each trade multiplied by its size. Days without
exits count as zero, for the baseline (sizes of ones) and for the filtered trades alike, so both are judged over the
same calendar.

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

MINIMUM_TRADES = 30
"""With fewer kept trades a fitness is NaN: a ratio of a handful of trades is an accident."""


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


@dataclass(frozen=True)
class Measures:
    """Measures of the trades at given sizes. A trade is kept when its size is above zero.

    Parameters
    ----------
    sortino, sharpe : annualised, of the daily returns.
    n_trades : kept trades.
    coverage : kept trades as a fraction of all.
    win_rate : fraction of the kept trades with a net return above zero.
    expectancy : mean net return of the kept trades, as a fraction of entry notional, regardless of size.
    profit_factor : capital won by winners over capital lost by losers; NaN without a loser.
    max_drawdown, total_return : of the compounded daily returns.
    turnover : entry notional per year, as a multiple of the whole capital.
    """

    sortino: float
    sharpe: float
    n_trades: int
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


def _win_rate(dataset: Dataset, sizes: np.ndarray) -> float:
    kept = dataset.net_return[sizes > 0]
    return float(np.mean(kept > 0)) if len(kept) else math.nan


def _expectancy(dataset: Dataset, sizes: np.ndarray) -> float:
    kept = dataset.net_return[sizes > 0]
    return float(np.mean(kept)) if len(kept) else math.nan


def _profit_factor(dataset: Dataset, sizes: np.ndarray) -> float:
    effect = sizes * dataset.stake * dataset.net_return
    won, lost = float(np.sum(effect[effect > 0])), -float(np.sum(effect[effect < 0]))
    return won / lost if lost > 0 else math.nan


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
        """Compute the fitness; NaN when fewer than `minimum_trades` trades are kept.

        Raises
        ------
        BadInput, BadData : as `daily_returns`.
        """
        sizes = checked_sizes(dataset, sizes)
        if np.count_nonzero(sizes) < minimum_trades:
            return math.nan
        return self.statistic(dataset, sizes)


FITNESS: dict[str, Fitness] = {
    fitness.name: fitness
    for fitness in (
        Fitness("sortino", _sortino),
        Fitness("sharpe", _sharpe),
        Fitness("expectancy", _expectancy),
        Fitness("profit_factor", _profit_factor),
    )
}


def fitness_named(name: str) -> Fitness:
    """Return the fitness of this name.

    Raises
    ------
    Unknown : if there is no such fitness.
    """
    return lookup("fitness", name, FITNESS)
