from __future__ import annotations

import math
import time
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness import daily_returns, measure, sharpe, sortino
from tradesieve.models.significance.bootstrap_kernels import (
    rotated_sortinos_nb,
    shuffled_sortinos_nb,
    sortino_of_sizes_nb,
)
from tradesieve.models.significance.overfitting import deflated_sharpe_of_moments, expected_best_sharpe
from tradesieve.models.significance.permutation import (
    bootstrap_lower_bounds,
    deflated_sharpe,
    permutation_test,
    probability_of_overfitting,
    random_filter,
    rotation_test,
)

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
    borders = np.array([0, 20, 21, 21, 40])
    moment = np.concatenate([np.sort(generator.random(n)) for n in np.diff(borders)])
    sizes, effect, day = generator.random(40), generator.standard_normal(40), generator.integers(0, 9, 40)
    drawn = rotated_sortinos_nb(day, effect, sizes, moment, borders, 9, 50, np.random.default_rng(0))
    for shift, sortino_drawn in zip(np.random.default_rng(0).random(50), drawn, strict=True):
        rotated = np.empty(40)
        for row in range(40):
            group = np.searchsorted(borders, row, side="right") - 1
            own = np.arange(borders[group], borders[group + 1])
            apart = np.abs(moment[own] - (moment[row] + shift) % 1.0)
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


def test_the_lower_bound_is_below_the_truth_as_often_as_it_says():
    # True Sortino of normal days: E[R] / sqrt(E[min(R, 0)^2]), by quadrature.
    mean, deviation = 0.0005, 0.01
    grid = np.linspace(-0.1, 0.0, 20_001)
    downside = math.sqrt(np.trapezoid(grid**2 * stats.norm.pdf(grid, mean, deviation), grid))
    true = mean / downside * math.sqrt(365)
    covered, wide_covered = 0, 0
    for seed in range(300):
        days = np.random.default_rng(seed).normal(mean, deviation, 500)
        bound, _ = bootstrap_lower_bounds(days, days, days_per_year=365, n_resamples=300, seed=seed)
        half, _ = bootstrap_lower_bounds(days, days, days_per_year=365, n_resamples=300, confidence=0.5, seed=seed)
        covered += bound <= true
        wide_covered += half <= true
        assert bound < half
    assert covered / 300 == pytest.approx(0.95, abs=0.04)
    assert wide_covered / 300 == pytest.approx(0.5, abs=0.1)


def test_the_improvement_is_bounded_on_the_same_days():
    generator = np.random.default_rng(0)
    baseline = generator.normal(0.0005, 0.01, 700)
    filtered = np.where(baseline < -0.01, baseline / 2, baseline)
    bounds = bootstrap_lower_bounds(baseline, filtered, days_per_year=365, seed=0)
    gain = sortino(filtered, days_per_year=365) - sortino(baseline, days_per_year=365)
    assert 0 < bounds[1] < gain
    assert bounds[0] < sortino(filtered, days_per_year=365)
    assert bootstrap_lower_bounds(baseline, baseline, days_per_year=365, seed=0)[1] == 0.0
    assert bounds == bootstrap_lower_bounds(baseline, filtered, days_per_year=365, seed=0)


def test_longer_blocks_widen_the_bound_of_persistent_returns():
    season = np.convolve(np.random.default_rng(1).standard_normal(1040), np.ones(41) / 41, "valid")
    days = 0.001 + 0.01 * season
    single, blocks = (
        bootstrap_lower_bounds(days, days, days_per_year=365, mean_block=length, seed=0)[0] for length in (1, 40)
    )
    assert blocks < single - 1


def test_bounds_without_enough_losing_days_are_nan():
    one_loss = np.full(100, 0.01)
    one_loss[3] = -0.01
    assert np.isnan(bootstrap_lower_bounds(one_loss, one_loss, days_per_year=365, seed=0)).all()
    assert np.isnan(bootstrap_lower_bounds(one_loss[:1], one_loss[:1], days_per_year=365, seed=0)).all()
    with pytest.raises(BadInput, match="same days"):
        bootstrap_lower_bounds(one_loss, one_loss[1:], days_per_year=365, seed=0)
    with pytest.raises(BadInput, match=r"filtered_returns .* \[3\]"):
        bootstrap_lower_bounds(one_loss, np.where(one_loss < 0, np.nan, 0), days_per_year=365, seed=0)
    with pytest.raises(BadInput, match="mean_block"):
        bootstrap_lower_bounds(one_loss, one_loss, days_per_year=365, mean_block=0.5, seed=0)


