"""PyCaret's best models combined: its blending, stacking and calibration, on purged inner folds.

PyCaret's own verbs split and rank in ways that leak, see `models.engines.pycaret`, so their arithmetic is here: every
fit tries PyCaret's models on its inner folds, ranks them by loss, and combines the best.

- blend: the mean of their scores, as a soft vote.
- stack: a logistic regression of the outcome on their out-of-fold probabilities, a linear one on predictions.
- calibrated: the best one, its probabilities mapped by Platt's sigmoid or isotonically, fitted out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.pycaret import PyCaretEngine
from tradesieve.models.engines.search_spaces import Range, Space, draw
from tradesieve.models.engines.training_rows import SelectedRows
from tradesieve.models.engines.tuning import InnerFolds, TuningEngine
from tradesieve.models.fitted.calibration import ISOTONIC, SIGMOID, Calibration, fit_calibration
from tradesieve.models.fitted.combination import ScikitCombinationModel
from tradesieve.models.fitted.model import ScikitModel
from tradesieve.models.labels.base import CLASSIFICATION

_BLEND, _STACK, _CALIBRATED = "blend", "stack", "calibrated"
_TUNING: dict[str, Any] = {"n_trials": 6, "n_inner_folds": 3}
_STARTS: Mapping[str, dict[str, Any]] = {
    _BLEND: _TUNING | {"n_best": 3},
    _STACK: _TUNING | {"n_best": 3},
    _CALIBRATED: _TUNING | {"method": SIGMOID},
}
_TUNING_SPACE: Space = {"n_trials": Range(6, 18, whole=True), "n_inner_folds": [3, 4, 5]}
_SPACES: Mapping[str, Space] = {
    _BLEND: {**_TUNING_SPACE, "n_best": [2, 3, 4, 5]},
    _STACK: {**_TUNING_SPACE, "n_best": [2, 3, 4, 5]},
    _CALIBRATED: {**_TUNING_SPACE, "method": [SIGMOID, ISOTONIC]},
}
_LOGISTIC = Calibration(SIGMOID, (1.0,), (0.0,))


class PyCaretEnsembleEngine(TuningEngine):
    """Combinations of PyCaret's best models."""

    name: ClassVar[str] = "pycaret_ensemble"
    library: ClassVar[str] = "pycaret"
    extra: ClassVar[str] = "pycaret"
    _pycaret = PyCaretEngine()

    def estimators(self, task: str = CLASSIFICATION) -> tuple[str, ...]:
        return (_BLEND, _STACK, _CALIBRATED) if task == CLASSIFICATION else (_BLEND, _STACK)

    def _start(self, estimator: str, task: str) -> dict[str, Any]:
        return dict(_STARTS[estimator])

    def _draw(self, estimator: str, task: str, generator: np.random.Generator) -> dict[str, Any]:
        return draw(_SPACES[estimator], generator)

    def _fit(self, candidate: Candidate, rows: SelectedRows, seed: int) -> ScikitCombinationModel:
        """Rank and combine.

        1. Split the training rows into purged folds; each selects its own features.
        2. Score PyCaret's families at their defaults, then random points of their spaces, on each fold.
        3. Fit those of the least loss on all training rows, and combine them by their out-of-fold scores.
        """
        settings = self._settings(candidate)
        folds = InnerFolds(rows.rows, settings["n_inner_folds"])
        ranked = []
        for tried in self._tried(candidate, settings["n_trials"], seed):
            scores = folds.scores(partial(self._pycaret.fit_rows, tried, seed=seed))
            ranked.append((folds.loss(scores, candidate.task), tried, scores))
        ranked.sort(key=lambda one: one[0])
        best = ranked[: settings.get("n_best", 1)]
        members = [self._pycaret._fit(tried, rows, seed) for _, tried, _ in best]
        out_of_fold = [scores for *_, scores in best]
        if candidate.estimator == _CALIBRATED:
            link = fit_calibration(settings["method"], out_of_fold[0], rows.y, rows.weight)
            return ScikitCombinationModel(members, [1.0], link=link)
        if candidate.estimator == _BLEND:
            return ScikitCombinationModel(members, [1 / len(members)] * len(members))
        return _stacked(members, out_of_fold, rows, candidate.task)

    def _tried(self, candidate: Candidate, n_trials: int, seed: int) -> list[Candidate]:
        found = self._pycaret.candidates(n_trials, seed=seed, task=candidate.task)
        chosen = [replace(one, selection=candidate.selection) for one in found]
        return list({one.key: one for one in chosen}.values())


def _stacked(
    members: Sequence[ScikitModel], scores: Sequence[np.ndarray], rows: SelectedRows, task: str
) -> ScikitCombinationModel:
    """Weigh members by a regression of the outcomes on their scores, as PyCaret's stacks do by default."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    final = LogisticRegression(max_iter=1000) if task == CLASSIFICATION else LinearRegression()
    final.fit(np.column_stack(scores), rows.y, sample_weight=rows.weight)
    weights, intercept = np.ravel(final.coef_).tolist(), float(np.ravel(final.intercept_)[0])
    link = _LOGISTIC if task == CLASSIFICATION else None
    return ScikitCombinationModel(members, weights, intercept=intercept, link=link)
