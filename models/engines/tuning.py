"""Engines that choose parameters by themselves: on purged inner folds of the training rows alone.

A choice takes a fixed number of trials rather than a time, so that the same rows and seed give the same model on every
machine. The trials count in the ledger, see `Engine.n_inner_trials`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.engines.base import Candidate, Engine
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.fitted.model import Model
from tradesieve.models.labels.base import CLASSIFICATION
from tradesieve.models.splits import purged_folds

_LEAST_PROBABILITY = 1e-6


class TuningEngine(Engine):
    """An engine whose candidates have the parameter ``n_trials``: how many models a fit tries on its inner folds."""

    def n_inner_trials(self, candidate: Candidate) -> int:
        n_trials = (self._start(candidate.estimator, candidate.task) | candidate.parameters)["n_trials"]
        return n_trials if isinstance(n_trials, int) else 0

    def _settings(self, candidate: Candidate) -> dict[str, Any]:
        """Return the candidate's parameters, those that it does not name at their defaults.

        Raises
        ------
        BadInput : if `n_trials` is no whole number of at least 1.
        Unknown : if there is no such parameter.
        """
        start = self._start(candidate.estimator, candidate.task)
        for name in candidate.parameters:
            if name not in start:
                raise Unknown(f"parameter of {self.name}", name, start)
        if self.n_inner_trials(candidate) < 1:
            raise BadInput(f"n_trials is {candidate.parameters['n_trials']}, but must be a whole number of at least 1")
        return start | candidate.parameters


class InnerFolds:
    """Purged folds of training rows.

    Raises
    ------
    BadInput : if the rows come without their times.
    """

    def __init__(self, rows: TrainingRows, n_folds: int) -> None:
        if rows.spans is None:
            raise BadInput("tuning on inner folds needs the times of the rows: pass their spans")
        self._rows, self._folds = rows, purged_folds(*rows.spans, n_folds=n_folds)
        self._parts = [rows.part(fold.train) for fold in self._folds]

    @property
    def rows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The rows to train on and those to test, of each fold."""
        return [(fold.train, fold.test) for fold in self._folds]

    def scores(self, fit: Callable[[TrainingRows], Model]) -> np.ndarray:
        """Return the score of each row by the model of the fold that tests it: float64 (n_rows,).

        Parameters
        ----------
        fit : fits on the training rows of a fold, each of which selects its own features.
        """
        X, scores = self._rows.X, np.full(len(self._rows), np.nan)
        for fold, part in zip(self._folds, self._parts, strict=True):
            scores[fold.test] = fit(part).predict(X[fold.test])
        return scores

    def loss(self, scores: np.ndarray, task: str) -> float:
        """Return the weighted mean of squared errors, or of log losses, of the rows' scores."""
        y, weight = self._rows.y, self._rows.weight
        total = tested = 0.0
        for fold in self._folds:
            own = weight[fold.test]
            total += float(own @ losses(scores[fold.test], y[fold.test], task))
            tested += float(own.sum())
        return total / tested


def losses(scores: np.ndarray, y: np.ndarray, task: str) -> np.ndarray:
    """Return the squared error of each row, or its log loss: float64 (n_rows,)."""
    if task != CLASSIFICATION:
        return (scores - y) ** 2
    right = np.where(y == 1.0, scores, 1.0 - scores)
    return -np.log(np.maximum(right, _LEAST_PROBABILITY))
