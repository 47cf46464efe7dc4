"""LightGBM whose parameters an Optuna study chooses, on purged inner folds, see `models.engines.tuning`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.lightgbm import SPACE, LightGBMEngine
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.engines.tuning import InnerFolds, TuningEngine
from tradesieve.models.fitted.model import Model
from tradesieve.models.labels.base import CLASSIFICATION

if TYPE_CHECKING:
    import optuna

_START: dict[str, Any] = {"n_trials": 15, "n_inner_folds": 3}
_SPACE: Space = {"n_trials": Range(10, 30, whole=True), "n_inner_folds": [3, 4, 5]}
_RANDOM_TRIALS = 5
"""Trials before the estimator of good parameters is asked; Optuna's 10 would leave few of a short study."""


class LightGBMOptunaEngine(TuningEngine):
    """Kinds of LightGBM boosters, their parameters chosen by a seeded study."""

    name: ClassVar[str] = "lightgbm_optuna"
    _lightgbm = LightGBMEngine()

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return ("gbdt", "extra")

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
        settings = self._settings(candidate)
        folds = InnerFolds(rows.rows, settings["n_inner_folds"])
        study = _study(seed)
        study.enqueue_trial(_within_space(self._lightgbm._start(candidate.estimator, candidate.task)))
        for _ in range(settings["n_trials"]):
            trial = study.ask()
            tried = self._of_lightgbm(candidate, _suggested(trial))
            scores = folds.scores(partial(self._lightgbm.fit_rows, tried, seed=seed))
            study.tell(trial, folds.loss(scores, candidate.task))
        return self._lightgbm._fit(self._of_lightgbm(candidate, _rounded(study.best_params)), rows, seed)

    def _of_lightgbm(self, candidate: Candidate, parameters: dict[str, Any]) -> Candidate:
        return Candidate(self._lightgbm.name, candidate.estimator, parameters, candidate.selection, candidate.task)


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
