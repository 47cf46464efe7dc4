"""Our ratios against empyrical, on random daily returns."""

from __future__ import annotations

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tradesieve.strategies.statistics.daily_returns import equity, max_drawdown, sharpe, sortino

RETURNS = arrays(np.float64, st.integers(2, 300), elements=st.floats(-0.5, 0.5).map(lambda value: round(value, 6)))
DAYS_PER_YEAR = st.sampled_from([252.0, 260.0, 365.0])


@settings(max_examples=100, deadline=None)
@given(RETURNS, DAYS_PER_YEAR, st.sampled_from([0.0, 0.0003, -0.001]))
def test_sortino_is_empyrical(returns, days_per_year, minimum_return):
    expected = empyrical.sortino_ratio(returns, minimum_return, annualization=days_per_year)
    ours = sortino(returns, days_per_year=days_per_year, minimum_return=minimum_return)
    if not np.isfinite(expected):
        assert np.isnan(ours), "where empyrical says infinity, we say that there is none"
    else:
        assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(RETURNS, DAYS_PER_YEAR)
def test_sharpe_is_empyrical(returns, days_per_year):
    ours = sharpe(returns, days_per_year=days_per_year)
    if np.ptp(returns) == 0:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(empyrical.sharpe_ratio(returns, annualization=days_per_year), rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(RETURNS)
def test_the_curve_and_its_drawdown_are_empyrical(returns):
    np.testing.assert_allclose(equity(returns), empyrical.cum_returns(returns, starting_value=1.0), rtol=1e-9)
    assert max_drawdown(returns) == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9, abs=1e-12)
