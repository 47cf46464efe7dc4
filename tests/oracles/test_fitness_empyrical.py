"""Our ratios against empyrical, on random daily returns."""

from __future__ import annotations

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.models.conftest import make_trades
from tradesieve.market.calendars.trading_days import WEEKDAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.strategies.statistics.daily_returns import (
    equity,
    log_wealth,
    max_drawdown,
    sharpe,
    sortino,
    ulcer_performance,
)

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


@settings(max_examples=100, deadline=None)
@given(RETURNS, DAYS_PER_YEAR)
def test_growth_is_empyrical(returns, days_per_year):
    final = empyrical.cum_returns_final(returns, starting_value=1)
    assert log_wealth(returns) == pytest.approx(np.log(final), rel=1e-9, abs=1e-9)
    # Martin's own words: the annual return over the root of the mean squared retracement from the highest point so far.
    curve = np.concatenate([[1.0], empyrical.cum_returns(returns, starting_value=1)])
    retracement = [1 - curve[day] / max(curve[: day + 1]) for day in range(1, len(curve))]
    ulcer_index = np.sqrt(np.mean(np.square(retracement)))
    ours = ulcer_performance(returns, days_per_year=days_per_year)
    if ulcer_index == 0:
        assert np.isnan(ours)
    else:
        expected = empyrical.annual_return(returns, annualization=days_per_year) / ulcer_index
        assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_weeks_are_those_of_empyrical():
    """Over two years, with an ISO week that lies in both."""
    dataset, scores = make_trades(3000, edge=0.02, n_days=740, calendar=WEEKDAYS)
    sizes = (scores > 0.4).astype(float)
    days = WEEKDAYS.days(*dataset.period)
    returns = pd.Series(daily_returns(dataset, sizes), index=pd.to_datetime(days * DAY))
    calendar_weeks = returns.groupby(returns.index.to_period("W-SUN")).apply(empyrical.cum_returns_final)
    assert fitness_named("profitable_weeks")(dataset, sizes) == pytest.approx((calendar_weeks > 0).mean())
