"""Bootstrap bounds: they cover the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tradesieve.market.errors import BadInput
from tradesieve.models.significance.bootstrap import bootstrap_lower_bounds
from tradesieve.strategies.statistics.daily_returns import sortino


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
