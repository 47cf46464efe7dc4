"""Purged folds against `purgedcv` where both define the same thing.

They differ where a test block has gaps (we purge the whole block, `purgedcv` the spans in it), where spans touch (ours
are closed, its are half open), in the embargo of a walk-forward (a gap before the block here, none there) and in blocks
of unequal size. The trades here overlap without gaps and never touch, and the folds have equal sizes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from purgedcv import CombinatorialPurgedCV, PurgedKFold, WalkForwardSplit, reconstruct_paths

from tradesieve.models.combinatorial_splits import combinatorial_splits
from tradesieve.models.splits import Fold, purged_folds, rolling_walk_forward_folds, walk_forward_folds

N_TRADES, N_FOLDS = 240, 5


def spans(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Trades decided at even times and ended at odd ones, in any order, each open past the next decision."""
    generator = np.random.default_rng(seed)
    decision_time = np.cumsum(generator.integers(1, 10, N_TRADES)) * 2
    following = np.append(decision_time[1:], decision_time[-1] + 2)
    return decision_time, following + 1 + 2 * generator.integers(0, 40, N_TRADES)


def theirs(splitter: PurgedKFold | WalkForwardSplit | CombinatorialPurgedCV) -> list[tuple[list[int], list[int]]]:
    return [(train.tolist(), test.tolist()) for train, test in splitter.split(np.empty((N_TRADES, 1)))]


def ours(folds: list[Fold]) -> list[tuple[list[int], list[int]]]:
    return [(fold.train.tolist(), fold.test.tolist()) for fold in folds]


@pytest.mark.parametrize("embargo", [0, 30])
@pytest.mark.parametrize("seed", range(5))
def test_purged_folds_equal_purgedcv(seed, embargo):
    decision_time, exit_time = spans(seed)
    splitter = PurgedKFold(
        N_FOLDS,
        prediction_times=pd.Series(pd.to_datetime(decision_time)),
        evaluation_times=pd.Series(pd.to_datetime(exit_time)),
        embargo=pd.Timedelta(embargo) if embargo else None,
    )
    folds = purged_folds(decision_time, exit_time, n_folds=N_FOLDS, embargo=embargo)
    assert ours(folds) == theirs(splitter)
    assert min(len(fold.train) for fold in folds) < N_TRADES * (N_FOLDS - 1) // N_FOLDS, "something was purged"


@pytest.mark.parametrize("embargo", [0, 30])
@pytest.mark.parametrize("seed", range(5))
def test_walk_forward_folds_equal_purgedcv(seed, embargo):
    """A gap before the block is what `purgedcv` calls a purge horizon."""
    decision_time, exit_time = spans(seed)
    n_folds = N_FOLDS - 1
    splitter = WalkForwardSplit(
        n_folds,
        N_TRADES // N_FOLDS,
        prediction_times=pd.Series(pd.to_datetime(decision_time)),
        evaluation_times=pd.Series(pd.to_datetime(exit_time)),
        purge_horizon=pd.Timedelta(embargo) if embargo else None,
    )
    folds = walk_forward_folds(decision_time, exit_time, n_folds=n_folds, embargo=embargo)
    assert ours(folds) == theirs(splitter)


@pytest.mark.parametrize("embargo", [0, 30])
def test_rolling_walk_forward_folds_equal_purgedcv(embargo):
    """Its window has as many rows after the purge, and so begins earlier; ours is half of all rows before it."""
    decision_time, exit_time = spans(0)
    splitter = WalkForwardSplit(
        N_FOLDS,
        N_TRADES // (2 * N_FOLDS),
        train_size=N_TRADES // 2,
        window="sliding",
        prediction_times=pd.Series(pd.to_datetime(decision_time)),
        evaluation_times=pd.Series(pd.to_datetime(exit_time)),
        purge_horizon=pd.Timedelta(embargo) if embargo else None,
    )
    folds = rolling_walk_forward_folds(decision_time, exit_time, n_folds=N_FOLDS, embargo=embargo)
    for number, ((train, test), (their_train, their_test)) in enumerate(
        zip(ours(folds), theirs(splitter), strict=True)
    ):
        start = number * N_TRADES // (2 * N_FOLDS)
        assert test == their_test
        assert train == [row for row in their_train if row >= start]
        assert N_TRADES // 2 - 40 < len(train) < N_TRADES // 2


@pytest.mark.parametrize("embargo", [0, 30])
@pytest.mark.parametrize(("n_groups", "n_test"), [(5, 2), (6, 2), (6, 3)])
def test_combinatorial_splits_and_their_paths_equal_purgedcv(n_groups, n_test, embargo):
    decision_time, exit_time = spans(1)
    splitter = CombinatorialPurgedCV(
        n_groups,
        n_test,
        prediction_times=pd.Series(pd.to_datetime(decision_time)),
        evaluation_times=pd.Series(pd.to_datetime(exit_time)),
        embargo=pd.Timedelta(embargo) if embargo else None,
    )
    found = combinatorial_splits(decision_time, exit_time, n_groups=n_groups, n_test=n_test, embargo=embargo)
    expected = theirs(splitter)
    assert [(split.train.tolist(), split.test.tolist()) for split in found.splits] == expected
    generator = np.random.default_rng(0)
    scores = [generator.random(len(split.test)) for split in found.splits]
    tested = [np.array(test) for _, test in expected]
    np.testing.assert_array_equal(found.paths(scores), reconstruct_paths(scores, tested, n_groups, n_test, N_TRADES))
