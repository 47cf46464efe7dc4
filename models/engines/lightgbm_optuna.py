"""LightGBM whose parameters an Optuna study chooses, on purged inner folds of the training rows alone.

A study has a fixed number of trials rather than a time, so that the same rows and seed give the same model on every
machine. Its trials count in the ledger, see `Engine.n_inner_trials`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.lightgbm import SPACE, LightGBMEngine
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows, TrainingRows
from tradesieve.models.fitted.model import Model
from tradesieve.models.labels.base import CLASSIFICATION
from tradesieve.models.splits import purged_folds

if TYPE_CHECKING:
    import optuna

_START: dict[str, Any] = {"n_trials": 15, "n_inner_folds": 3}
_SPACE: Space = {"n_trials": Range(10, 30, whole=True), "n_inner_folds": [3, 4, 5]}
_RANDOM_TRIALS = 5
"""Trials before the estimator of good parameters is asked; Optuna's 10 would leave few of a short study."""
_LEAST_PROBABILITY = 1e-6


class LightGBMOptunaEngine(Engine):
    """Kinds of LightGBM boosters, their parameters chosen by a seeded study."""

    name: ClassVar[str] = "lightgbm_optuna"
    _lightgbm = LightGBMEngine()

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return ("gbdt", "extra")

    def n_inner_trials(self, candidate: Candidate) -> int:
        n_trials = (_START | candidate.parameters)["n_trials"]
        return n_trials if isinstance(n_trials, int) else 0

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_START)

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_SPACE, generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> Model:
        """Tune and fit.

        1. Split the training rows into purged folds; each selects its own features.
        2. Fit and score the parameters that `lightgbm` starts with, then those that the study proposes, on each fold.
        3. Fit those of the least loss on all training rows.
        """
        for name in candidate.parameters:
            if name not in _START:
                raise Unknown(f"parameter of {self.name}", name, _START)
        if self.n_inner_trials(candidate) < 1:
            raise BadInput(f"n_trials is {candidate.parameters['n_trials']}, but must be a whole number of at least 1")
        folds = _InnerFolds(rows.rows, (_START | candidate.parameters)["n_inner_folds"])
        study = _study(seed)
        study.enqueue_trial(_within_space(self._lightgbm._start(candidate.estimator, candidate.task)))
        for _ in range(self.n_inner_trials(candidate)):
            trial = study.ask()
            tried = self._of_lightgbm(candidate, _suggested(trial))
            study.tell(trial, folds.loss(self._lightgbm, tried, seed))
        return self._lightgbm._fit(self._of_lightgbm(candidate, _rounded(study.best_params)), rows, seed)

    def _of_lightgbm(self, candidate: Candidate, parameters: dict[str, Any]) -> Candidate:
        return Candidate(self._lightgbm.name, candidate.estimator, parameters, candidate.selection, candidate.task)


class _InnerFolds:
    """Purged folds of training rows."""

    def __init__(self, rows: TrainingRows, n_folds: int) -> None:
        if rows.spans is None:
            raise BadInput("tuning on inner folds needs the times of the rows: pass their spans")
        self._rows, self._folds = rows, purged_folds(*rows.spans, n_folds=n_folds)
        self._parts = [rows.part(fold.train) for fold in self._folds]

    def loss(self, engine: Engine, candidate: Candidate, seed: int) -> float:
        """Return the weighted mean of squared errors, or of log losses, on the rows that a fold tests."""
        X, y, weight = self._rows.X, self._rows.y, self._rows.weight
        total = tested = 0.0
        for fold, part in zip(self._folds, self._parts, strict=True):
            scores = engine.fit_rows(candidate, part, seed=seed).predict(X[fold.test])
            own = weight[fold.test]
            total += float(own @ _losses(scores, y[fold.test], candidate.task))
            tested += float(own.sum())
        return total / tested


def _losses(scores: np.ndarray, y: np.ndarray, task: str) -> np.ndarray:
    if task != CLASSIFICATION:
        return (scores - y) ** 2
    right = np.where(y == 1.0, scores, 1.0 - scores)
    return -np.log(np.maximum(right, _LEAST_PROBABILITY))


def _study(seed: int) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_RANDOM_TRIALS)
    return optuna.create_study(direction="minimize", sampler=sampler)


def _suggested(trial: optuna.Trial) -> dict[str, Any]:
    for name, (low, high, scale) in SPACE.items():
        if "whole" in scale:
            trial.suggest_int(name, int(low), int(high), log="log" in scale)
        else:
            trial.suggest_float(name, low, high, log="log" in scale)
    return _rounded(trial.params)


def _rounded(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else float(f"{value:.4g}") for name, value in parameters.items()}


def _within_space(parameters: dict[str, Any]) -> dict[str, Any]:
    """Move a start to the bounds of the space where it is beyond them."""
    return {name: min(max(value, SPACE[name][0]), SPACE[name][1]) for name, value in parameters.items()}
