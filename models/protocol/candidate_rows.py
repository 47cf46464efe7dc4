"""The training rows of candidates: their label, the columns of their factor set, and their weights."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, Model
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.engines.training_rows import TrainingRows
from tradesieve.models.weights import UNIFORM, weights


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
        self._lock = threading.Lock()

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
        """Fit a candidate on a part; `members` are the models of those that it combines, on the same part."""
        rows = self.of(candidate, part)
        model = engine_named(candidate.engine).fit_rows(candidate, rows, seed=seed, members=members)
        columns = self._dataset.columns_of(candidate.factors)
        if members or columns is None:  # members read the full X already
            return model
        return model.widened(columns, len(self._dataset.feature_names))

    def _make(self, candidate: Candidate, rows: np.ndarray | None) -> TrainingRows:
        dataset, y = self._dataset, self._dataset.targets(candidate.label)
        n_given = len(dataset) if rows is None else len(rows)
        if not n_given:
            raise BadInput("no training row is left after purging")
        if np.isnan(y).any():
            rows = np.flatnonzero(~np.isnan(y)) if rows is None else rows[~np.isnan(y[rows])]
            if not len(rows):
                raise BadInput(f"the label of all {n_given} training rows is unknown")
        weight = dataset.weight
        if candidate.weights != UNIFORM:
            weighed = np.arange(len(dataset)) if rows is None else rows
            weight = weight.copy()
            weight[weighed] = weights(candidate.weights, dataset, weighed)
        X, columns = dataset.X, dataset.columns_of(candidate.factors)
        names = dataset.feature_names
        if columns is not None:
            if candidate.factors not in self._columns:
                self._columns[candidate.factors] = np.ascontiguousarray(X[:, columns])
            X, names = self._columns[candidate.factors], tuple(names[column] for column in columns)
        spans = (dataset.decision_time, dataset.span_end)
        return TrainingRows(X, y, weight, feature_names=names, spans=spans, rows=rows)
