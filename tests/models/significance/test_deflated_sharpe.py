"""The deflated Sharpe ratio: the paper's numbers, and our smaller variance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tradesieve.market.errors import BadInput
from tradesieve.models.significance.deflated_sharpe import (
    deflated_sharpe,
    deflated_sharpe_of_moments,
    expected_best_sharpe,
)
from tradesieve.strategies.statistics.daily_returns import sharpe


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
