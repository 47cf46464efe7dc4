"""Charts of trades hold the numbers that they say they show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.pipelines.reports.figures.traces import named
from tradesieve.pipelines.reports.figures.trade_charts import excursions_chart, groups_chart, returns_chart


def test_every_trade_is_counted_in_the_returns(trades):
    (bars,) = returns_chart(trades["net_return"].to_numpy()).data
    assert sum(bars.y) == len(trades)
    (equal,) = returns_chart(np.full(5, 0.01)).data
    assert sum(equal.y) == 5
    assert returns_chart(np.empty(0)).data == ()


def test_excursions_are_a_sample_of_bounded_size(trades):
    figure = excursions_chart(trades)
    assert sum(len(trace.x) for trace in figure.data) == len(trades)
    assert len(named(figure, "won").x) == (trades["net_return"] > 0).sum()
    many = pd.concat([trades] * 50)
    sample = excursions_chart(many)
    assert sum(len(trace.x) for trace in sample.data) == 2000 < len(many)


def test_groups_are_bars_in_basis_points():
    table = pd.DataFrame({"hour": [1, 7], "expectancy": [0.001, -0.0002], "n_trades": [5, 6]})
    (bars,) = groups_chart(table, by="hour").data
    assert (list(bars.x), list(bars.y), list(bars.customdata)) == ([1, 7], [10.0, -2.0], [5, 6])
