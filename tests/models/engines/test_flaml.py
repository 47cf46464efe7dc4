"""FLAML: its search starts cheaply, learners of `auto` take turns, and it reads the training rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tradesieve.models.engines import flaml as engine_module
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.labels.base import REGRESSION

pytest.importorskip("flaml", reason="FLAML is an extra: make test-engines installs it")

HOUR = 3_600_000_000_000
N = 600
SPANS = (np.arange(N) * HOUR, (np.arange(N) + 1 + np.arange(N) % 30) * HOUR)
TRAIN = np.arange(100, 500)


def recorded(monkeypatch: pytest.MonkeyPatch, candidate: Candidate) -> list[tuple[Any, ...]]:
    """Fit, and record the learner, parameters and training rows of every model."""
    generator, seen = np.random.default_rng(3), []
    X = generator.standard_normal((N, 6))
    y = np.sign(X[:, 0]) + 0.5 * generator.standard_normal(N)
    y[np.setdiff1d(np.arange(N), TRAIN)] = np.nan
    fit = engine_module._fit_learner

    def recording(name, parameters, rows, task, seed):
        seen.append((name, parameters, rows.rows))
        return fit(name, parameters, rows, task, seed)

    monkeypatch.setattr(engine_module, "_fit_learner", recording)
    rows = TrainingRows(X, y, np.ones(N), spans=SPANS, rows=TRAIN)
    engine_named("flaml").fit_rows(candidate, rows, seed=1)
    return seen


def test_learners_of_auto_take_turns_on_purged_parts_of_the_training_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = Candidate("flaml", "auto", {"n_trials": 5, "n_inner_folds": 2}, task=REGRESSION)
    seen = recorded(monkeypatch, candidate)
    assert [name for name, *_ in seen[:-1:2]] == ["lgbm", "rf", "xgb_limitdepth", "extra_tree", "lgbm"]
    start, end = SPANS
    for fold in range(2):
        inner, tested = seen[fold][2]._rows, TRAIN[fold * 200 : (fold + 1) * 200]
        assert set(inner) < set(TRAIN) - set(tested)
        assert not np.any((start[inner] <= end[tested].max()) & (end[inner] >= start[tested].min()))
    assert len(seen[-1][2]) == len(TRAIN), "the best is fitted on all training rows"
    assert seen[-1][:2] in [one[:2] for one in seen[:-1]]
    assert engine_named("flaml").n_inner_trials(candidate) == 5


def test_the_search_starts_with_a_cheap_model_and_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorded(monkeypatch, Candidate("flaml", "lgbm", {"n_trials": 25, "n_inner_folds": 2}, task=REGRESSION))
    first, last = seen[0][1], seen[-1][1]
    assert (first["n_estimators"], first["num_leaves"], first["min_child_samples"]) == (4, 4, 20)
    assert "log_max_bin" not in first
    assert last != first, "it finds something better than that"
    assert 4 < max(parameters["n_estimators"] for _, parameters, _ in seen) <= 300
