"""Boruta: columns that a forest finds more useful than the best of their shuffled copies."""

from __future__ import annotations

import numpy as np

from tradesieve.models.feature_selection.selection_rows import SelectionRows
from tradesieve.models.feature_selection.trees import forest_gains

_ROUNDS = 40
_LEVEL = 0.01
_FEWEST_SHADOWS = 5


def boruta(rows: SelectionRows) -> np.ndarray:
    """Keep the columns that beat the best shadow more often than by chance (Kursa and Rudnicki, 2010).

    1. Add a shadow of each column that is left, at least five: its values in random order. Fit a random forest; a
       column has a hit if it gains more than the best shadow. (The paper's measure is the permutation importance within
       the forest; gains rank noise by its number of values, which a shadow shares with its column.)
    2. After each round a column is confirmed, or rejected and taken out, when its number of hits is too high, or too
       low, for a fair coin: at 1 %, divided by the number of columns (Bonferroni).
    3. Stop when all are decided, or after forty rounds; what is undecided then is dropped.

    NaN stays NaN, and is shuffled with the values.
    """
    from scipy.stats import binom

    n = rows.X.shape[1]
    left, hits, decided = np.arange(n), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    for number in range(_ROUNDS):
        hits[left] += _hits(rows.X[:, left], rows.y, seed=rows.seed + number)
        n_rounds = number + 1
        high = binom.sf(hits - 1, n_rounds, 0.5) < _LEVEL / n
        low = binom.cdf(hits, n_rounds, 0.5) < _LEVEL / n
        # What is decided stays so, and who is confirmed goes on competing with the others.
        confirmed = left[high[left] & ~decided[left]]
        decided[confirmed] = True
        left = left[decided[left] | ~low[left]]
        if decided[left].all():
            break
    return np.flatnonzero(decided)


def _hits(X: np.ndarray, y: np.ndarray, *, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    n = X.shape[1]
    shadows = generator.permuted(X[:, np.arange(max(n, _FEWEST_SHADOWS)) % n], axis=0)
    gains = forest_gains(np.hstack([X, shadows]), y, seed=seed)
    return gains[:n] > gains[n:].max()
