"""Clusters of features with the same information, by the correlation of their ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradesieve.features.profiling.summary import checked_matrix
from tradesieve.market.errors import BadInput

_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Clusters:
    """Features with the same information, grouped.

    Parameters
    ----------
    code : int64 (n_features,), the cluster of each feature, 0 for the largest one.
    representative : int64 (n_clusters,), the feature that correlates most with the others of its cluster.
    order : int64 (n_features,), the features, those of a cluster and similar clusters side by side.
    """

    code: np.ndarray
    representative: np.ndarray
    order: np.ndarray


def rank_features(X: np.ndarray) -> np.ndarray:
    """Rank each feature among its own values.

    Parameters
    ----------
    X : float64 (n_rows, n_features).

    Returns
    -------
    float64 (n_features, n_rows): ranks brought to between -1 and 1 with a mean of 0, so that their sums of squares lose
    no digits. NaN where the feature has no value, all 0 for a constant.
    """
    checked_matrix(X)
    ranks = np.full((X.shape[1], len(X)), np.nan)
    for row, values in zip(ranks, X.T, strict=True):
        known = ~np.isnan(values)
        n = int(np.count_nonzero(known))
        row[known] = (2 * average_ranks(values[known]) - n - 1) / max(n, 1)
    return ranks


def average_ranks(values: np.ndarray, group: np.ndarray | None = None) -> np.ndarray:
    """Rank values from 1 on, within each group; equal ones share the mean of their ranks.

    Equals: ``scipy.stats.rankdata`` of each group, in a third of its time.

    Parameters
    ----------
    values : float64 (n,), without NaN.
    group : int64 (n,), at least 0; all are one group when None.
    """
    order = np.argsort(values)
    if group is not None:
        order = order[np.argsort(group[order].astype(np.int16), kind="stable")]
    ascending = values[order]
    new = np.ones(len(values), np.bool_)
    new[1:] = ascending[1:] != ascending[:-1]
    start = np.zeros(1, np.int64)
    if group is not None:
        size = np.bincount(group)
        start = np.cumsum(size) - size
        new[start[size > 0]] = True
    first = np.flatnonzero(new)
    count = np.diff(np.append(first, len(values)))
    before = start[group[order[first]]] if group is not None else 0
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(first - before + (count + 1) / 2, count)
    return ranks


def rank_correlation(ranks: np.ndarray) -> np.ndarray:
    """Correlate the ranks of features (Spearman, 1904), two of them over the rows at which both have a value.

    Parameters
    ----------
    ranks : float64 (n_features, n_rows), as `rank_features`.

    Returns
    -------
    float64 (n_features, n_features), symmetric, with ones on its diagonal. NaN for a feature that is constant, and for
    two that share fewer than three rows.

    Equals: ``scipy.stats.spearmanr`` where no value is NaN.
    """
    n_features, n = ranks.shape
    count, total, squares, products = sums = np.zeros((4, n_features, n_features))
    for start in range(0, n, _BLOCK):
        block = ranks[:, start : start + _BLOCK]
        known = ~np.isnan(block)
        if known.all():
            count += block.shape[1]
            total += block.sum(axis=1)[:, None]
            squares += (block**2).sum(axis=1)[:, None]
            products += block @ block.T
        else:
            filled, there = np.where(known, block, 0.0), known.astype(np.float64)
            sums += (there @ there.T, filled @ there.T, (filled**2) @ there.T, filled @ filled.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = squares - total**2 / count
        correlation = (products - total * total.T / count) / np.sqrt(spread * spread.T)
    # Of what is constant over the rows that two share, rounding may leave some spread.
    varies = spread > 1e-12 * squares
    defined = (count >= 3) & varies & varies.T
    correlation = np.where(defined, np.clip(correlation, -1.0, 1.0), np.nan)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def cluster_features(correlation: np.ndarray, *, threshold: float = 0.7) -> Clusters:
    """Group features whose ranks correlate, positively or negatively.

    Hierarchical clustering with complete linkage (Sorensen, 1948) of the distance ``1 - |correlation|``: any two
    features of a cluster correlate by at least `threshold`. An undefined correlation counts as none.

    Parameters
    ----------
    correlation : float64 (n_features, n_features), as `rank_correlation`.
    threshold : between 0 and 1.

    Raises
    ------
    BadInput : if the correlation is not square, or the threshold is not between 0 and 1.
    """
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    n = len(correlation)
    if correlation.shape != (n, n) or not n:
        raise BadInput(f"correlation has shape {correlation.shape}, expected as many rows as columns")
    if not 0 < threshold < 1:
        raise BadInput(f"threshold is {threshold}: features are put together from a correlation between 0 and 1 on")
    strength = np.nan_to_num(np.abs(correlation))
    np.fill_diagonal(strength, 1.0)
    if n == 1:
        return Clusters(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))
    tree = linkage(squareform(1.0 - strength, checks=False), method="complete", optimal_ordering=True)
    found = fcluster(tree, t=1.0 - threshold, criterion="distance")
    labels, first, size = np.unique(found, return_index=True, return_counts=True)
    ranking = np.lexsort((first, -size))
    code = np.empty(labels.max() + 1, np.int64)
    code[labels[ranking]] = np.arange(len(labels))
    code = code[found]
    representative = np.empty(len(labels), np.int64)
    for cluster in range(len(labels)):
        members = np.flatnonzero(code == cluster)
        representative[cluster] = members[np.argmax(strength[np.ix_(members, members)].sum(axis=1))]
    return Clusters(code, representative, leaves_list(tree).astype(np.int64))
