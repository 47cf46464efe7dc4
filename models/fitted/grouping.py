"""Groupings: which group a row belongs to, from columns that are known at its decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

NO_GROUP = -1


@dataclass(frozen=True)
class Grouping:
    """Numbers the groups of rows.

    Parameters
    ----------
    columns : of X, in the order of the group's bits; a single one without thresholds holds the group's number.
    thresholds : one for each column, or none: a value above it sets the column's bit of the number.
    """

    columns: tuple[int, ...]
    thresholds: tuple[float, ...] = ()

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return the group of each row, int64 (n,); `NO_GROUP` where a column is NaN."""
        read = X[:, list(self.columns)]
        known = ~np.isnan(read).any(axis=1)
        groups = np.full(len(X), NO_GROUP, dtype=np.int64)
        if self.thresholds:
            bits = 1 << np.arange(len(self.columns))
            groups[known] = (read[known] > np.array(self.thresholds)) @ bits
        else:
            groups[known] = read[known, 0].astype(np.int64)
        return groups

    def narrowed(self, kept: np.ndarray) -> Grouping:
        """Return the same grouping of a narrower X: the columns `kept`, ascending, which hold all that it reads."""
        return replace(self, columns=tuple(np.searchsorted(kept, self.columns).tolist()))

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; `grouping_from` restores it from them."""
        return {"columns": list(self.columns), "thresholds": list(self.thresholds)}


def grouping_from(values: Mapping[str, Any]) -> Grouping:
    """Restore a grouping from its `as_dict`."""
    return Grouping(tuple(values["columns"]), tuple(values["thresholds"]))
