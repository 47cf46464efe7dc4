"""The fits of candidates: their label, the columns of their factor set, their weights and their calibration."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, Model
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.fitted.calibration import NONE, Calibration, fit_calibration
from tradesieve.models.splits import purged_folds
from tradesieve.models.weights import UNIFORM, weights

_INNER_FOLDS = 3
"""On which a calibration is fitted."""


class CandidateRows:
    """Training rows of parts of a dataset, made once for all candidates of one label, factor set and weights.

    Parameters
    ----------
    parts : int64, ascending row numbers of each part, such as the training rows of each fold; None for all rows.
    """

    def __init__(self, dataset: Dataset, parts: Sequence[np.ndarray | None]) -> None:
        self._dataset, self._parts = dataset, parts
        self._rows: dict[tuple[str, ...], TrainingRows] = {}
        self._columns: dict[str, np.ndarray] = {}
        self._lock, self._columns_lock = threading.Lock(), threading.Lock()

    def of(self, candidate: Candidate, part: int) -> TrainingRows:
        """Return the rows of a part that a candidate is fitted on: those whose label is known.

        Raises
        ------
        BadInput : if no row is left.
        Unknown : if the dataset has no such label or factor set.
        """
        key = (candidate.label, candidate.factors, candidate.weights, str(part))
        with self._lock:
            if key not in self._rows:
                self._rows[key] = self._make(candidate, self._parts[part])
            return self._rows[key]

    def fit(self, candidate: Candidate, part: int, *, seed: int, members: Sequence[Model]) -> Model:
        """Fit a candidate on a part.

        Parameters
        ----------
        members : the models of `members_of` the candidate, on the same part.
        """
        if candidate.calibration != NONE:
            (model,) = members
            return model.calibrated(self._calibration(candidate, part, seed))
        rows = self.of(candidate, part)
        model = engine_named(candidate.engine).fit_rows(candidate, rows, seed=seed, members=members)
        columns = self._dataset.columns_of(candidate.factors)
        if members or columns is None:  # members read the full X already
            return model
        return model.widened(columns, len(self._dataset.feature_names))

    def fit_with_members(self, candidate: Candidate, part: int, *, seed: int) -> Model:
        """Fit what a candidate is made of on a part, and then the candidate itself."""
        members = [self.fit_with_members(one, part, seed=seed) for one in members_of(candidate)]
        return self.fit(candidate, part, seed=seed, members=members)

    def _calibration(self, candidate: Candidate, part: int, seed: int) -> Calibration:
        """Fit a calibration on the scores of the part's rows, each by a model of inner folds that are purged of it."""
        (plain,), dataset = members_of(candidate), self._dataset
        y = dataset.targets(candidate.label)
        rows = self._known(y, self._parts[part])
        rows = np.arange(len(dataset)) if rows is None else rows
        scores = np.full(len(rows), np.nan)
        for fold in purged_folds(dataset.decision_time[rows], dataset.span_end[rows], n_folds=_INNER_FOLDS):
            inner = self._make(plain, rows[fold.train])
            model = engine_named(plain.engine).fit_rows(plain, inner, seed=seed)
            scores[fold.test] = model.predict(self._features(candidate)[rows[fold.test]])
        weight = self.of(candidate, part).weight
        return fit_calibration(candidate.calibration, scores, y[rows], weight)

    def _make(self, candidate: Candidate, given: np.ndarray | None) -> TrainingRows:
        dataset, y = self._dataset, self._dataset.targets(candidate.label)
        rows, weight = self._known(y, given), dataset.weight
        if candidate.weights != UNIFORM:
            weighed = np.arange(len(dataset)) if rows is None else rows
            weight = weight.copy()
            weight[weighed] = weights(candidate.weights, dataset, weighed)
        columns, names = dataset.columns_of(candidate.factors), dataset.feature_names
        if columns is not None:
            names = tuple(names[column] for column in columns)
        spans = (dataset.decision_time, dataset.span_end)
        return TrainingRows(self._features(candidate), y, weight, feature_names=names, spans=spans, rows=rows)

    def _known(self, y: np.ndarray, rows: np.ndarray | None) -> np.ndarray | None:
        """Return the rows whose label is known; None if that is every row of the dataset."""
        n_given = len(self._dataset) if rows is None else len(rows)
        if not n_given:
            raise BadInput("no training row is left after purging")
        if not np.isnan(y).any():
            return rows
        known = np.flatnonzero(~np.isnan(y)) if rows is None else rows[~np.isnan(y[rows])]
        if not len(known):
            raise BadInput(f"the label of all {n_given} training rows is unknown")
        return known

    def _features(self, candidate: Candidate) -> np.ndarray:
        """Return the features that a candidate reads, of all rows; a factor set's are copied once."""
        columns = self._dataset.columns_of(candidate.factors)
        if columns is None:
            return self._dataset.X
        with self._columns_lock:
            if candidate.factors not in self._columns:
                self._columns[candidate.factors] = np.ascontiguousarray(self._dataset.X[:, columns])
            return self._columns[candidate.factors]


def members_of(candidate: Candidate) -> tuple[Candidate, ...]:
    """Name the candidates whose models on the same rows this one is made of; none for one that is fitted by itself.

    A calibrated one is made of itself without the calibration.
    """
    if candidate.calibration != NONE:
        return (replace(candidate, calibration=NONE),)
    return engine_named(candidate.engine).members(candidate)