def test_deflated_sharpe_repeats_the_example_of_the_paper():
    """Bailey and Lopez de Prado (2014), section "A numerical example"."""
    annual = 2.5 / math.sqrt(250)
    skewed = {"n_days": 1250, "skewness": -3.0, "kurtosis": 10.0, "sharpe_variance": 0.5 / 250}
    assert expected_best_sharpe(n_trials=100, sharpe_variance=0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe_of_moments(annual, n_trials=100, **skewed) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe_of_moments(annual, n_trials=46, **skewed) == pytest.approx(0.9505, abs=5e-5)
    normal = skewed | {"skewness": 0.0, "kurtosis": 3.0}
    assert deflated_sharpe_of_moments(annual, n_trials=88, **normal) == pytest.approx(0.9505, abs=5e-5)


def test_deflated_sharpe_takes_its_moments_from_the_returns():
    returns = np.random.default_rng(0).standard_t(5, 800) * 0.01 + 0.001
    ratios = np.array([0.01, 0.03, -0.02, np.nan])
    expected = deflated_sharpe_of_moments(
        sharpe(returns, days_per_year=1),
        n_days=800,
        skewness=float(stats.skew(returns)),
        kurtosis=float(stats.kurtosis(returns, fisher=False)),
        n_trials=12,
        sharpe_variance=float(np.var(ratios[:3], ddof=1)),
    )
    assert deflated_sharpe(returns, n_trials=12, trial_sharpes=ratios) == pytest.approx(expected, rel=1e-9)


def test_trials_that_truly_differ_spread_no_hurdle_wider_than_luck():
    returns = np.random.default_rng(0).normal(0.002, 0.01, 500)
    by_luck = np.random.default_rng(1).normal(0, 1 / math.sqrt(499), 5000)
    by_skill = np.linspace(-0.5, 0.5, 5000)
    values = [deflated_sharpe(returns, n_trials=20, trial_sharpes=ratios) for ratios in (by_luck, by_skill)]
    assert values[1] == pytest.approx(values[0], abs=0.01)
    paper = expected_best_sharpe(n_trials=20, sharpe_variance=float(np.var(by_skill, ddof=1)))
    assert paper > sharpe(returns, days_per_year=1)  # the paper's own hurdle would have refused this edge


def test_the_expected_best_is_what_the_best_of_worthless_trials_shows():
    best = np.random.default_rng(0).normal(0, 0.3, (20_000, 50)).max(axis=1).mean()
    assert expected_best_sharpe(n_trials=50, sharpe_variance=0.09) == pytest.approx(best, rel=0.02)


def test_more_trials_deflate_more_and_the_unknown_is_nan():
    returns = np.random.default_rng(0).normal(0.001, 0.01, 500)
    ratios = np.random.default_rng(1).normal(0, 0.04, 20)
    values = [deflated_sharpe(returns, n_trials=n, trial_sharpes=ratios) for n in (1, 2, 10, 100, 10_000)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 5
    # A single trial is the probabilistic Sharpe ratio against zero (Bailey and Lopez de Prado, 2012).
    assert values[0] == pytest.approx(deflated_sharpe(returns, n_trials=1, trial_sharpes=np.array([])))
    assert math.isnan(deflated_sharpe(returns, n_trials=2, trial_sharpes=np.array([0.1, np.nan])))
    assert math.isnan(deflated_sharpe(np.full(9, 0.1), n_trials=1, trial_sharpes=ratios))
    with pytest.raises(BadInput, match="n_trials is 0"):
        deflated_sharpe(returns, n_trials=0, trial_sharpes=ratios)


@pytest.mark.parametrize("ranked_by", ["sortino", "sharpe"])
def test_overfitting_is_a_coin_on_noise_and_never_for_a_true_winner(ranked_by):
    noise = [np.random.default_rng(seed).normal(0, 0.01, (600, 30)) for seed in range(60)]
    values = [probability_of_overfitting(trials, ranked_by=ranked_by) for trials in noise]
    assert np.mean(values) == pytest.approx(0.5, abs=0.08)
    dominated = noise[0].copy()
    dominated[:, 11] += 0.01
    assert probability_of_overfitting(dominated, ranked_by=ranked_by) == 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ranked_by", ["sortino", "sharpe"])
def test_overfitting_is_its_definition(ranked_by, seed):
    ratio = sortino if ranked_by == "sortino" else sharpe
    trials = np.random.default_rng(seed).normal(0, 0.01, (83, 7))
    blocks = np.split(np.arange(83), np.arange(1, 6) * 83 // 6)
    logits = []
    for chosen in combinations(range(6), 3):
        inside = np.concatenate([blocks[block] for block in chosen])
        outside = np.setdiff1d(np.arange(83), inside)
        winner = np.argmax([ratio(column[inside], days_per_year=1) for column in trials.T])
        rank = stats.rankdata([ratio(column[outside], days_per_year=1) for column in trials.T])[winner]
        logits.append(math.log(rank / (8 - rank)))
    expected = np.mean(np.array(logits) <= 0)
    assert probability_of_overfitting(trials, n_blocks=6, ranked_by=ranked_by) == pytest.approx(expected)


def test_overfitting_counts_equal_trials_once_and_undefined_ones_last():
    trials = np.random.default_rng(2).normal(0, 0.01, (300, 12))
    value = probability_of_overfitting(trials)
    assert probability_of_overfitting(np.hstack([trials, trials[:, :4], trials[:, :4]])) == value
    idle = np.hstack([np.zeros((300, 1)), trials])
    assert 0 <= probability_of_overfitting(idle) <= 1
    assert math.isnan(probability_of_overfitting(trials[:, [0, 0]]))
    assert math.isnan(probability_of_overfitting(trials[:19]))
    for wrong in ({"n_blocks": 7}, {"n_blocks": 18}, {"ranked_by": "calmar"}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            probability_of_overfitting(trials, **wrong)


def test_two_thousand_permutations_of_ten_thousand_trades_take_a_second(trades):
    dataset, scores = trades(10_000, n_days=400)
    permutation_test(dataset, scores, n_permutations=1, seed=0)
    started = time.perf_counter()
    permutation_test(dataset, (scores > 0.5).astype(float), n_permutations=2000, seed=0)
    assert time.perf_counter() - started < 4
