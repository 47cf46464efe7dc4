"""Feature selection, fitted inside the fold: the columns of X that a candidate's model reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tradesieve.features.inputs import is_beside
from tradesieve.market.errors import BadInput, Unknown

_KEPT = 0.5
"""The fraction of the columns that a ranking keeps."""
_DUPLICATE = 0.95
"""Columns with a higher absolute correlation are duplicates."""
_BINS = 10
"""Quantile bins of a factor in the mutual information, besides one for NaN."""


OWN_SYMBOL = "own_symbol"
"""The method that drops the features of symbols beside the decision's: its model requires the bars of no other."""


def select(
    name: str, X: np.ndarray, y: np.ndarray, *, seed: int, feature_names: Sequence[str] | None = None
) -> np.ndarray:
    """Select columns on the given rows, which must be training rows only.

    Parameters
    ----------
    name : ``all``, ``univariate`` (the better half by ANOVA's F), ``mutual_information`` (the better half by mutual
        information with the label, where NaN is a value of its own), or ``correlation`` (drops constants, and all but
        the first of columns that correlate beyond 0.95). The first two ask whether the target is above zero. Or
        `OWN_SYMBOL`, which goes by the names of the features.
    X : float64 (n_rows, n_features), NaN where unknown.
    y : float64 (n_rows,), the targets.
    seed : for methods that draw at random; none does.
    feature_names : of the columns; only `OWN_SYMBOL` needs them.

    Returns
    -------
    int64 column numbers, ascending, at least one.

    Raises
    ------
    Unknown : if there is no such method.
    BadInput : if `X` has no column or no row, `y` does not fit it, or no column is left.
    """
    check_selection(name)
    if X.ndim != 2 or not X.size or y.shape != (len(X),):
        raise BadInput(f"X has shape {X.shape} and y {y.shape}: selection needs rows, columns and one y per row")
    if name == OWN_SYMBOL:
        return _own_symbol(X, feature_names)
    return SELECTIONS[name](X, (y > 0.0).astype(np.float64), seed)


def check_selection(name: str) -> None:
    """Raise Unknown if there is no such method."""
    if name not in SELECTIONS and name != OWN_SYMBOL:
        raise Unknown("selection", name, (*SELECTIONS, OWN_SYMBOL))


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


def _own_symbol(X: np.ndarray, feature_names: Sequence[str] | None) -> np.ndarray:
    if feature_names is None or len(feature_names) != X.shape[1]:
        raise BadInput(f"selection {OWN_SYMBOL} needs the names of the {X.shape[1]} features")
    own = np.flatnonzero([not is_beside(name) for name in feature_names])
    if not len(own):
        raise BadInput("every feature reads another symbol than the decision's")
    return own.astype(np.int64)


def _all(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return np.arange(X.shape[1], dtype=np.int64)


def _univariate(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return _better_half(f_statistic(X, y))


def _mutual_information(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    return _better_half(mutual_information(X, y))


def _better_half(merit: np.ndarray) -> np.ndarray:
    n_kept = int(np.ceil(len(merit) * _KEPT))
    # NaN ranks last; among equals the first column wins.
    order = np.argsort(-np.where(np.isnan(merit), -np.inf, merit), kind="stable")
    return np.sort(order[:n_kept]).astype(np.int64)


def _correlation(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    missing = np.isnan(X)
    empty = missing.all(axis=0)
    medians = np.zeros(X.shape[1])
    medians[~empty] = np.nanmedian(X[:, ~empty], axis=0)
    filled = np.where(missing, medians, X)
    # Rounding may leave a constant some spread: compare the extremes instead.
    varies = np.flatnonzero(filled.max(axis=0) > filled.min(axis=0))
    if not len(varies):
        return np.zeros(1, dtype=np.int64)
    deviation = filled[:, varies] - filled[:, varies].mean(axis=0)
    norm = np.sqrt((deviation**2).sum(axis=0))
    deviation /= np.where(norm > 0, norm, 1.0)
    duplicate = np.abs(deviation.T @ deviation) > _DUPLICATE
    kept: list[int] = []
    for column in range(len(varies)):
        if not duplicate[column, kept].any():
            kept.append(column)
    return varies[kept].astype(np.int64)


SELECTIONS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "all": _all,
    "univariate": _univariate,
    "mutual_information": _mutual_information,
    "correlation": _correlation,
}
"""The methods by the values of the columns, which random candidates are drawn from."""
