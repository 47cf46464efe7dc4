"""Intervals of ratios: their ends are bounds, and they hold the ratio."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.models.significance.bootstrap import lower_bound
from tradesieve.models.significance.intervals import ratio_interval
from tradesieve.strategies.statistics.daily_returns import sharpe, sortino


@pytest.mark.parametrize(("ratio", "measured"), [("sortino", sortino), ("sharpe", sharpe)])
@pytest.mark.parametrize("mean", [-0.003, 0.0005, 0.004])
def test_an_interval_holds_the_ratio_of_its_days(ratio, measured, mean):
    returns = np.random.default_rng(3).normal(mean, 0.01, 150)
    low, high = ratio_interval(returns, ratio=ratio, days_per_year=252.0, seed=1)
    assert low < measured(returns, days_per_year=252.0) < high
    assert low == lower_bound(returns, ratio=ratio, days_per_year=252.0, confidence=0.95, seed=1)
    assert (low > 0, high < 0) == (mean == 0.004, mean == -0.003)


def test_an_undefined_bound_has_no_interval():
    assert np.isnan(ratio_interval(np.full(30, 0.01), days_per_year=252.0, seed=1)).all()
    assert np.isnan(ratio_interval(np.array([0.01, -0.01, 0.02, 0.03]), days_per_year=252.0, seed=1)).all()
