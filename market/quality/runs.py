"""Runs: stretches of consecutive bars for which something holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Runs:
    """Runs of consecutive rows: the first row of each and its length, int64 (n_runs,) each."""

    start: np.ndarray
    length: np.ndarray

    @property
    def stop(self) -> np.ndarray:
        """The row after the last one of each run, int64 (n_runs,)."""
        return self.start + self.length

    def at_least(self, length: int) -> Runs:
        """Keep the runs of at least `length` rows."""
        long = self.length >= length
        return Runs(self.start[long], self.length[long])

    def rows(self, *, without_first: bool = False) -> np.ndarray:
        """List the rows of all runs, int64, ascending."""
        starts = (self.start + int(without_first)).tolist()
        parts = [np.arange(start, stop) for start, stop in zip(starts, self.stop.tolist(), strict=True)]
        return np.concatenate([np.empty(0, np.int64), *parts])


def find_runs(holds: np.ndarray) -> Runs:
    """Find the runs of True in a boolean array (n_rows,).

    Examples
    --------
    >>> runs = find_runs(np.array([True, True, False, True]))
    >>> runs.start.tolist(), runs.length.tolist()
    ([0, 3], [2, 1])
    """
    edge = np.diff(np.concatenate([[False], holds, [False]]).astype(np.int8))
    start = np.flatnonzero(edge == 1)
    return Runs(start, np.flatnonzero(edge == -1) - start)
