"""Effects of features on the winner's scores: permutation importance on unseen rows, and SHAP values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tradesieve.models.engines.base import Model
from tradesieve.models.protocol.importance import permutation_importance
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.splits import Fold

_N_BLOCKS = 5


@dataclass(frozen=True, eq=False)
class FeatureEffects:
    """What the features do to the winner's scores, the most important first.

    Parameters
    ----------
    names : of the features.
    loss, error : float64 (n_features,), skill that is lost without each, and its standard error, see
        `importance.Importance`.
    shap : float64 (n_features,), mean absolute SHAP value, as a share of the sum over all features; None for a model
        without them.
    direction : float64 (n_features,), rank correlation of the feature with the scores.
    skill : rank correlation of the scores with the net returns.
    n_rows : rows that the skill is measured on.
    """

    names: tuple[str, ...]
    loss: np.ndarray
    error: np.ndarray
    shap: np.ndarray | None
    direction: np.ndarray
    skill: float
    n_rows: int


def measure_effects(
    searched: SearchResult, folds: Sequence[Fold], *, seed: int, n_rows: int = 800, n_jobs: int = 2
) -> FeatureEffects | None:
    """Measure the effects of the winner's features; None without a winner.

    1. Measure the permutation importance on the last rows that the last fold tests, which a fit on its training rows
       has not seen. One fold, because each takes a fit; its errors are those over five blocks of time.
    2. Split the scores of the winner itself on these rows into what each feature adds: SHAP values (Lundberg and Lee,
       2017). They describe the model, so they need no unseen rows.

    Parameters
    ----------
    folds : on which the trials were scored.
    """
    if searched.winner is None or searched.model is None:
        return None
    dataset, last = searched.dataset, folds[-1]
    rows = last.test[-n_rows:]
    found = permutation_importance(
        dataset, searched.winner.candidate, [replace(last, test=rows)], seed=seed, n_jobs=n_jobs, n_blocks=_N_BLOCKS
    )
    shares = _shares(searched.model, dataset.X[rows], dataset.feature_names)
    shap = None if shares is None else np.array([shares.get(name, 0.0) for name in found.names])
    return FeatureEffects(found.names, found.loss, found.error, shap, found.direction, found.skill, len(rows))


def _shares(model: Model, X: np.ndarray, names: Sequence[str]) -> dict[str, float] | None:
    contributions = model.contributions(X)
    if contributions is None:
        return None
    sizes = np.abs(contributions).mean(axis=0)
    total = float(sizes.sum())
    of_columns = zip(model.columns, sizes, strict=True)
    return {names[column]: float(size) / total if total > 0 else 0.0 for column, size in of_columns}
