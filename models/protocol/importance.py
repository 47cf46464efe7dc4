"""Importance of features: what the winner loses on trades that it has not seen when one of them says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.protocol.search import refit
from tradesieve.models.splits import Fold

_MOST_ROWS = 2000


@dataclass(frozen=True, eq=False)
class Importance:
    """How a model uses its features, out of fold.

    Parameters
    ----------
    names : of the features that the model reads in some fold, the most important first.
    loss : float64 (n_features,), mean over the folds of the skill that is lost without each feature.
    error : float64 (n_features,), standard error of the mean over the folds, or over their blocks.
    direction : float64 (n_features,), rank correlation of the feature with the model's scores: above zero, higher
        values speak for a trade. Near zero, the feature matters in both directions, or together with others.
    skill : mean over the same of the rank correlation of the scores with the net returns.
    """

    names: tuple[str, ...]
    loss: np.ndarray
    error: np.ndarray
    direction: np.ndarray
    skill: float


def permutation_importance(
    dataset: Dataset,
    candidate: Candidate,
    folds: Sequence[Fold],
    *,
    seed: int,
    n_jobs: int = 2,
    n_blocks: int = 1,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Importance:
    """Measure the importance of each feature on the test rows of every fold (Breiman, 2001).

    1. Fit the candidate on the training rows of each fold.
    2. Its skill is the rank correlation of its scores on the test rows with their net returns; of more than 2,000 rows,
       those are drawn.
    3. Shuffle one feature among the test rows, score again, and subtract the skill that is left.

    Features that say the same share their importance, because each stands in for the other.

    Parameters
    ----------
    n_blocks : blocks of time that the test rows of each fold are split into; the skill is measured in each.
    on_progress : called with the number of finished folds, their total, and words.
    """
    n_features, kept = len(dataset.feature_names), np.zeros(len(dataset.feature_names), dtype=bool)
    loss, direction = np.zeros((len(folds), n_blocks, n_features)), np.zeros((len(folds), n_features))
    skills = np.zeros((len(folds), n_blocks))
    for number, fold in enumerate(folds):
        if on_progress is not None:
            on_progress(number, len(folds), f"fold {number}")
        random = np.random.default_rng([seed, number])
        model = refit(candidate, dataset.take(fold.train), seed=seed, n_jobs=n_jobs)
        rows = np.sort(random.permutation(fold.test)[:_MOST_ROWS])
        X, earned = dataset.X[rows].copy(), dataset.net_return[rows]
        scores = model.predict(X)
        skills[number] = _skill_by_block(scores, earned, n_blocks)
        for column in model.columns:
            kept[column] = True
            own = X[:, column].copy()
            direction[number, column] = _rank_correlation(own, scores)
            X[:, column] = own[random.permutation(len(own))]
            loss[number, :, column] = skills[number] - _skill_by_block(model.predict(X), earned, n_blocks)
            X[:, column] = own
    lost = loss.reshape(-1, n_features)
    mean = lost.mean(axis=0)
    order = [column for column in np.argsort(-mean, kind="stable") if kept[column]]
    deviation = lost.std(axis=0, ddof=1) if len(lost) > 1 else np.full(n_features, np.nan)
    return Importance(
        tuple(dataset.feature_names[column] for column in order),
        mean[order],
        deviation[order] / np.sqrt(len(lost)),
        direction.mean(axis=0)[order],
        float(np.mean(skills)),
    )


def _skill_by_block(scores: np.ndarray, earned: np.ndarray, n_blocks: int) -> np.ndarray:
    parts = zip(np.array_split(scores, n_blocks), np.array_split(earned, n_blocks), strict=True)
    return np.array([_rank_correlation(*part) for part in parts])


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Correlate ranks over the rows on which both are known; 0 where one is constant."""
    from scipy.stats import rankdata

    known = ~(np.isnan(first) | np.isnan(second))
    if np.count_nonzero(known) < 3 or np.ptp(first[known]) == 0 or np.ptp(second[known]) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(first[known]), rankdata(second[known]))[0, 1])
