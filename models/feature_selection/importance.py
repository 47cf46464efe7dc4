"""Permutation importance on purged inner folds, of single columns and of clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradesieve.models.feature_selection.selection_rows import SelectionRows
from tradesieve.models.feature_selection.trees import boosted_trees
from tradesieve.models.splits import Fold, purged_folds

_FOLDS = 5
_CONFIDENCE = 0.95
_CORRELATION = 0.5
"""Columns whose ranks correlate at least by this are of one cluster."""


def permutation_importance(rows: SelectionRows) -> np.ndarray:
    """Keep columns without which trees predict worse out of fold (Breiman, 2001; Lopez de Prado, 2018, chapter 8).

    A column that has a double is important on neither of them; see `clustered_importance`.

    Raises
    ------
    BadInput : if the rows have no times, or are too few for purged folds.
    """
    return _important(rows, [np.array([column]) for column in range(rows.X.shape[1])], "permutation")


def clustered_importance(rows: SelectionRows) -> np.ndarray:
    """Keep the clusters without which trees predict worse out of fold (Lopez de Prado, 2020, chapter 6).

    Columns are put together by the correlation of their ranks, and those of a cluster are permuted together: what one
    of them says, another cannot say in its place.

    Raises
    ------
    BadInput : as `permutation_importance`.
    """
    from tradesieve.features.profiling.clusters import (  # needs pandas; applying a model does not
        cluster_features,
        rank_correlation,
        rank_features,
    )

    code = cluster_features(rank_correlation(rank_features(rows.X)), threshold=_CORRELATION).code
    return _important(rows, [np.flatnonzero(code == cluster) for cluster in range(code.max() + 1)], "clustered")


def inner_folds(rows: SelectionRows, name: str) -> list[Fold]:
    """Split the rows into purged folds, as the plan does with all of them; no embargo, since nothing is judged here."""
    decision_time, exit_time = rows.required_spans(name)
    return purged_folds(decision_time, exit_time, n_folds=_FOLDS)


def _important(rows: SelectionRows, groups: Sequence[np.ndarray], name: str) -> np.ndarray:
    """Return the columns of the groups whose importance is surely above zero, by Student's t over the folds."""
    from scipy.special import stdtrit

    importance = np.array([_of_fold(rows, fold, groups) for fold in inner_folds(rows, name)])
    error = importance.std(axis=0, ddof=1) / np.sqrt(len(importance))
    mean = importance.mean(axis=0)
    sure = mean > float(stdtrit(len(importance) - 1, _CONFIDENCE)) * error
    kept = [group for group, important in zip(groups, sure, strict=True) if important]
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)


def _of_fold(rows: SelectionRows, fold: Fold, groups: Sequence[np.ndarray]) -> np.ndarray:
    """Return by how much the squared loss on the test rows grows when a group is permuted: float64 (n_groups,)."""
    predict, used = boosted_trees(rows.X[fold.train], rows.y[fold.train], seed=rows.seed)
    X, y = rows.X[fold.test], rows.y[fold.test]
    order = np.random.default_rng(rows.seed).permutation(len(X))
    loss = float(np.mean((predict(X) - y) ** 2))
    importance = np.zeros(len(groups))
    for number, group in enumerate(groups):
        if used[group].any():
            permuted = X.copy()
            permuted[:, group] = X[np.ix_(order, group)]
            importance[number] = float(np.mean((predict(permuted) - y) ** 2)) - loss
    return importance
