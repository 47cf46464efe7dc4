"""The groups of a scope: which of them have a model of their own, and which the pooled model scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.scopes.base import MINIMUM_ROWS, groups_to_fit
from tradesieve.models.scopes.registry import category_columns, scope_named
from tradesieve.models.splits import Fold


def describe_groups(candidate: Candidate, dataset: Dataset, folds: Sequence[Fold]) -> dict[str, Any] | None:
    """Describe the groups of a candidate; None for one without groups.

    Parameters
    ----------
    dataset : the development part.
    folds : those that the candidate was scored on.

    Returns
    -------
    JSON values: ``scope``; ``minimum_rows``, which a group needs for a model of its own; and ``groups``, each with
    ``group``, ``n_rows``, ``own_model`` (of the model fitted on all rows) and ``n_folds_pooled``, the number of folds
    in which the pooled model scores it.
    """
    scope = scope_named(candidate.scope)
    if not scope.is_grouped:
        return None
    y = dataset.targets(candidate.label)

    def fitted(rows: np.ndarray) -> tuple[np.ndarray, list[int]]:
        groups = scope.fit_grouping(dataset.X[rows], dataset.feature_names)(dataset.X[rows])
        return groups, groups_to_fit(groups, y[rows])

    groups, own = fitted(np.arange(len(dataset)))
    of_folds = [set(fitted(fold.train)[1]) for fold in folds]
    names = scope.group_names(category_columns([candidate.scope], dataset.instance_names))
    rows = [
        {
            "group": name,
            "n_rows": int(np.count_nonzero(groups == group)),
            "own_model": group in own,
            "n_folds_pooled": sum(group not in fold for fold in of_folds),
        }
        for group, name in enumerate(names)
    ]
    return {"scope": candidate.scope, "minimum_rows": MINIMUM_ROWS, "groups": rows}
