"""The training rows of a candidate: what it learns of each row, without those whose label is unknown."""

from __future__ import annotations

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.training_rows import TrainingRows


def training_rows(dataset: Dataset, rows: np.ndarray | None = None) -> TrainingRows:
    """Return the rows that candidates are fitted on.

    Parameters
    ----------
    rows : int64, ascending, such as those of a fold; None for all.

    Raises
    ------
    BadInput : if no row is left.
    """
    y, n_given = dataset.targets(), len(dataset) if rows is None else len(rows)
    if not n_given:
        raise BadInput("no training row is left after purging")
    if np.isnan(y).any():
        rows = np.flatnonzero(~np.isnan(y)) if rows is None else rows[~np.isnan(y[rows])]
        if not len(rows):
            raise BadInput(f"the label of all {n_given} training rows is unknown")
    return TrainingRows(dataset.X, y, dataset.weight, feature_names=dataset.feature_names, rows=rows)
