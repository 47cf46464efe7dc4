"""Columns that say nothing, or nothing new, whatever the target is."""

from __future__ import annotations

import numpy as np

from tradesieve.models.feature_selection.selection_rows import SelectionRows

_DUPLICATE = 0.95
"""Columns with a higher absolute correlation are duplicates."""
_NEARLY_CONSTANT = 0.99
"""A column with one value, or NaN, on this fraction of the rows is nearly constant."""


def all_columns(rows: SelectionRows) -> np.ndarray:
    """Keep every column."""
    return np.arange(rows.X.shape[1])


def varying(rows: SelectionRows) -> np.ndarray:
    """Drop columns with one value on 99 % of the rows, where NaN is a value: few trees could ever split on them.

    A limit to the variance itself would depend on the units of each factor.
    """
    return np.array([column for column, values in enumerate(rows.X.T) if _varies(values)], dtype=np.int64)


def _varies(values: np.ndarray) -> bool:
    _, counts = np.unique(values, return_counts=True)  # all NaN count as one value
    return bool(counts.max() < _NEARLY_CONSTANT * len(values))


def uncorrelated(rows: SelectionRows) -> np.ndarray:
    """Drop constants, and all but the first of columns that correlate beyond 0.95."""
    X = rows.X
    missing = np.isnan(X)
    empty = missing.all(axis=0)
    medians = np.zeros(X.shape[1])
    medians[~empty] = np.nanmedian(X[:, ~empty], axis=0)
    filled = np.where(missing, medians, X)
    # Rounding may leave a constant some spread: compare the extremes instead.
    varies = np.flatnonzero(filled.max(axis=0) > filled.min(axis=0))
    if not len(varies):
        return varies
    deviation = filled[:, varies] - filled[:, varies].mean(axis=0)
    norm = np.sqrt((deviation**2).sum(axis=0))
    deviation /= np.where(norm > 0, norm, 1.0)
    duplicate = np.abs(deviation.T @ deviation) > _DUPLICATE
    kept: list[int] = []
    for column in range(len(varies)):
        if not duplicate[column, kept].any():
            kept.append(column)
    return varies[kept]
