"""What a search maximises: ratios where trades earn, money per unit of capital where they lose."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.calendars.trading_days import WEEKDAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.fitness.measures import expectancy, measure, profit_factor
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.significance.bootstrap import lower_bound
from tradesieve.strategies.statistics.daily_returns import calmar, log_wealth, sharpe, ulcer_performance

RANKS = (
    "sortino", "sortino_lower_bound", "sharpe", "calmar", "ulcer_performance", "profit_factor", "expectancy",
    "expectancy_by_coverage", "total_return", "log_wealth", "profitable_weeks",
)  # fmt: skip
COMPOUNDED = ("calmar", "ulcer_performance", "total_return", "log_wealth")


def random_filters(n_trades: int, n: int = 40) -> list[np.ndarray]:
    """Filters without skill, from few trades to most."""
    generator = np.random.default_rng(0)
    return [(generator.random(n_trades) < share).astype(float) for share in np.linspace(0.1, 0.9, n)]


@pytest.mark.parametrize("name", RANKS)
def test_where_filters_lose_the_rank_is_the_money_per_unit_of_capital(trades, name):
    dataset, _ = trades(1000, drift=-0.01)
    filters = random_filters(1000)
    ranks = np.array([fitness_named(name)(dataset, sizes) for sizes in filters])
    if name in COMPOUNDED:
        money = [
            log_wealth(daily_returns(dataset, sizes)) / np.sum(sizes * dataset.stake) for sizes in filters
        ]  # fmt: skip
    else:
        money = [expectancy(dataset, sizes) for sizes in filters]
    assert np.argsort(ranks).tolist() == np.argsort(money).tolist()
    # More risk for the same money is nothing better: the whole is staked twice.
    sizes = filters[20]
    assert fitness_named(name)(dataset, 2 * sizes) <= fitness_named(name)(dataset, sizes) + 1e-12


@pytest.mark.parametrize("name", RANKS)
def test_no_filter_that_loses_ranks_above_one_that_earns(trades, name):
    dataset, scores = trades(600, edge=0.02)
    fitness, ranks = fitness_named(name), {True: [], False: []}
    for sizes in [*random_filters(600), *((scores > cut).astype(float) for cut in np.linspace(0, 0.8, 9))]:
        earns = daily_returns(dataset, sizes).sum() > 0
        if not (name in COMPOUNDED and earns and log_wealth(daily_returns(dataset, sizes)) <= 0):
            ranks[bool(earns)].append(fitness(dataset, sizes))
    assert len(ranks[True]) > 8
    assert len(ranks[False]) > 8
    assert min(ranks[True]) > max(ranks[False])


def test_where_filters_earn_the_rank_is_the_ratio(trades):
    dataset, scores = trades(1000, edge=0.05)
    sizes = (scores > 0.5).astype(float)
    returns = daily_returns(dataset, sizes)
    expected = {
        "sortino": measure(dataset, sizes).sortino,
        "sharpe": sharpe(returns, days_per_year=365.0),
        "calmar": calmar(returns, days_per_year=365.0),
        "ulcer_performance": ulcer_performance(returns, days_per_year=365.0),
        "profit_factor": profit_factor(dataset, sizes),
        "expectancy_by_coverage": expectancy(dataset, sizes) * math.sqrt(np.average(sizes, weights=dataset.stake)),
        "total_return": measure(dataset, sizes).total_return,
        "log_wealth": math.log(1 + measure(dataset, sizes).total_return),
    }
    assert {name: fitness_named(name)(dataset, sizes) for name in expected} == pytest.approx(expected)


def test_the_bound_is_that_of_the_gate_without_its_resamples(trades):
    """Where Student's quantile is the larger one, both are the same number."""
    dataset, scores = trades(1000, edge=0.05)
    for cut in (0.3, 0.5, 0.7):
        sizes = (scores > cut).astype(float)
        bound = fitness_named("sortino_lower_bound")(dataset, sizes)
        resampled = lower_bound(daily_returns(dataset, sizes), days_per_year=365.0, seed=0)
        assert 0 < resampled <= bound + 1e-9
        assert bound == pytest.approx(resampled, rel=0.1)
        assert bound < measure(dataset, sizes).sortino


def test_a_gain_that_is_not_sure_ranks_by_how_far_it_is_from_sure(trades):
    dataset, _ = trades(400)
    fitness, steps = fitness_named("sortino_lower_bound"), np.linspace(-0.002, 0.006, 33)
    centred = dataset.net_return - np.average(dataset.net_return, weights=dataset.stake)
    ranks = [fitness(replace(dataset, net_return=centred + step), np.ones(400)) for step in steps]
    assert np.all(np.diff(ranks) > 0), "more money is always better"
    assert sum(-1 < rank <= 0 for rank in ranks) > 3
    assert max(rank for rank, step in zip(ranks, steps, strict=True) if step < 0) == pytest.approx(-1.00025)
    assert max(np.diff(ranks)[: np.flatnonzero(np.array(ranks) > 0)[0] - 1]) < 0.3, "the order has no gap"


def test_weeks_are_those_of_the_trading_calendar(trades):
    """Two whole weeks of weekdays after a Thursday and a Friday; one earns, one has no trade."""
    dataset, _ = trades(4, n_instances=1, calendar=WEEKDAYS)
    thursday, monday = 0, 4 * DAY
    exits = np.array([thursday + DAY, monday + DAY, monday + 2 * DAY, monday + 9 * DAY])
    dataset = replace(
        dataset,
        decision_time=exits - 1,
        exit_time=exits,
        net_return=np.array([0.01, -0.02, 0.03, 0.0]),
        stake=np.ones(4),
        period=(0, monday + 11 * DAY),
    )
    fitness = fitness_named("profitable_weeks")
    # The week that began before the period, one of a loss and a larger gain, and one of nothing.
    assert fitness(dataset, np.ones(4), minimum_trades=1) == pytest.approx(2 / 3)
    assert fitness(dataset, np.array([0.0, 1, 1, 1]), minimum_trades=1) == pytest.approx(1 / 3)
    assert fitness(dataset, np.array([0.0, 1, 0, 1]), minimum_trades=1) == pytest.approx(-0.01)


def test_what_is_undefined_is_nan(trades):
    dataset, _ = trades(100, n_instances=1)
    ones, winners = np.ones(100), replace(dataset, net_return=np.full(100, 0.01))
    for name in ("sortino", "sortino_lower_bound", "calmar", "ulcer_performance", "profit_factor"):
        assert math.isnan(fitness_named(name)(winners, ones)), f"{name}: nothing is lost"
    ruin = replace(dataset, net_return=np.where(np.arange(100) == 50, -5.0, 0.01))
    for name in ("log_wealth", "calmar", "ulcer_performance"):
        assert math.isnan(fitness_named(name)(ruin, ones)), f"{name}: nothing is left"
    holed = replace(dataset, y=dataset.y)
    assert math.isnan(fitness_named("calmar")(holed, np.zeros(100)))
