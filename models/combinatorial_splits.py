"""Combinatorial purged cross-validation: every way to leave out some blocks of time, and the paths that they make.

One series of out-of-fold scores is one draw of what could have happened. Testing the blocks in several combinations
gives several such series over the same time, so that one sees how much of a result is the choice of the folds (Lopez de
Prado, 2018, chapter 12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.splits import block_span, check_spans, time_blocks


@dataclass(frozen=True, eq=False)
class CombinatorialSplit:
    """Training rows, and the groups that are tested together.

    Parameters
    ----------
    train : int64, ascending; no span of them overlaps that of a tested group.
    groups : numbers of the tested groups, ascending.
    test : int64, the rows of these groups, ascending.
    """

    train: np.ndarray
    groups: tuple[int, ...]
    test: np.ndarray


@dataclass(frozen=True, eq=False)
class CombinatorialSplits:
    """All splits of one cutting into groups.

    Parameters
    ----------
    groups : int64 row numbers of each group of time.
    splits : one for each combination of groups, in their order.
    """

    groups: tuple[np.ndarray, ...]
    splits: tuple[CombinatorialSplit, ...]

    @property
    def n_paths(self) -> int:
        """How often each group is tested, which is the number of paths."""
        n_test = len(self.splits[0].groups)
        return comb(len(self.groups) - 1, n_test - 1)

    def paths(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Join the scores of the splits to paths, each with one score for every row.

        The nth path takes the scores of a group from the nth split that tests it.

        Parameters
        ----------
        scores : float64 of the test rows of each split.

        Returns
        -------
        float64 (n_paths, n_rows).

        Raises
        ------
        BadInput : if there is not one score for every test row of every split.
        """
        if [len(own) for own in scores] != [len(split.test) for split in self.splits]:
            raise BadInput(f"paths need the scores of all test rows of {len(self.splits)} splits, got {len(scores)}")
        paths = np.full((self.n_paths, sum(len(rows) for rows in self.groups)), np.nan)
        n_used = [0] * len(self.groups)
        for split, own in zip(self.splits, scores, strict=True):
            for group in split.groups:
                rows = self.groups[group]
                paths[n_used[group], rows] = own[np.searchsorted(split.test, rows)]
                n_used[group] += 1
        return paths


def combinatorial_splits(
    decision_time: np.ndarray, exit_time: np.ndarray, *, n_groups: int = 6, n_test: int = 2, embargo: int = 0
) -> CombinatorialSplits:
    """Test every combination of `n_test` of `n_groups` blocks of time, and train on the other blocks.

    1. Cut the rows into groups of about as many rows each, in order of decision.
    2. Purge and embargo around each tested group, as `models.splits.purged_folds` does around a block.

    Parameters
    ----------
    decision_time : int64 ns UTC (n_rows,), ascending.
    exit_time : int64 ns UTC (n_rows,), in any order, each after its decision.
    n_groups : at least 2. Rows decided at the same time stay together.
    n_test : from 1 to ``n_groups - 1``; with 1, the splits are the purged folds.
    embargo : nanoseconds, at least 0.

    Raises
    ------
    BadInput : if an argument breaks the above, or a split is left without a training row.

    Examples
    --------
    Every group is tested with each of the three others, so there are three paths.

    >>> decision_time = np.arange(16) * 10
    >>> found = combinatorial_splits(decision_time, decision_time + 15, n_groups=4)
    >>> [(split.groups, split.train.tolist()) for split in found.splits][1:3]
    [((0, 2), [5, 6, 13, 14, 15]), ((0, 3), [5, 6, 7, 8, 9, 10])]
    >>> len(found.splits), found.n_paths
    (6, 3)
    """
    check_spans(decision_time, exit_time, n_folds=n_groups, embargo=embargo)
    if not 0 < n_test < n_groups:
        raise BadInput(f"n_test is {n_test}: of {n_groups} groups, 1 to {n_groups - 1} can be tested together")
    groups = time_blocks(decision_time, n_groups)
    kept = []
    for rows in groups:
        start, end = block_span(decision_time, exit_time, rows)
        kept.append((exit_time < start) | (decision_time > end + embargo))
    splits = [
        CombinatorialSplit(
            np.flatnonzero(np.logical_and.reduce([kept[group] for group in tested])),
            tested,
            np.concatenate([groups[group] for group in tested]),
        )
        for tested in combinations(range(n_groups), n_test)
    ]
    for split in splits:
        if not len(split.train):
            raise BadInput(
                f"purging leaves no training row where groups {split.groups} of {n_groups} are tested: "
                "use other numbers of groups, a shorter embargo or shorter trades"
            )
    return CombinatorialSplits(tuple(groups), tuple(splits))
