"""Stability: how far the distribution of a feature has moved since the first part of time.

The population stability index (PSI) of a part is the sum over bins of ``(p - q) ln(p / q)``, where q is the share of
the first part in a bin and p that of the part: the symmetrised divergence of Kullback and Leibler (1951). By the
thresholds that scorecards are watched with (Lewis, "An introduction to credit scoring", 1994; Siddiqi, "Credit risk
scorecards", 2006) below 0.1 nothing has moved, from 0.25 on it is another distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradesieve.features.profiling.summary import checked_matrix
from tradesieve.market.errors import BadInput

DRIFT_WATCHED, DRIFT_SHIFTED = 0.1, 0.25
MINIMUM_ROWS = 30
"""A part with fewer rows is not compared."""


@dataclass(frozen=True, eq=False)
class Stability:
    """How far each feature has moved.

    Parameters
    ----------
    index : float64 (n_later, n_features), the PSI of each later part against the first one; NaN where one of the two
        has fewer than `MINIMUM_ROWS` rows.
    by_luck : float64 (n_later, n_features), what an index stays below 19 times in 20 when nothing has moved.
    """

    index: np.ndarray
    by_luck: np.ndarray

    @property
    def drift(self) -> list[str]:
        """One word a feature, by its worst part that luck does not explain.

        ``stable`` (below 0.1), ``watch``, ``shifted`` (0.25 and above), or ``unknown`` where no part can be compared.
        """
        words = []
        for index, by_luck in zip(self.index.T, self.by_luck.T, strict=True):
            known = ~np.isnan(index)
            worst = float(np.max(np.where(index > by_luck, index, 0.0)[known], initial=0.0))
            moved = "shifted" if worst >= DRIFT_SHIFTED else "watch" if worst >= DRIFT_WATCHED else "stable"
            words.append(moved if known.any() else "unknown")
        return words

    @property
    def worst(self) -> np.ndarray:
        """The highest index of each feature: float64 (n_features,), NaN where there is none."""
        filled = np.where(np.isnan(self.index), -np.inf, self.index)
        highest = filled.max(axis=0, initial=-np.inf)
        return np.where(np.isfinite(highest), highest, np.nan)


def reference_parts(code: np.ndarray, *, share: float = 0.25) -> np.ndarray:
    """Join the first periods into one part that holds at least a share of the rows.

    Parameters
    ----------
    code : int64 (n_rows,), the period of each row, 0 the first one.
    share : of the rows.

    Returns
    -------
    int64 (n_rows,): 0 in the first part, then 1, 2, ... for each later period.
    """
    through = np.cumsum(np.bincount(code)) / len(code)
    last = int(np.argmax(through >= share - 1e-12))
    return np.maximum(code - last, 0)


def population_stability(
    X: np.ndarray, part: np.ndarray, *, n_bins: int = 10, n_independent: np.ndarray | None = None
) -> Stability:
    """Compare each later part of time with the first one.

    The bins are between the quantiles of the first part. A value that fills more than one of them is a bin of its own,
    and so is NaN, so a feature that has lost its values has moved too. In a bin that one of the two parts leaves empty
    it counts half a row, so that the index stays finite.

    Parameters
    ----------
    X : float64 (n_rows, n_features).
    part : int64 (n_rows,), 0 for the first part of time, then 1, 2, ...
    n_bins : at least 2.
    n_independent : int64 (n_parts,), how many rows of each part say something of their own, where several strategies
        decide at the same close; all of them when None. Only what luck explains depends on it: the index of k bins is
        about ``(1 / n + 1 / m)`` times chi-square of k - 1 (Yurdakul and Naranjo, "Statistical properties of the
        population stability index", Journal of Risk Model Validation, 2020). Where values follow each other slowly,
        luck explains more than that.

    Raises
    ------
    BadInput : if an argument breaks the above, or the first part is empty.
    """
    from scipy.stats import chi2

    checked_matrix(X)
    if part.shape != (len(X),) or part.min() != 0:
        raise BadInput(f"part has shape {part.shape}: it holds the part of each of the {len(X)} rows, from 0 on")
    if n_bins < 2:
        raise BadInput(f"n_bins is {n_bins}, but must be at least 2")
    n_rows = np.bincount(part)
    n_own = n_rows if n_independent is None else np.minimum(n_independent, n_rows)
    first = part == 0
    index = np.full((len(n_rows) - 1, X.shape[1]), np.nan)
    by_luck = index.copy()
    enough = (n_rows[1:] >= MINIMUM_ROWS) & (n_rows[0] >= MINIMUM_ROWS)
    level = 1 / np.maximum(n_own[0], 1) + 1 / np.maximum(n_own[1:], 1)
    for place, values in enumerate(X.T):
        edges = _edges(values[first], n_bins)
        # NaN sorts behind every number, and so into a bin of its own.
        bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
        counts = np.bincount(part * (len(edges) + 2) + bins, minlength=len(n_rows) * (len(edges) + 2))
        counts = counts.reshape(len(n_rows), -1)
        used = (counts[0] > 0) | (counts[1:] > 0)
        share = np.maximum(counts, 0.5) / np.maximum(n_rows, 1)[:, None]
        moved = (share[1:] - share[0]) * np.log(share[1:] / share[0])
        index[enough, place] = np.where(used, moved, 0.0).sum(axis=1)[enough]
        freedom = np.maximum(used.sum(axis=1) - 1, 1)
        by_luck[enough, place] = (chi2.ppf(0.95, freedom) * level)[enough]
    return Stability(index, by_luck)


def _edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Place the borders; a bin holds what is above its lower one, up to and with its upper one."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0)
    found = np.quantile(known, np.arange(1, n_bins) / n_bins)
    edges, count = np.unique(found, return_counts=True)
    heavy = edges[count > 1]
    return np.union1d(edges, np.nextafter(heavy, -np.inf))
