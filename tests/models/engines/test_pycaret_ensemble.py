"""PyCaret's ensembles: what they combine, how, and that they choose on purged inner folds of the training rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.pycaret import PyCaretEngine
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.fitted.calibration import fit_calibration
from tradesieve.models.labels.base import CLASSIFICATION, REGRESSION
from tradesieve.models.splits import purged_folds

HOUR = 3_600_000_000_000
N = 500
SPANS = (np.arange(N) * HOUR, (np.arange(N) + 1 + np.arange(N) % 30) * HOUR)
X = np.random.default_rng(3).standard_normal((N, 5))
EARNED = np.sign(X[:, 0]) + X[:, 1] + np.random.default_rng(4).standard_normal(N)
WEIGHT = np.random.default_rng(5).uniform(0.5, 2.0, N)
FEW = {"n_trials": 3, "n_inner_folds": 2}
ENSEMBLE, PYCARET = engine_named("pycaret_ensemble"), PyCaretEngine()


def target(task: str) -> np.ndarray:
    return (EARNED > 0) * 1.0 if task == CLASSIFICATION else EARNED


def ranked(task: str) -> list[tuple[float, Candidate, np.ndarray]]:
    """PyCaret's first families, with their loss and scores out of the inner folds, the best first."""
    from sklearn.metrics import log_loss, mean_squared_error

    y, found = target(task), []
    for tried in PYCARET.candidates(FEW["n_trials"], seed=1, task=task):
        scores = np.full(N, np.nan)
        for fold in purged_folds(*SPANS, n_folds=FEW["n_inner_folds"]):
            model = PYCARET.fit(tried, X[fold.train], y[fold.train], WEIGHT[fold.train], seed=1)
            scores[fold.test] = model.predict(X[fold.test])
        loss = (log_loss if task == CLASSIFICATION else mean_squared_error)(y, scores, sample_weight=WEIGHT)
        found.append((loss, tried, scores))
    return sorted(found, key=lambda one: one[0])


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_combinations_are_those_of_scikit_learn(task: str) -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    y, best = target(task), ranked(task)[:2]

    def predicted(estimator: str, **parameters: object) -> np.ndarray:
        candidate = Candidate("pycaret_ensemble", estimator, FEW | parameters, task=task)
        return ENSEMBLE.fit(candidate, X, y, WEIGHT, seed=1, spans=SPANS).predict(X)

    members = np.column_stack([PYCARET.fit(tried, X, y, WEIGHT, seed=1).predict(X) for _, tried, _ in best])
    np.testing.assert_allclose(predicted("blend", n_best=2), members.mean(axis=1), rtol=1e-12)
    out_of_fold = np.column_stack([scores for *_, scores in best])
    weight = WEIGHT / WEIGHT.mean()
    if task == REGRESSION:
        final = LinearRegression().fit(out_of_fold, y, sample_weight=weight)
        np.testing.assert_allclose(predicted("stack", n_best=2), final.predict(members), rtol=1e-9)
        return
    final = LogisticRegression(max_iter=1000).fit(out_of_fold, y, sample_weight=weight)
    np.testing.assert_allclose(predicted("stack", n_best=2), final.predict_proba(members)[:, 1], rtol=1e-9)
    for method in ("sigmoid", "isotonic"):
        expected = fit_calibration(method, out_of_fold[:, 0], y, weight)(members[:, 0])
        np.testing.assert_allclose(predicted("calibrated", method=method), expected, rtol=1e-9)


def test_nothing_but_the_training_rows_is_read() -> None:
    train = np.arange(100, 400)
    poisoned = np.where((np.arange(N) < 100) | (np.arange(N) >= 400), np.nan, target(CLASSIFICATION))
    candidate = Candidate("pycaret_ensemble", "stack", FEW)
    rows = TrainingRows(X, poisoned, WEIGHT, spans=SPANS, rows=train)
    own = TrainingRows(X[train], poisoned[train], WEIGHT[train], spans=(SPANS[0][train], SPANS[1][train]))
    models = [ENSEMBLE.fit_rows(candidate, one, seed=1) for one in (rows, own)]
    assert models[0].predict(X).tobytes() == models[1].predict(X).tobytes()


def test_what_is_tried_inside_counts_as_trials() -> None:
    candidate = Candidate("pycaret_ensemble", "blend", FEW)
    assert ENSEMBLE.n_inner_trials(candidate) == 3
    assert ENSEMBLE.n_inner_trials(replace(candidate, parameters={})) == 6
