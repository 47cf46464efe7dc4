"""The fits of candidates: their label, the columns that they read, their weights, their calibration and scope."""

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
from tradesieve.models.fitted.grouped_model import GroupedModel
from tradesieve.models.fitted.grouping import Grouping
from tradesieve.models.scopes.base import groups_to_fit
from tradesieve.models.scopes.registry import POOLED, scope_named
from tradesieve.models.splits import Fold, purged_folds
from tradesieve.models.weights import UNIFORM, weights

_INNER_FOLDS = 3
"""On which a calibration is fitted."""


class CandidateRows:
    """Training rows of parts of a dataset, made once for all candidates of one label, weights and set of columns.

    Parameters
    ----------
    parts : int64, ascending row numbers of each part, such as the training rows of each fold; None for all rows.
    """

    def __init__(self, dataset: Dataset, parts: Sequence[np.ndarray | None]) -> None:
        self._dataset, self._parts = dataset, parts
        self._rows: dict[tuple[str, ...], TrainingRows] = {}
        self._columns: dict[tuple[str, ...], np.ndarray] = {}
        self._lock, self._columns_lock = threading.Lock(), threading.Lock()

    def of(self, candidate: Candidate, part: int) -> TrainingRows:
        """Return the rows of a part that a candidate is fitted on: those whose label is known.

        Raises
        ------
        BadInput : if no row is left.
        Unknown : if the dataset has no such label or factor set.
        """
        key = (candidate.label, candidate.weights, str(part), *_columns_key(candidate))
        with self._lock:
            if key not in self._rows:
                self._rows[key] = self.training_rows(candidate, self._parts[part])
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
        if scope_named(candidate.scope).is_grouped:
            (pooled,) = members
            return self._fit_groups(candidate, self._row_numbers(part), pooled, seed)
        model = engine_named(candidate.engine).fit_rows(candidate, self.of(candidate, part), seed=seed, members=members)
        return model if members else self._widened(model, candidate)  # members read the full X already

    def fit_with_members(self, candidate: Candidate, part: int, *, seed: int) -> Model:
        """Fit what a candidate is made of on a part, and then the candidate itself."""
        members = [self.fit_with_members(one, part, seed=seed) for one in members_of(candidate)]
        return self.fit(candidate, part, seed=seed, members=members)

    def _fit_groups(self, candidate: Candidate, rows: np.ndarray, pooled: Model, seed: int) -> Model:
        """Fit a model on each group of rows that is large enough."""
        plain = replace(candidate, scope=POOLED)
        grouping, of_groups = self.group_rows(candidate, rows)
        return GroupedModel(
            pooled, {group: self._fit_on(plain, own, seed) for group, own in of_groups.items()}, grouping
        )

    def group_rows(self, candidate: Candidate, rows: np.ndarray) -> tuple[Grouping, dict[int, np.ndarray]]:
        """Fit the grouping of a candidate's scope on rows, and return those of each group that is large enough.

        Parameters
        ----------
        rows : int64, ascending row numbers of the dataset.
        """
        dataset = self._dataset
        grouping = scope_named(candidate.scope).fit_grouping(dataset.X[rows], dataset.feature_names)
        groups = grouping(dataset.X[rows])
        to_fit = groups_to_fit(groups, dataset.targets(candidate.label)[rows])
        return grouping, {group: rows[groups == group] for group in to_fit}

    def _fit_on(self, candidate: Candidate, rows: np.ndarray, seed: int) -> Model:
        """Fit a candidate without a calibration, and what it is made of, on some rows."""
        if scope_named(candidate.scope).is_grouped:
            pooled = self._fit_on(replace(candidate, scope=POOLED), rows, seed)
            return self._fit_groups(candidate, rows, pooled, seed)
        model = engine_named(candidate.engine).fit_rows(candidate, self.training_rows(candidate, rows), seed=seed)
        return self._widened(model, candidate)

    def _widened(self, model: Model, candidate: Candidate) -> Model:
        """Return a model of the columns that a candidate reads as one of the full X."""
        columns = self.columns_of(candidate)
        return model if columns is None else model.widened(columns, len(self._dataset.feature_names))

    def columns_of(self, candidate: Candidate) -> np.ndarray | None:
        """Return the columns that the models of a candidate read, int64, ascending; None where they read all."""
        read = scope_named(candidate.scope).indicators
        named = [name for name in self._dataset.scope_columns if name.partition("=")[0] in read and "=" in name]
        return self._dataset.columns_of(candidate.factors, categories=named)

    def _row_numbers(self, part: int) -> np.ndarray:
        rows = self._parts[part]
        return np.arange(len(self._dataset)) if rows is None else rows

    def _calibration(self, candidate: Candidate, part: int, seed: int) -> Calibration:
        """Fit a calibration on the scores of the part's rows, each by a model of inner folds that are purged of it."""
        (plain,), dataset = members_of(candidate), self._dataset
        y = dataset.targets(candidate.label)
        rows, folds = self.inner_folds(candidate, part)
        scores = np.full(len(rows), np.nan)
        for fold in folds:
            scores[fold.test] = self._fit_on(plain, rows[fold.train], seed).predict(dataset.X[rows[fold.test]])
        weight = self.of(candidate, part).weight
        return fit_calibration(candidate.calibration, scores, y[rows], weight)

    def inner_folds(self, candidate: Candidate, part: int) -> tuple[np.ndarray, list[Fold]]:
        """Return the row numbers of a part whose label is known, and folds of these for a calibration."""
        dataset = self._dataset
        known = self._known(dataset.targets(candidate.label), self._parts[part])
        rows = np.arange(len(dataset)) if known is None else known
        return rows, purged_folds(dataset.decision_time[rows], dataset.span_end[rows], n_folds=_INNER_FOLDS)

    def training_rows(self, candidate: Candidate, given: np.ndarray | None) -> TrainingRows:
        """Make the rows that a candidate is fitted on: of those given, int64 and ascending, those of known label.

        Parameters
        ----------
        given : row numbers; None for all.
        """
        dataset, y = self._dataset, self._dataset.targets(candidate.label)
        rows, weight = self._known(y, given), dataset.weight
        if candidate.weights != UNIFORM:
            weighed = np.arange(len(dataset)) if rows is None else rows
            weight = weight.copy()
            weight[weighed] = weights(candidate.weights, dataset, weighed)
        columns, names = self.columns_of(candidate), dataset.feature_names
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
        """Return the features that a candidate reads, of all rows; where they are not all, they are copied once."""
        columns, key = self.columns_of(candidate), _columns_key(candidate)
        if columns is None:
            return self._dataset.X
        with self._columns_lock:
            if key not in self._columns:
                self._columns[key] = np.ascontiguousarray(self._dataset.X[:, columns])
            return self._columns[key]


def _columns_key(candidate: Candidate) -> tuple[str, ...]:
    return (candidate.factors, *scope_named(candidate.scope).indicators)


def members_of(candidate: Candidate) -> tuple[Candidate, ...]:
    """Name the candidates whose models on the same rows this one is made of; none for one that is fitted by itself.

    A calibrated one is made of itself without the calibration; one of groups needs the pooled model.
    """
    if candidate.calibration != NONE:
        return (replace(candidate, calibration=NONE),)
    if scope_named(candidate.scope).is_grouped:
        return (replace(candidate, scope=POOLED),)
    return engine_named(candidate.engine).members(candidate)
