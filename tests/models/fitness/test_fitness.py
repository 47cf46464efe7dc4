from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from tradesieve.market.calendars.trading_days import NEW_YORK, WEEKDAYS
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import daily_returns, improvement_returns
from tradesieve.models.fitness.measures import measure, measure_by_instance
from tradesieve.models.fitness.ranks import ranked_sortino
from tradesieve.models.fitness.registry import FITNESS, Fitness, fitness_named
from tradesieve.strategies.statistics.daily_returns import equity, max_drawdown, sharpe, sortino


def slow_daily_returns(dataset: Dataset, sizes: np.ndarray) -> np.ndarray:
    """The definition, word for word: each day adds up what exits on it, or before it on a day that does not trade."""
    days = dataset.calendar.days(*dataset.period).tolist()
    returns = [0.0] * len(days)
    for row in range(len(dataset)):
        exit_day = int(dataset.exit_time[row]) // DAY
        later = [day for day in days if day >= exit_day]
        share = 1 / len(dataset.instance_names)
        effect = sizes[row] * dataset.stake[row] * dataset.net_return[row] * share
        returns[days.index(later[0]) if later else len(days) - 1] += effect
    return np.array(returns)


@pytest.mark.parametrize("calendar", [WEEKDAYS, NEW_YORK], ids=lambda calendar: calendar.name)
def test_daily_returns_are_their_definition(trades, calendar):
    dataset, scores = trades(calendar=calendar)
    np.testing.assert_allclose(daily_returns(dataset, scores), slow_daily_returns(dataset, scores), atol=1e-15)


def test_an_exit_on_a_weekend_counts_on_monday_and_the_last_one_on_the_last_day(trades):
    dataset, _ = trades(2, n_instances=1, calendar=WEEKDAYS)
    saturday = 2 * DAY  # 1970-01-01 was a Thursday
    dataset = replace(
        dataset,
        decision_time=np.array([0, 1]),
        exit_time=np.array([saturday + 5, saturday + 7 * DAY]),
        net_return=np.array([0.01, 0.02]),
        stake=np.ones(2),
        period=(0, saturday + 7 * DAY),
    )
    # Thursday, Friday, then Monday to Friday; the second Saturday has no Monday left in the period.
    np.testing.assert_allclose(daily_returns(dataset, np.ones(2)), [0, 0, 0.01, 0, 0, 0, 0.02])


def test_instances_without_a_trade_hold_their_share_of_the_capital(trades):
    dataset, _ = trades(n_instances=2)
    with_idle = replace(dataset, instance_names=(*dataset.instance_names, "idle|S8|1h", "idle|S9|1h"))
    ones = np.ones(len(dataset))
    np.testing.assert_allclose(daily_returns(with_idle, ones), daily_returns(dataset, ones) / 2, atol=1e-15)


@pytest.mark.parametrize("wrong", [-0.1, np.nan, np.inf])
def test_a_size_that_is_no_size_is_refused_with_its_row(trades, wrong):
    dataset, _ = trades()
    sizes = np.ones(len(dataset))
    sizes[7] = wrong
    with pytest.raises(BadInput, match=r"sizes\[7\]"):
        daily_returns(dataset, sizes)
    with pytest.raises(BadInput, match="one for each trade"):
        daily_returns(dataset, np.ones(3))


def test_bad_trades_are_refused_with_their_row(trades):
    dataset, _ = trades()
    ones = np.ones(len(dataset))
    holed = dataset.net_return.copy()
    holed[5] = np.nan
    with pytest.raises(BadData, match="row 5 has stake"):
        daily_returns(replace(dataset, net_return=holed), ones)
    with pytest.raises(BadData, match=r"row 0 exits at .*, before its period"):
        daily_returns(replace(dataset, period=(dataset.period[1] - DAY, dataset.period[1])), ones)
    with pytest.raises(BadInput, match="no day"):
        daily_returns(replace(dataset, calendar=WEEKDAYS, period=(2 * DAY, 3 * DAY)), ones)


def test_ratios_follow_their_formulas():
    returns = np.array([0.02, -0.01, 0.01, 0.0])
    assert sortino(returns, days_per_year=365) == pytest.approx(0.005 / math.sqrt(0.0001 / 4) * math.sqrt(365))
    assert sharpe(returns, days_per_year=252) == pytest.approx(0.005 / np.std(returns, ddof=1) * math.sqrt(252))
    assert sortino(returns, days_per_year=1, minimum_return=0.005) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("ratio", [sortino, sharpe])
def test_undefined_ratios_are_nan_and_never_a_number(ratio):
    for returns in ([], [0.1], [0.1, 0.1, 0.1], [0.0, 0.0], [0.1, np.nan, -0.1]):
        assert math.isnan(ratio(np.array(returns), days_per_year=365))
    for days_per_year in (0, -1, math.nan, math.inf):
        with pytest.raises(BadInput, match="days_per_year"):
            ratio(np.array([0.1, -0.1]), days_per_year=days_per_year)


def test_a_lost_capital_stays_lost():
    returns = np.array([0.5, -1.5, 3.0])
    np.testing.assert_array_equal(equity(returns), [1.5, 0.0, 0.0])
    assert max_drawdown(returns) == -1.0
    assert max_drawdown(np.array([-0.1, 0.5])) == pytest.approx(-0.1), "the start is a peak"
    assert max_drawdown(np.array([0.1, 0.2])) == 0.0
    assert math.isnan(max_drawdown(np.array([])))


