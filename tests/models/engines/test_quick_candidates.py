"""Candidates of many small searches: fewer bins, and half the trees at twice the rate; others stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.lightgbm import LightGBMEngine
from tradesieve.models.engines.registry import ENGINES, engine_named
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION

ENGINE = LightGBMEngine()


def rows_of(task: str, n: int = 300) -> TrainingRows:
    random = np.random.default_rng(3)
    X = random.normal(size=(n, 6))
    y = X[:, 0] + random.normal(size=n)
    return TrainingRows(X, y if task == REGRESSION else (y > 0).astype(np.float64), np.ones(n))


def test_a_small_set_has_half_the_trees_at_twice_the_rate() -> None:
    mean, plain, extra = ENGINE.candidates(3, seed=7, task=REGRESSION)
    quick = [ENGINE.quick(one, 800) for one in (mean, plain, extra)]
    assert [one.parameters["n_trees"] for one in quick] == [100, 100, 150]
    assert {one.parameters["learning_rate"] for one in quick} == {0.06}
    assert {one.parameters["max_bin"] for one in quick} == {31}
    assert ENGINE.members(quick[0]) == tuple(quick[1:]), "so that a search fits them once"
    assert [ENGINE.quick(one, 1500) for one in (mean, plain, extra)] == [mean, plain, extra]


def test_a_forest_keeps_its_trees() -> None:
    forest = next(one for one in ENGINE.candidates(4, seed=7) if one.estimator == "forest")
    assert ENGINE.quick(forest, 100).parameters == forest.parameters | {"max_bin": 31}


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "lightgbm"])
def test_other_engines_try_what_they_try(name: str) -> None:
    candidate = Candidate(name, "any", {})
    assert engine_named(name).quick(candidate, 10) is candidate


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_they_learn_beside_the_others_on_the_same_rows(task: str) -> None:
    """Rows are sorted into bins of both kinds, and the scores of each are those of a fit alone."""
    rows = rows_of(task)
    for usual in ENGINE.candidates(3, seed=7, task=task):
        for candidate in (usual, ENGINE.quick(usual, len(rows))):
            scores = ENGINE.fit_rows(candidate, rows, seed=7).predict(rows.X)
            alone = ENGINE.fit_rows(candidate, rows_of(task), seed=7).predict(rows.X)
            assert scores.tobytes() == alone.tobytes()
            assert np.corrcoef(scores, rows.X[:, 0])[0, 1] > 0.5
