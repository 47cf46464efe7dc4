"""Training features: where the values of each feature lay when the model was fitted.

Live, they show that a decision is nothing like those that the model has learned from. Distances are robust: from the
median, in units of the interquartile range, so that the extremes of training do not stretch the measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

FARTHER = 3.0
"""How many times as far as any value of training one may lie from the median."""


@dataclass(frozen=True, eq=False)
class TrainingFeatures:
    """Where features lay, one value of each array for each feature.

    Parameters
    ----------
    n_rows : rows of training.
    center : float64 (n,), the median; NaN where every value was missing.
    scale : float64 (n,), the interquartile range, the whole range where that is 0, NaN where that is 0 too.
    farthest : float64 (n,), the largest distance from the center, in scales.
    n_missing : int64 (n,), rows without a value.
    """

    n_rows: int
    center: np.ndarray
    scale: np.ndarray
    farthest: np.ndarray
    n_missing: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray) -> Self:
        """Measure rows of features, float64 (n_rows, n), NaN where unknown."""
        known = np.where(np.isfinite(X), X, np.nan)
        empty = np.isnan(known).all(axis=0)
        filled = np.where(empty, 0.0, known)  # nanquantile warns of columns without a value
        low, center, high = np.nanquantile(filled, (0.25, 0.5, 0.75), axis=0)
        extent = np.nanmax(filled, axis=0) - np.nanmin(filled, axis=0)
        scale = np.where(high > low, high - low, extent)
        scale = np.where(empty | ~(scale > 0) | ~np.isfinite(scale), np.nan, scale)
        farthest = np.nanmax(np.abs(filled - center), axis=0) / scale
        return cls(len(X), np.where(empty, np.nan, center), scale, farthest, np.isnan(X).sum(axis=0))

    @classmethod
    def from_dict(cls, names: Sequence[str], measured: Mapping[str, Any], n_rows: int) -> Self:
        """Read what `as_dict` wrote, in the order of `names`; what was not written is NaN."""
        rows = [measured.get(name, {}) for name in names]
        center, scale, farthest = (
            np.array([row.get(key, np.nan) for row in rows], dtype=np.float64)
            for key in ("center", "scale", "farthest")
        )
        # A feature of which nothing is known may be missing.
        n_missing = np.array([row.get("n_missing", n_rows) for row in rows], dtype=np.int64)
        return cls(n_rows, center, scale, farthest, n_missing)

    def as_dict(self, names: Sequence[str]) -> dict[str, dict[str, float | int]]:
        """Return plain values by name; those that are NaN are left out."""
        found = {}
        for place, name in enumerate(names):
            floats = {key: float(getattr(self, key)[place]) for key in ("center", "scale", "farthest")}
            kept = {key: value for key, value in floats.items() if np.isfinite(value)}
            found[name] = {**kept, "n_missing": int(self.n_missing[place])}
        return found

    def covers(self, row: np.ndarray) -> bool:
        """Tell whether no value, float64 (n,), lies `FARTHER` out than any did, or is missing as never before."""
        lowest, highest, may_be_missing = self._limits
        return bool(((row >= lowest) & (row <= highest) | np.isnan(row) & may_be_missing).all())

    @cached_property
    def _limits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        reach = FARTHER * self.farthest * self.scale
        limits = (
            np.where(np.isnan(reach), -np.inf, self.center - reach),
            np.where(np.isnan(reach), np.inf, self.center + reach),
        )
        return *limits, self.n_missing > 0

    def distances(self, row: np.ndarray) -> np.ndarray:
        """Return how far values, float64 (n,), lie from the center: in scales, NaN where that cannot be said."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.abs(row - self.center) / self.scale