def test_measures_of_a_table_worked_by_hand(trades):
    dataset, _ = trades(4, n_instances=2, n_days=10)
    dataset = replace(dataset, net_return=np.array([0.02, -0.01, 0.04, -0.09]), stake=np.array([0.5, 1.0, 1.0, 1.0]))
    measures = measure(dataset, np.array([1.0, 1.0, 0.5, 0.0]))
    assert (measures.n_trades, measures.coverage) == (3, 0.75)
    # Capital 0.5, 1 and 0.5: size times stake.
    assert measures.win_rate == pytest.approx((0.5 + 0.5) / 2)
    assert measures.expectancy == pytest.approx((0.5 * 0.02 - 0.01 + 0.5 * 0.04) / 2)
    assert measures.effective_trades == pytest.approx(2**2 / 1.5)
    assert measures.profit_factor == pytest.approx((0.01 + 0.02) / 0.01)
    assert measures.turnover == pytest.approx((0.5 + 1.0 + 0.5) / 2 / 10 * 365)
    returns = daily_returns(dataset, np.array([1.0, 1.0, 0.5, 0.0]))
    assert measures.total_return == pytest.approx(np.prod(1 + returns) - 1)
    assert measures.sortino == pytest.approx(sortino(returns, days_per_year=365))


def test_measures_of_nothing_kept_are_none_in_json(trades):
    dataset, _ = trades()
    as_dict = measure(dataset, np.zeros(len(dataset))).as_dict()
    assert json.loads(json.dumps(as_dict, allow_nan=False)) == as_dict
    assert (as_dict["n_trades"], as_dict["sortino"], as_dict["win_rate"], as_dict["total_return"]) == (
        0,
        None,
        None,
        0.0,
    )


@pytest.mark.parametrize("name", sorted(FITNESS))
def test_every_fitness_needs_its_minimum_of_trades_and_sees_an_edge(trades, name):
    dataset, scores = trades(edge=0.05)
    dataset = replace(dataset, stake=np.ones(len(dataset)))
    fitness = fitness_named(name)
    best_29, best_30 = (scores >= np.sort(scores)[-n] for n in (29, 30))
    assert math.isnan(fitness(dataset, best_29))
    assert math.isfinite(fitness(dataset, best_30))
    assert math.isfinite(fitness(dataset, best_29, minimum_trades=29))
    assert fitness(dataset, scores > 0.7) > fitness(dataset, np.ones(len(dataset))) > fitness(dataset, scores < 0.3)


def test_among_losing_filters_the_rank_follows_the_money_not_the_risk(trades):
    """Ranked by the Sortino ratio, losing filters rise with risk and with trading less."""
    dataset, _ = trades(1000, drift=-0.01)
    generator = np.random.default_rng(0)
    filters = [(generator.random(1000) < share).astype(float) for share in np.linspace(0.1, 0.9, 60)]
    measured = [measure(dataset, sizes) for sizes in filters]
    ranks = [ranked_sortino(dataset, sizes) for sizes in filters]
    assert max(ranks) < 0
    np.testing.assert_allclose(ranks, [each.expectancy for each in measured])
    coverage = [each.coverage for each in measured]
    assert spearmanr([each.sortino for each in measured], coverage).statistic < -0.9
    assert abs(spearmanr(ranks, coverage).statistic) < 0.4


def test_the_rank_is_the_sortino_ratio_where_trades_earn(trades):
    dataset, scores = trades(1000, edge=0.05)
    assert ranked_sortino(dataset, scores > 0.6) == pytest.approx(measure(dataset, scores > 0.6).sortino)


def test_what_a_filter_adds_does_not_come_from_trading_less(trades):
    for drift in (-0.01, 0.01):
        dataset, scores = trades(2000, drift=drift)
        for sizes in (np.full(2000, 0.3), np.ones(2000), np.zeros(2000)):
            np.testing.assert_allclose(improvement_returns(dataset, sizes), 0.0, atol=1e-12)
        added = [improvement_returns(dataset, (scores > keep).astype(float)).sum() for keep in (0.2, 0.5, 0.8)]
        baseline = abs(daily_returns(dataset, np.ones(2000)).sum())
        assert max(np.abs(added)) < 0.1 * baseline


def test_a_fitness_of_ones_own_and_a_typo(trades):
    dataset, _ = trades()
    total = Fitness("total", lambda dataset, sizes: float(np.sum(dataset.net_return * sizes)))
    assert total(dataset, np.ones(len(dataset))) == pytest.approx(dataset.net_return.sum())
    with pytest.raises(Unknown, match="'sortino'"):
        fitness_named("sortnio")


def test_each_instance_is_measured_on_its_own_trades(trades):
    dataset, scores = trades(n_instances=3)
    dataset = replace(dataset, instance_names=(*dataset.instance_names, "idle|S9|1h"))
    sizes = (scores > 0.5).astype(float)
    table = measure_by_instance(dataset, sizes)
    assert [line["instance"] for line in table] == list(dataset.instance_names)
    for index, line in enumerate(table[:3]):
        own = dataset.take(dataset.instance == index)
        measures = measure(own, sizes[dataset.instance == index])
        assert line["filtered_sortino"] == pytest.approx(measures.sortino)
        assert line["filtered_n_trades"] == measures.n_trades
        assert line["baseline_win_rate"] == pytest.approx(measure(own, np.ones(len(own))).win_rate)
    assert table[3]["baseline_n_trades"] == 0
    assert table[3]["baseline_sortino"] is None


def test_daily_returns_of_50_000_trades_take_milliseconds(trades):
    dataset, scores = trades(50_000, n_days=2000)
    daily_returns(dataset, scores)
    started = time.perf_counter()
    for _ in range(20):
        daily_returns(dataset, scores)
    assert (time.perf_counter() - started) / 20 < 0.02
