"""The uncompiled half of the engine: kernels that stay Python are handed their windows one by one."""

from __future__ import annotations

import numpy as np

from tradesieve.features.engine.history import Sight
from tradesieve.features.factor import Feature
from tradesieve.features.inputs import PRICES


def uncompiled_column(feature: Feature, sight: Sight, *, window: int, needed: int) -> np.ndarray:
    """Compute a feature whose kernel is not compiled, at each decision.

    Parameters
    ----------
    feature : of a factor of kind ``series`` or ``bars``.
    sight : what is seen at n decisions.
    window : rows of it that one value needs.
    needed : how much has to be known before there is a value.

    Returns
    -------
    float64 (n,). NaN where too little is known.
    """
    whole_bars = feature.factor.kind == "bars"
    columns = range(len(PRICES)) if whole_bars else (feature.price_index,)
    parameters = np.array([value for _, value in feature.values], dtype=np.float64)
    made = np.full(len(sight.stops), np.nan)
    for row, stop in enumerate(sight.stops):
        if stop >= window and sight.known[row] >= needed:
            # Copies, aligned like any other: a value cannot depend on where its window lay in history, nor can a kernel
            # change what the next one is given.
            given = [sight.window(row, column=column, n=window) for column in columns]
            time = [sight.time[stop - window : stop].copy()] if whole_bars else []
            made[row] = feature.factor.kernel(*time, *given, parameters)
    return made
