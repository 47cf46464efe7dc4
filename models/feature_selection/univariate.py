"""One column at a time: how well each tells good trades from bad, the target being above zero."""

from __future__ import annotations

import numpy as np

from tradesieve.models.feature_selection.selection_rows import SelectionRows

_KEPT = 0.5
"""The fraction of the columns that a ranking keeps."""
_BINS = 10
"""Quantile bins of a factor in the mutual information, besides one for NaN."""


def better_half_by_f(rows: SelectionRows) -> np.ndarray:
    """Keep the better half of the columns by ANOVA's F, see `f_statistic`."""
    return _better_half(f_statistic(rows.X, rows.positive))


def better_half_by_information(rows: SelectionRows) -> np.ndarray:
    """Keep the better half of the columns by `mutual_information`."""
    return _better_half(mutual_information(rows.X, rows.positive))


def f_statistic(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compute ANOVA's F of each column between the two classes of `y`, ignoring NaN.

    Equals: ``scipy.stats.f_oneway`` of the known values. (``sklearn.feature_selection.f_classif`` works with sums of
    squares and loses every digit on a column far from zero, such as a price.) NaN where a column is constant or a class
    has no value; infinite where the classes are constant and differ.
    """
    known = ~np.isnan(X)
    counts, means = [], []
    within = np.zeros(X.shape[1])
    for label in (0.0, 1.0):
        rows = y == label
        count = known[rows].sum(axis=0)
        total = np.where(known[rows], X[rows], 0.0).sum(axis=0)
        mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        within += np.where(known[rows], (X[rows] - mean) ** 2, 0.0).sum(axis=0)
        counts.append(count)
        means.append(mean)
    n = counts[0] + counts[1]
    between = counts[0] * counts[1] / np.maximum(n, 1) * (means[0] - means[1]) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = between / (within / (n - 2))
    # The mean of a constant has a rounding error, and one rounding error over another is any number.
    varies = np.where(known, X, -np.inf).max(axis=0) > np.where(known, X, np.inf).min(axis=0)
    return np.where(varies, statistic, np.nan)


def mutual_information(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Estimate each column's mutual information with `y`, in nats, from ten quantile bins and a bin for NaN."""
    positive = y == 1.0
    information = np.zeros(X.shape[1])
    for column, values in enumerate(X.T):
        known = ~np.isnan(values)
        bins = np.full(len(values), _BINS)
        if known.any():
            edges = np.unique(np.quantile(values[known], np.arange(1, _BINS) / _BINS))
            bins[known] = np.searchsorted(edges, values[known], side="left")
        joint = np.stack([np.bincount(bins[side], minlength=_BINS + 1) for side in (~positive, positive)]) / len(values)
        independent = joint.sum(axis=0) * joint.sum(axis=1, keepdims=True)
        some = joint > 0
        information[column] = np.sum(joint[some] * np.log(joint[some] / independent[some]))
    return information


def _better_half(merit: np.ndarray) -> np.ndarray:
    n_kept = int(np.ceil(len(merit) * _KEPT))
    # NaN ranks last; among equals the first column wins.
    order = np.argsort(-np.where(np.isnan(merit), -np.inf, merit), kind="stable")
    return np.sort(order[:n_kept])
