"""Charts of a run: scores, strategies and trials, as their numbers say."""

from __future__ import annotations

import numpy as np

from tradesieve.pipelines.reports.figures.filter_charts import deflation_chart, drawdown_chart, paths_chart
from tradesieve.pipelines.reports.figures.score_charts import (
    calibration_chart,
    score_distribution_chart,
    threshold_chart,
)
from tradesieve.pipelines.steps.search_evidence import score_tenths


def test_a_threshold_without_a_fitness_leaves_a_gap():
    figure = threshold_chart(
        np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, np.nan]), np.array([1.0, 0.5, 0.1]), name="sortino", chosen=0.2
    )
    assert list(figure.data[0].y) == [1.0, 2.0, None]
    assert list(figure.data[1].y) == [1.0, 0.5, 0.1]
    assert figure.layout.shapes[0].x0 == 0.2


def test_each_tenth_of_the_scores_has_its_mean_outcome():
    scores = np.arange(100.0)
    figure = calibration_chart(score_tenths(scores, scores * 2), title="bp", is_probability=False)
    np.testing.assert_allclose(figure.data[0].x, np.arange(4.5, 100, 10))
    np.testing.assert_allclose(figure.data[0].y, np.arange(9.0, 200, 20))
    tenths = score_tenths(scores / 100, (scores > 50).astype(float))
    probability = calibration_chart(tenths, title="won", is_probability=True)
    assert list(probability.data[1].x) == list(probability.data[1].y)


def test_winners_and_losers_are_shares_of_their_own():
    scores = np.concatenate([np.full(30, 0.2), np.full(10, 0.8)])
    figure = score_distribution_chart(scores, scores > 0.5)
    for trace in figure.data:
        np.testing.assert_allclose(np.sum(trace.y), 100.0, atol=0.01)


def test_trials_stand_beside_the_best_that_luck_would_show():
    figure = deflation_chart(np.array([0.1, np.nan, 0.05]), winner=0.1, benchmark=0.02, n_trials=3)
    assert list(figure.data[0].x) == [0.1, 0.05]
    assert [shape.x0 for shape in figure.layout.shapes] == [0.1, 0.02]
    assert len(deflation_chart(np.array([]), winner=np.nan, benchmark=np.nan, n_trials=0).layout.shapes) == 0


def test_a_drawdown_is_below_the_peak():
    days = np.arange("2026-01-01", "2026-01-04", dtype="datetime64[D]")
    period = (days, np.array([0.1, -0.5, 0.1]), np.zeros(3))
    figure = drawdown_chart([period, period])
    np.testing.assert_allclose(figure.data[0].y, [0.0, -0.5, -0.45])
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]


def test_paths_ascend_beside_the_fitness_of_the_search():
    figure = paths_chart([{"fitness": 2.0}, {"fitness": None}, {"fitness": -1.0}], name="sortino", out_of_fold=1.5)
    assert list(figure.data[0].y) == [-1.0, 2.0]
    assert figure.layout.shapes[0].y0 == 1.5
