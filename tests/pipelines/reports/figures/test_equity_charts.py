"""Charts of capital hold the numbers that they say they show."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pipelines.reports.figures.traces import named
from tradesieve.pipelines.reports.figures.equity_charts import equity_chart, monthly_chart


def test_capital_is_compounded_and_falls_from_its_peak():
    days = np.arange(4).astype("datetime64[D]")
    figure = equity_chart(days, np.array([0.1, -0.1, 0.0, 0.2]))
    np.testing.assert_allclose(named(figure, "capital").y, [1.1, 0.99, 0.99, 1.188])
    np.testing.assert_allclose(named(figure, "drawdown").y, [0.0, -0.1, -0.1, 0.0], atol=1e-9)
    assert list(named(figure, "capital").x) == ["1970-01-01", "1970-01-02", "1970-01-03", "1970-01-04"]


def test_months_are_compounded_and_empty_ones_stay_empty():
    days = np.arange(np.datetime64("2023-12-30"), np.datetime64("2024-02-03"))
    returns = np.zeros(len(days))
    returns[[0, 1, 2, 30]] = [0.01, 0.02, 0.03, -0.01]
    (heat,) = monthly_chart(days, returns).data
    assert list(heat.y) == ["2023", "2024"]
    assert heat.z[0][11] == pytest.approx((1.01 * 1.02 - 1) * 100, abs=1e-3)
    assert heat.z[1][0] == pytest.approx((1.03 * 0.99 - 1) * 100, abs=1e-3)
    assert heat.z[1][1] == 0.0
    assert list(heat.z[0][:11]) == [None] * 11
