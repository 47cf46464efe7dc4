"""The uncompiled half of the engine: calls kernels that stay Python, one window at a time."""

from __future__ import annotations

import numpy as np

from tradesieve.features.engine.history import History
from tradesieve.features.factor import Feature
from tradesieve.features.inputs import BAR_COLUMNS


def interpreted_column(feature: Feature, history: History, *, window: int, required: int) -> np.ndarray:
    """Compute a feature whose kernel is not compiled, at each decision.

    Parameters
    ----------
    feature : of a factor of kind ``series`` or ``bars``.
    history : at n decisions.
    window : rows of the history that one value reads.
    required : base rows that have to be known before there is a value.

    Returns
    -------
    float64 (n,). NaN where too little is known.
    """
    whole_bars = feature.factor.kind == "bars"
    columns = range(len(BAR_COLUMNS)) if whole_bars else (feature.column_index,)
    parameters = np.array([value for _, value in feature.values], dtype=np.float64)
    values = np.full(len(history.stops), np.nan)
    for row, stop in enumerate(history.stops):
        if stop >= window and history.known[row] >= required:
            # Copies, aligned like any other: a value cannot depend on where its window lay in history, and a kernel
            # cannot change what the next one is given.
            arrays = [history.window(row, column=column, n=window) for column in columns]
            time = [history.time[stop - window : stop].copy()] if whole_bars else []
            values[row] = feature.factor.kernel(*time, *arrays, parameters)
    return values
