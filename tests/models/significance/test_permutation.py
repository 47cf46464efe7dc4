"""Permutation and rotation tests: uniform without an edge, small with one, and not fooled by regimes."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness import daily_returns, measure
from tradesieve.models.significance.permutation import permutation_test, random_filter, rotation_test
from tradesieve.models.significance.resampling_kernels import (
    rotated_sortinos_nb,
    shuffled_sortinos_nb,
    sortino_of_sizes_nb,
)
from tradesieve.strategies.statistics.daily_returns import sortino

TESTS = [permutation_test, rotation_test]


def draws(test, n):
    return {"n_permutations" if test is permutation_test else "n_rotations": n}


def test_the_kernel_is_the_sortino_of_the_daily_returns(trades):
    dataset, scores = trades()
    day = np.searchsorted(dataset.calendar.days(*dataset.period), dataset.exit_time // DAY)
    effect = dataset.stake * dataset.net_return / len(dataset.instance_names)
    kernel = sortino_of_sizes_nb(day, effect, scores, 200)
    assert kernel == pytest.approx(sortino(daily_returns(dataset, scores), days_per_year=1), rel=1e-12)


def test_shuffles_place_every_size_anywhere_in_its_group_equally_often():
    # Two groups of rows with gains 1, 2, 4, 8 and 16, 32; a seventh row loses 1 on a day of its own, always kept.
    drawn = shuffled_sortinos_nb(
        np.array([0, 0, 0, 0, 0, 0, 1]),
        np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, -1.0]),
        np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
        np.array([0, 4, 6, 7]),
        2,
        4000,
        np.random.default_rng(0),
    )
    sums, counts = np.unique(np.round(drawn * math.sqrt(2) + 1), return_counts=True)
    np.testing.assert_array_equal(sums, [17, 18, 20, 24, 33, 34, 36, 40])
    assert stats.chisquare(counts).pvalue > 0.001


def test_rotations_take_the_size_that_is_nearest_to_the_shifted_time():
    generator = np.random.default_rng(1)
    offsets = np.array([0, 20, 21, 21, 40])
    position = np.concatenate([np.sort(generator.random(n)) for n in np.diff(offsets)])
    sizes, effect, day = generator.random(40), generator.standard_normal(40), generator.integers(0, 9, 40)
    drawn = rotated_sortinos_nb(day, effect, sizes, position, offsets, 9, 50, np.random.default_rng(0))
    for shift, sortino_drawn in zip(np.random.default_rng(0).random(50), drawn, strict=True):
        rotated = np.empty(40)
        for row in range(40):
            group = np.searchsorted(offsets, row, side="right") - 1
            own = np.arange(offsets[group], offsets[group + 1])
            apart = np.abs(position[own] - (position[row] + shift) % 1.0)
            rotated[row] = sizes[own[np.argmin(np.minimum(apart, 1.0 - apart))]]
        assert sortino_drawn == pytest.approx(sortino_of_sizes_nb(day, effect, rotated, 9), rel=1e-12)


@pytest.mark.parametrize("test", TESTS)
def test_p_values_are_uniform_when_the_scores_know_nothing(trades, test):
    p_values = []
    for seed in range(200):
        # A losing baseline: any filter that trades less looks better than it.
        dataset, scores = trades(200, seed=seed, n_days=100, drift=-0.005)
        p_values.append(test(dataset, (scores > 0.6).astype(float), seed=seed, **draws(test, 99))[0])
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) <= 0.05) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize("test", TESTS)
def test_an_edge_is_found(trades, test):
    dataset, scores = trades(1000, edge=0.05)
    p_value, null = test(dataset, (scores > 0.6).astype(float), seed=1, **draws(test, 499))
    # A rotation by almost nothing is almost the filter itself, so rotating needs a little more.
    assert p_value < (0.003 if test is permutation_test else 0.03)
    assert null.shape == (499,)
    assert np.quantile(null, 0.95) < measure(dataset, scores > 0.6).sortino


def test_rotations_find_an_edge_in_many_instances_of_few_trades(trades):
    dataset, scores = trades(2000, edge=0.05, n_instances=200)
    assert rotation_test(dataset, (scores > 0.6).astype(float), seed=1)[0] < 0.03


@pytest.mark.parametrize("test", TESTS)
def test_taking_every_trade_is_never_significant(trades, test):
    dataset, _ = trades(edge=0.05)
    assert test(dataset, np.ones(len(dataset)), seed=1, **draws(test, 99))[0] == 1.0


def test_preferring_the_better_strategy_is_not_choosing_its_trades(trades):
    dataset, _ = trades(1000, n_instances=2)
    dataset = replace(dataset, net_return=dataset.net_return + np.where(dataset.instance == 0, 0.01, -0.01))
    sizes = (dataset.instance == 0).astype(float)
    assert permutation_test(dataset, sizes, n_permutations=99, seed=0)[0] == 1.0


def test_regimes_fool_shuffling_but_not_rotating(trades):
    """Sizes and returns that each persist and are shared across instances, but know nothing of each other."""
    rejected = dict.fromkeys(TESTS, 0)
    for seed in range(120):
        dataset, _ = trades(1000, seed=seed, n_instances=8)
        generator = np.random.default_rng(seed + 10_000)
        day = (dataset.decision_time - dataset.period[0]) // DAY
        season, mood = (np.convolve(generator.standard_normal(240), np.ones(40) / math.sqrt(40), "valid") for _ in "ab")
        dataset = replace(dataset, net_return=dataset.net_return + 0.02 * season[day])
        for test in TESTS:
            rejected[test] += test(dataset, (mood[day] > 0).astype(float), seed=seed, **draws(test, 99))[0] <= 0.05
    assert rejected[permutation_test] > 0.15 * 120
    assert rejected[rotation_test] < (0.05 + 3 * math.sqrt(0.05 * 0.95 / 120)) * 120


@pytest.mark.parametrize("test", TESTS)
def test_an_undefined_sortino_has_no_p_value(trades, test):
    dataset, _ = trades()
    assert math.isnan(test(dataset, np.zeros(len(dataset)), seed=0, **draws(test, 9))[0])
    with pytest.raises(BadInput, match="at least 1"):
        test(dataset, np.ones(len(dataset)), seed=0, **draws(test, 0))


def test_a_shuffle_without_a_loss_counts_against_the_filter(trades):
    dataset, _ = trades(60, n_instances=1)
    # One loser, kept by the filter: every shuffle that misses it is without a downside, so better than any number.
    dataset = replace(dataset, net_return=np.where(np.arange(60) == 0, -0.01, 0.02))
    p_value, null = permutation_test(dataset, (np.arange(60) < 10).astype(float), n_permutations=400, seed=0)
    assert np.isnan(null).mean() == pytest.approx(50 / 60, abs=0.06)
    assert p_value > 0.75


def test_the_same_seed_gives_the_same_answer(trades):
    dataset, scores = trades()
    first, again, other = (permutation_test(dataset, scores, n_permutations=50, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_random_filters_keep_the_coverage_and_know_nothing(trades):
    dataset, scores = trades(2000, edge=0.05, drift=0.002)
    sizes = (scores > 0.7).astype(float)
    summary = random_filter(dataset, sizes, n_draws=300, seed=0)
    assert summary.coverage == measure(dataset, sizes).coverage
    assert summary.sortino_low < summary.sortino < summary.sortino_high < measure(dataset, sizes).sortino
    generator = np.random.default_rng(0)
    by_hand = [measure(dataset, generator.permutation(sizes)).sortino for _ in range(200)]
    assert summary.sortino == pytest.approx(np.median(by_hand), abs=0.5)
    nothing = random_filter(dataset, sizes * 0, n_draws=10, seed=0)
    assert nothing.as_dict() | {"n_draws": 10, "coverage": 0.0} == nothing.as_dict()
    assert nothing.as_dict()["sortino"] is None


def test_two_thousand_permutations_of_ten_thousand_trades_take_a_second(trades):
    dataset, scores = trades(10_000, n_days=400)
    permutation_test(dataset, scores, n_permutations=1, seed=0)
    started = time.perf_counter()
    permutation_test(dataset, (scores > 0.5).astype(float), n_permutations=2000, seed=0)
    assert time.perf_counter() - started < 4
