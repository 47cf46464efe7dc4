"""LightGBM tuned by Optuna: its study reads the training rows alone, in purged folds, and improves on the start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.lightgbm import LightGBMEngine
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.engines.tuning import InnerFolds, losses
from tradesieve.models.labels.base import REGRESSION

HOUR = 3_600_000_000_000
N = 600
SPANS = (np.arange(N) * HOUR, (np.arange(N) + 1 + np.arange(N) % 30) * HOUR)
TUNED = Candidate("lightgbm_optuna", "gbdt", {"n_trials": 8, "n_inner_folds": 3}, task=REGRESSION)


def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    X = generator.standard_normal((N, 6))
    return X, np.sign(X[:, 0]) + 0.5 * generator.standard_normal(N), generator.uniform(0.5, 2.0, N)


def recorded(monkeypatch: pytest.MonkeyPatch, rows: TrainingRows) -> list[tuple[Any, ...]]:
    """Fit, and record the training rows and parameters of every booster."""
    seen: list[tuple[Any, ...]] = []
    fit = LightGBMEngine._fit

    def recording(self, candidate, selected, seed):
        seen.append((candidate, selected.rows))
        return fit(self, candidate, selected, seed)

    monkeypatch.setattr(LightGBMEngine, "_fit", recording)
    engine_named("lightgbm_optuna").fit_rows(TUNED, rows, seed=1)
    return seen


def test_the_study_fits_on_purged_parts_of_the_training_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, weight = planted()
    train = np.arange(100, 500)
    poisoned = np.where((np.arange(N) < 100) | (np.arange(N) >= 500), np.nan, y)
    rows = TrainingRows(X, poisoned, weight, spans=SPANS, rows=train)
    seen = recorded(monkeypatch, rows)
    assert len(seen) == 8 * 3 + 1
    start, end = SPANS
    for fold in range(3):
        inner, tested = seen[fold][1]._rows, train[fold * 400 // 3 : (fold + 1) * 400 // 3]
        assert set(inner) < set(train) - set(tested)
        assert len(inner) > 200
        assert not np.any((start[inner] <= end[tested].max()) & (end[inner] >= start[tested].min()))
    assert seen[-1][1] is rows, "the best parameters are fitted on all training rows"


def test_the_first_trial_is_the_start_and_the_best_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, weight = planted()
    found: list[float] = []
    loss = InnerFolds.loss

    def recording(self, scores, task):
        found.append(loss(self, scores, task))
        return found[-1]

    monkeypatch.setattr(InnerFolds, "loss", recording)
    seen = recorded(monkeypatch, TrainingRows(X, y, weight, spans=SPANS))
    assert (
        seen[0][0].parameters
        == engine_named("lightgbm").candidates(1, seed=0, estimators=["gbdt"], task=REGRESSION)[0].parameters
    )
    best = int(np.argmin(found))
    assert best > 0, "a study of eight trials improves on the start, which is made for noise"
    assert seen[-1][0].parameters == seen[3 * best][0].parameters


def test_the_loss_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import log_loss, mean_squared_error

    generator = np.random.default_rng(0)
    scores, y, weight = generator.random(50), (generator.random(50) < 0.5) * 1.0, generator.random(50)
    for task, expected in (
        ("classification", log_loss(y, scores, sample_weight=weight)),
        (REGRESSION, mean_squared_error(y, scores, sample_weight=weight)),
    ):
        assert np.average(losses(scores, y, task), weights=weight) == pytest.approx(expected)


def test_without_the_times_of_the_rows_nothing_is_tuned() -> None:
    X, y, weight = planted()
    with pytest.raises(BadInput, match="pass their spans"):
        engine_named("lightgbm_optuna").fit(TUNED, X, y, weight, seed=1)


def test_a_study_has_at_least_one_trial() -> None:
    X, y, weight = planted()
    for n_trials in (0, "many"):
        candidate = Candidate("lightgbm_optuna", "gbdt", {"n_trials": n_trials}, task=REGRESSION)
        with pytest.raises(BadInput, match="n_trials is"):
            engine_named("lightgbm_optuna").fit(candidate, X, y, weight, seed=1, spans=SPANS)
    assert engine_named("lightgbm_optuna").n_inner_trials(candidate) == 0
