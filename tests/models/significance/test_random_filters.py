"""The rotation test: uniform without an edge, small with one, not fooled by regimes, copies or losing markets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness.filtered_returns import daily_returns, excess_effects, improvement_returns
from tradesieve.models.fitness.measures import measure
from tradesieve.models.significance.random_filters import random_filter, rotate, rotation_test
from tradesieve.models.significance.rotation_kernels import rotated_sums_nb, sums_of_sizes_nb
from tradesieve.strategies.statistics.daily_returns import sharpe


def chance(rate: float, n: int) -> float:
    """Return the highest rate that n draws at this rate show in practice: three standard errors above it."""
    return rate + 3 * math.sqrt(rate * (1 - rate) / n)


def test_the_kernel_sums_the_daily_returns(trades):
    dataset, scores = trades()
    day = np.searchsorted(dataset.calendar.days(*dataset.period), dataset.exit_time // DAY)
    capital = dataset.stake / len(dataset.instance_names)
    columns = day, capital * dataset.net_return, capital, excess_effects(dataset)
    total, squared_downside, invested, added, squared_added = sums_of_sizes_nb(*columns, scores, 200)
    returns, improvement = daily_returns(dataset, scores), improvement_returns(dataset, scores)
    assert total == pytest.approx(returns.sum(), rel=1e-12)
    assert squared_downside == pytest.approx(np.sum(np.minimum(returns, 0) ** 2), rel=1e-12)
    assert total / invested == pytest.approx(measure(dataset, scores).expectancy, rel=1e-12)
    assert added == pytest.approx(improvement.sum(), rel=1e-9)
    assert squared_added == pytest.approx(np.sum(improvement**2), rel=1e-12)
    assert sums_of_sizes_nb(*columns, np.full(400, 0.3), 200)[3:] == (0.0, 0.0)


def test_filters_are_compared_by_the_sharpe_ratio_of_what_they_add(trades):
    dataset, scores = trades()
    own = rotate(dataset, scores, n_rotations=1, seed=0).observed
    assert own == pytest.approx(sharpe(improvement_returns(dataset, scores), days_per_year=365.0), rel=1e-9)


def test_rotations_take_the_size_that_is_nearest_to_the_shifted_time():
    generator = np.random.default_rng(1)
    offsets = np.array([0, 20, 21, 21, 40])
    position = np.concatenate([np.sort(generator.random(n)) for n in np.diff(offsets)])
    sizes, effect, day = generator.random(40), generator.standard_normal(40), generator.integers(0, 9, 40)
    capital, excess = generator.random(40), generator.standard_normal(40)
    drawn = rotated_sums_nb(day, effect, capital, excess, sizes, position, offsets, 9, 50, np.random.default_rng(0))
    for shift, sums in zip(np.random.default_rng(0).random(50), drawn, strict=True):
        rotated = np.empty(40)
        for row in range(40):
            group = np.searchsorted(offsets, row, side="right") - 1
            own = np.arange(offsets[group], offsets[group + 1])
            apart = np.abs(position[own] - (position[row] + shift) % 1.0)
            rotated[row] = sizes[own[np.argmin(np.minimum(apart, 1.0 - apart))]]
        assert sums == pytest.approx(sums_of_sizes_nb(day, effect, capital, excess, rotated, 9), rel=1e-12)


def test_p_values_are_uniform_when_the_scores_know_nothing(trades):
    p_values = []
    for seed in range(200):
        # A losing baseline: any filter that trades less loses less.
        dataset, scores = trades(200, seed=seed, n_days=100, drift=-0.005)
        p_values.append(rotation_test(dataset, (scores > 0.6).astype(float), seed=seed, n_rotations=99)[0])
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) <= 0.05) < chance(0.05, 200)


def test_an_edge_is_found(trades):
    dataset, scores = trades(1000, edge=0.05)
    p_value, null = rotation_test(dataset, (scores > 0.6).astype(float), seed=1, n_rotations=499)
    assert p_value < 0.03
    assert null.sortino.shape == (499,)
    assert np.quantile(null.sortino, 0.95) < measure(dataset, scores > 0.6).sortino


def test_rotations_find_an_edge_in_many_instances_of_few_trades(trades):
    dataset, scores = trades(2000, edge=0.05, n_instances=200)
    assert rotation_test(dataset, (scores > 0.6).astype(float), seed=1)[0] < 0.03


def test_taking_every_trade_is_never_significant(trades):
    dataset, _ = trades(edge=0.05)
    assert rotation_test(dataset, np.ones(len(dataset)), seed=1, n_rotations=99)[0] == 1.0


def test_preferring_the_better_strategy_is_not_choosing_its_trades(trades):
    dataset, _ = trades(1000, n_instances=2)
    dataset = replace(dataset, net_return=dataset.net_return + np.where(dataset.instance == 0, 0.01, -0.01))
    sizes = (dataset.instance == 0).astype(float)
    assert rotation_test(dataset, sizes, n_rotations=99, seed=0)[0] == 1.0


def test_regimes_do_not_fool_rotations(trades):
    """Sizes and returns that each persist and are shared across instances, but know nothing of each other."""
    rejected = 0
    for seed in range(120):
        dataset, _ = trades(1000, seed=seed, n_instances=8)
        generator = np.random.default_rng(seed + 10_000)
        day = (dataset.decision_time - dataset.period[0]) // DAY
        season, mood = (np.convolve(generator.standard_normal(240), np.ones(40) / math.sqrt(40), "valid") for _ in "ab")
        dataset = replace(dataset, net_return=dataset.net_return + 0.02 * season[day])
        rejected += rotation_test(dataset, (mood[day] > 0).astype(float), seed=seed, n_rotations=99)[0] <= 0.05
    assert rejected / 120 < chance(0.05, 120)


@pytest.mark.parametrize("drift", [-0.005, 0.0, 0.005])
def test_trading_on_volatile_days_is_no_skill(trades, drift):
    """Their mean is less certain than that of the calm days to which rotations bring the filter.

    By Sortino ratio, and by expectancy where it is below zero, such filters passed 10 % of losing samples and none of
    those that earn.
    """
    rejected = 0
    for seed in range(150):
        dataset, _ = trades(400, seed=seed)
        wild = np.random.default_rng(seed + 99).random(40) < 0.2
        kept = np.repeat(wild, 5)[(dataset.decision_time - dataset.period[0]) // DAY]
        dataset = replace(dataset, net_return=dataset.net_return * np.where(kept, 4.0, 1.0) + drift)
        rejected += rotation_test(dataset, kept.astype(float), seed=seed, n_rotations=99)[0] <= 0.05
    assert 0.01 < rejected / 150 < chance(0.05, 150)


def test_what_a_filter_adds_does_not_depend_on_what_the_rules_earn(trades):
    dataset, scores = trades(1000, edge=0.02)
    sizes = (scores > 0.6).astype(float)
    tested = []
    for drift in (-0.01, 0.0, 0.01):
        drifting = replace(dataset, net_return=dataset.net_return + drift)
        tested.append((rotation_test(drifting, sizes, n_rotations=99, seed=0), improvement_returns(drifting, sizes)))
    for (p_value, rotations), improvement in tested[1:]:
        assert p_value == tested[0][0][0]
        np.testing.assert_allclose(rotations.improvement, tested[0][0][1].improvement, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(improvement, tested[0][1], atol=1e-12)


@pytest.mark.parametrize("n_instances", [1, 6, 50])
def test_copies_of_one_trade_do_not_add_evidence(trades, n_instances):
    """Instances that make the same trades at the same times, as the parameters of one rule do."""
    rejected = 0
    for seed in range(150):
        one, scores = trades(120, seed=seed, n_instances=1, n_days=120)
        rows = np.repeat(np.arange(len(one)), n_instances)
        pooled = replace(
            one.take(rows),
            instance=np.tile(np.arange(n_instances), len(one)),
            instance_names=tuple(f"rule({index})|BTC|1h" for index in range(n_instances)),
        )
        sizes = (scores[rows] > 0.6).astype(float)
        rejected += rotation_test(pooled, sizes, seed=seed, n_rotations=99)[0] <= 0.05
    assert rejected / 150 < chance(0.05, 150)


def test_a_filter_that_loses_more_for_each_unit_of_capital_never_beats_a_random_one(trades):
    """Its Sortino ratio is the better one: it trades little, so its bad days are few."""
    dataset, scores = trades(1000, edge=0.02, drift=-0.01)
    worse = (scores < 0.1).astype(float)
    assert measure(dataset, worse).expectancy < measure(dataset, np.ones(len(dataset))).expectancy
    assert measure(dataset, worse).sortino > measure(dataset, np.ones(len(dataset))).sortino
    p_value, _ = rotation_test(dataset, worse, seed=0)
    assert p_value > 0.9


def test_an_undefined_rank_has_no_p_value(trades):
    dataset, _ = trades()
    assert math.isnan(rotation_test(dataset, np.zeros(len(dataset)), seed=0, n_rotations=9)[0])
    with pytest.raises(BadInput, match="at least 1"):
        rotation_test(dataset, np.ones(len(dataset)), seed=0, n_rotations=0)


def test_without_a_losing_day_what_is_added_is_found(trades):
    """All trades win, so no filter of them has a Sortino ratio; one that knows where they win more is found."""
    dataset, scores = trades(400, n_instances=2)
    winning = replace(dataset, net_return=0.001 + 0.01 * (scores > 0.6) + 0.01 * np.abs(dataset.net_return))
    p_value, null = rotation_test(winning, (scores > 0.6).astype(float), n_rotations=400, seed=0)
    assert np.isnan(null.sortino).all()
    assert p_value < 0.01
    assert rotation_test(winning, np.ones(400), n_rotations=9, seed=0)[0] == 1.0


def test_without_a_losing_day_chance_passes_no_more_often(trades):
    rejected = 0
    for seed in range(200):
        dataset, scores = trades(300, seed=seed, n_instances=6, n_days=100)
        winning = replace(dataset, net_return=np.abs(dataset.net_return))
        rejected += rotation_test(winning, (scores > 0.6).astype(float), n_rotations=99, seed=seed)[0] <= 0.05
    assert rejected / 200 < chance(0.05, 200)


def test_a_rotation_without_a_loss_counts_against_the_filter(trades):
    dataset, _ = trades(60, n_instances=1)
    # One loser, kept by the filter: every rotation that misses it is without a downside, so better than any number.
    dataset = replace(dataset, net_return=np.where(np.arange(60) == 0, -0.01, 0.02))
    p_value, null = rotation_test(dataset, (np.arange(60) < 10).astype(float), n_rotations=400, seed=0)
    assert np.isnan(null.sortino).mean() == pytest.approx(50 / 60, abs=0.08)
    assert p_value > 0.7


def test_the_same_seed_gives_the_same_answer(trades):
    dataset, scores = trades()
    first, again, other = (rotation_test(dataset, scores, n_rotations=50, seed=seed)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.sortino, again.sortino)
    assert not np.array_equal(first.sortino, other.sortino)


def test_random_filters_keep_the_coverage_and_know_nothing(trades):
    dataset, scores = trades(2000, edge=0.05, drift=0.002)
    sizes = (scores > 0.7).astype(float)
    summary = random_filter(dataset, sizes, n_draws=300, seed=0)
    assert summary.coverage == measure(dataset, sizes).coverage
    assert summary.sortino_low < summary.sortino < summary.sortino_high < measure(dataset, sizes).sortino
    generator = np.random.default_rng(0)
    by_hand = [measure(dataset, generator.permutation(sizes)) for _ in range(200)]
    assert summary.sortino == pytest.approx(np.median([each.sortino for each in by_hand]), abs=1.0)
    assert summary.expectancy == pytest.approx(np.median([each.expectancy for each in by_hand]), abs=0.0005)
    nothing = random_filter(dataset, sizes * 0, n_draws=10, seed=0)
    assert nothing.as_dict() | {"n_draws": 10, "coverage": 0.0} == nothing.as_dict()
    assert (nothing.as_dict()["sortino"], nothing.as_dict()["expectancy"]) == (None, None)
