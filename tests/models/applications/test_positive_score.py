"""Positive score: sizes grow with the score above zero, and nothing is searched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import NoChoice
from tradesieve.models.applications.positive_score import SMALLEST, PositiveScore
from tradesieve.models.fitness.registry import fitness_named

MEASURE = fitness_named("expectancy_by_coverage")


def test_sizes_are_their_definition() -> None:
    sizes = PositiveScore(0.5).sizes(np.array([-1.0, 0.0, 0.1, 0.5, 2.0, np.nan]), np.zeros(6, np.int64))
    np.testing.assert_allclose(sizes, [0.0, 0.0, 0.2, 1.0, 1.0, 0.0])


def test_a_crumb_of_a_stake_is_no_trade() -> None:
    scores = np.array([0.99, 1.0, 1.01]) * SMALLEST
    np.testing.assert_array_equal(PositiveScore(1.0).sizes(scores, np.zeros(3, np.int64)) > 0, [False, True, True])


def test_the_mean_positive_score_gets_half_of_the_stake_whatever_the_outcomes(trades) -> None:
    dataset, scores = trades(edge=0.05)
    scores = scores - 0.5
    fitted = PositiveScore.fit(scores, dataset, fitness=MEASURE)
    mean = scores[scores > 0].mean()
    assert fitted.sizes(np.array([mean]), np.array([0]))[0] == pytest.approx(0.5)
    assert PositiveScore.fit(scores, replace(dataset, net_return=-dataset.net_return), fitness=MEASURE) == fitted


def test_no_positive_score_is_no_choice(trades) -> None:
    dataset, scores = trades()
    with pytest.raises(NoChoice):
        PositiveScore.fit(-scores, dataset, fitness=MEASURE)
    with pytest.raises(BadInput, match="full is 0"):
        PositiveScore(0.0)
