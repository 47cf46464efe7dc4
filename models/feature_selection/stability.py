"""Stability: columns that say the same in most blocks of time."""

from __future__ import annotations

import numpy as np

from tradesieve.models.feature_selection.selection_rows import SelectionRows

_BLOCKS = 10
_ERRORS = 2.0
"""A mean is kept from so many of its standard errors on; on noise one of thirteen is."""


def stable(rows: SelectionRows) -> np.ndarray:
    """Keep columns whose rank correlation with the target keeps its sign from block to block.

    1. Cut the rows into ten blocks of time with as many rows each, and rank column and target within each (Spearman,
       1904). NaN counts as the middle rank.
    2. Keep a column whose mean correlation over the blocks is two standard errors from zero, estimated from the blocks
       themselves (Fama and MacBeth, 1973): a block counts once, however many trades of one day are in it.

    What works both above and below its middle has no sign, and is not found.
    """
    blocks = np.array_split(np.arange(len(rows.X)), min(_BLOCKS, len(rows.X)))
    if len(blocks) < 2:
        return np.arange(rows.X.shape[1])
    correlations = np.array([_correlations(rows.X[block], rows.y[block]) for block in blocks])
    error = correlations.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    return np.flatnonzero((error > 0) & (np.abs(correlations.mean(axis=0)) >= _ERRORS * error))


def _correlations(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlate the ranks of each column with those of the target: float64 (n_features,), 0 where one is constant."""
    from tradesieve.features.profiling.clusters import rank_features  # needs pandas; applying a model does not

    columns, target = np.nan_to_num(rank_features(X)), rank_features(y[:, None])[0]
    norm = np.sqrt((columns**2).sum(axis=1) * (target**2).sum())
    return np.divide(columns @ target, norm, out=np.zeros(len(columns)), where=norm > 0)
