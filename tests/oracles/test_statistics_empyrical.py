"""Measures of groups of trades against empyrical, on daily returns that pandas adds up; drawdowns by hand."""

from __future__ import annotations

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.strategies.statistics.daily_returns import calmar, deepest_drawdown, drawdowns, equity, max_drawdown
from tradesieve.strategies.statistics.grouping import Backtest
from tradesieve.strategies.statistics.trade_statistics import trade_statistics
from tradesieve.strategies.trades import TRADE_COLUMNS

RETURNS = arrays(np.float64, st.integers(1, 200), elements=st.floats(-0.3, 0.3).map(lambda value: round(value, 2)))
N_DAYS = 400


@settings(max_examples=100, deadline=None)
@given(RETURNS, st.sampled_from([252.0, 365.0]))
def test_calmar_is_empyrical(returns, days_per_year):
    expected = empyrical.calmar_ratio(returns, annualization=days_per_year)
    assert calmar(returns, days_per_year=days_per_year) == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@settings(max_examples=150, deadline=None)
@given(RETURNS)
def test_the_length_of_the_deepest_fall_is_counted_day_by_day(returns):
    curve = [1.0, *equity(returns)]
    deepest, end = 0.0, 0
    peak = start = 0
    for day in range(1, len(curve)):
        if curve[day] >= curve[peak]:
            peak = day
        if curve[day] / curve[peak] - 1 < deepest:
            deepest, start, end = curve[day] / curve[peak] - 1, peak, day
    back = next((day for day in range(end, len(curve)) if curve[day] >= curve[start]), None)
    found = deepest_drawdown(returns)
    assert found.depth == max_drawdown(returns) == drawdowns(returns).min()
    assert found.depth == pytest.approx(deepest, abs=1e-12)
    assert found.recovered == (back is not None)
    assert found.n_days == (len(curve) - 1 if back is None else back) - start


@pytest.fixture(scope="module")
def trades() -> tuple[pd.DataFrame, Backtest]:
    """Two thousand random trades of five instances, some of them idle for months."""
    random = np.random.default_rng(5)
    n = 2000
    instance = random.integers(0, 5, n)
    decided = np.sort(random.integers(0, (N_DAYS - 3) * DAY, n))
    gross, cost = random.normal(0.001, 0.02, n), np.full(n, 0.001)
    values = {
        "strategy": [f"rule(window={number})" for number in instance], "symbol": "A", "timeframe": "1h",
        "decision_time": decided, "entry_time": decided + 1, "exit_time": decided + random.integers(2, 2 * DAY, n),
        "side": random.choice([-1, 1], n), "stake": random.uniform(0.2, 1.0, n), "stop": np.nan, "target": np.nan,
        "entry_price": 1.0, "exit_price": 1.0,
        "gross_return": gross, "cost": cost, "net_return": gross - cost, "r_multiple": np.nan,
        "mae": -0.01, "mfe": 0.01, "bars_held": 3, "n_entries": 1, "n_exits": 1, "n_untraded_fills": 0,
        "exit_reason": "time",
    }  # fmt: skip
    names = tuple(f"rule(window={number})|A|1h" for number in range(5))
    table = pd.DataFrame({name: values[name] for name in TRADE_COLUMNS}).astype(TRADE_COLUMNS)
    return table, Backtest(names, (24 * N_DAYS,) * 5, (0, N_DAYS * DAY - 1), ALWAYS)


@pytest.mark.parametrize(("by", "n_instances"), [("strategy", 1), ("pooled", 5), ("side", 5), ("weekday", 5)])
def test_measures_of_groups_are_empyrical(trades, by, n_instances):
    table, backtest = trades
    decided = pd.to_datetime(table["decision_time"])
    keys = {
        "strategy": table["strategy"],
        "pooled": pd.Series("all", table.index),
        "side": table["side"].map({1: "long", -1: "short"}),
        "weekday": decided.dt.day_name(),
    }[by]
    found = trade_statistics(table, backtest, by=by).set_index(by)
    assert len(found) == keys.nunique()
    days = pd.date_range("1970-01-01", periods=N_DAYS)
    for key, group in table.groupby(keys):
        effect = group["stake"] * group["net_return"] / n_instances
        returns = effect.groupby(pd.to_datetime(group["exit_time"]).dt.floor("D")).sum().reindex(days, fill_value=0.0)
        n_months = pd.to_datetime(group["exit_time"]).dt.to_period("M").nunique()
        expected = {
            "sortino": empyrical.sortino_ratio(returns, annualization=365),
            "sharpe": empyrical.sharpe_ratio(returns, annualization=365),
            "calmar": empyrical.calmar_ratio(returns, annualization=365),
            "total_return": empyrical.cum_returns_final(returns),
            "max_drawdown": empyrical.max_drawdown(returns),
            "profitable_months_rate": (empyrical.aggregate_returns(returns, "monthly") > 0).sum() / n_months,
        }
        for name, value in expected.items():
            assert found.loc[key, name] == pytest.approx(value, rel=1e-9), (key, name)
