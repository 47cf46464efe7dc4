"""Relevance: columns that have to do with the target, under a controlled share of false discoveries, by tsfresh."""

from __future__ import annotations

import numpy as np

from tradesieve.features.tsfresh.relevance import relevant_features
from tradesieve.models.feature_selection.selection_rows import SelectionRows

_LEVEL = 0.05
"""The expected share of false discoveries among the columns that are kept."""


def relevant_bh(rows: SelectionRows) -> np.ndarray:
    """Keep the columns that are relevant by Benjamini and Hochberg (1995), as if they were independent."""
    return np.flatnonzero(relevant_features(rows.X, rows.y, level=_LEVEL, independent=True))


def relevant_by(rows: SelectionRows) -> np.ndarray:
    """Keep the columns that are relevant by Benjamini and Yekutieli (2001), which is tsfresh's own default."""
    return np.flatnonzero(relevant_features(rows.X, rows.y, level=_LEVEL, independent=False))
