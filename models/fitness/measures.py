"""Measures of filtered trades, for tables and pages; what a search maximises is `models.fitness.registry`.

NaN rules: an undefined ratio (no downside, no variance, fewer than two days, no trade kept) is NaN. NaN in returns
makes every ratio NaN.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import checked_sizes, daily_returns, effective_trades
from tradesieve.models.json_values import json_safe
from tradesieve.strategies.statistics.daily_returns import equity, max_drawdown, sharpe, sortino


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
        win_rate=win_rate(dataset, sizes),
        expectancy=expectancy(dataset, sizes),
        profit_factor=profit_factor(dataset, sizes),
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
            line[f"{label}_win_rate"] = win_rate(own, kept)
            line[f"{label}_expectancy"] = expectancy(own, kept)
        table.append(json_safe(line))
    return table


def _sortino(dataset: Dataset, sizes: np.ndarray) -> float:
    return sortino(daily_returns(dataset, sizes), days_per_year=dataset.calendar.days_per_year)


def _by_capital(dataset: Dataset, sizes: np.ndarray, values: np.ndarray) -> float:
    capital = sizes * dataset.stake
    total = float(capital.sum())
    return float(np.sum(capital * values)) / total if total > 0 else math.nan


def win_rate(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the share of the capital in trades with a net return above zero; NaN without capital."""
    return _by_capital(dataset, sizes, dataset.net_return > 0)


def expectancy(dataset: Dataset, sizes: np.ndarray) -> float:
    """Return the net return per unit of capital; NaN without capital."""
    return _by_capital(dataset, sizes, dataset.net_return)


def profit_factor(dataset: Dataset, sizes: np.ndarray) -> float:
    """Divide the capital won by winners by the capital lost by losers; NaN without a loser."""
    effect = sizes * dataset.stake * dataset.net_return
    won, lost = float(np.sum(effect[effect > 0])), -float(np.sum(effect[effect < 0]))
    return won / lost if lost > 0 else math.nan
