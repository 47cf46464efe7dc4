"""Combinatorial purged splits and their paths, by their definition; against `purgedcv` in `tests.oracles`."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.models.combinatorial_splits import combinatorial_splits
from tradesieve.models.splits import purged_folds


def spans(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Spans with gaps, ties and some long ones."""
    generator = np.random.default_rng(seed)
    decision_time = np.sort(generator.integers(0, 1000, n))
    return decision_time, decision_time + generator.integers(1, 60, n)


@pytest.mark.parametrize(("n_groups", "n_test"), [(4, 2), (6, 2), (6, 3), (5, 1), (5, 4)])
def test_splits_are_every_combination_purged_and_nothing_else_is_dropped(n_groups, n_test):
    decision_time, exit_time = spans(300)
    found = combinatorial_splits(decision_time, exit_time, n_groups=n_groups, n_test=n_test, embargo=7)
    assert [split.groups for split in found.splits] == list(combinations(range(n_groups), n_test))
    assert found.n_paths == comb(n_groups, n_test) * n_test // n_groups
    np.testing.assert_array_equal(np.concatenate(found.groups), np.arange(300))
    for split in found.splits:
        expected = []
        for row in range(300):
            blocks = [found.groups[group] for group in split.groups]
            before = [exit_time[row] < decision_time[block[0]] for block in blocks]
            after = [decision_time[row] > exit_time[block].max() + 7 for block in blocks]
            if all(one or other for one, other in zip(before, after, strict=True)):
                expected.append(row)
        assert split.train.tolist() == expected


def test_with_one_group_the_splits_are_the_purged_folds():
    times = spans()
    folds = purged_folds(*times, n_folds=5, embargo=3)
    splits = combinatorial_splits(*times, n_groups=5, n_test=1, embargo=3)
    assert splits.n_paths == 1
    for fold, split in zip(folds, splits.splits, strict=True):
        np.testing.assert_array_equal(fold.train, split.train)
        np.testing.assert_array_equal(fold.test, split.test)


def test_a_path_has_one_score_for_each_row_and_each_score_is_on_one_path():
    found = combinatorial_splits(*spans(), n_groups=6, n_test=2)
    # A score that tells the split and the row that it is of.
    scores = [1000.0 * number + split.test for number, split in enumerate(found.splits)]
    paths = found.paths(scores)
    assert paths.shape == (5, 120)
    np.testing.assert_array_equal(paths % 1000, np.broadcast_to(np.arange(120), (5, 120)))
    np.testing.assert_array_equal(np.sort(paths.ravel()), np.sort(np.concatenate(scores)))
    for path in paths // 1000:
        assert all(len(np.unique(path[rows])) == 1 for rows in found.groups), "a group is scored by one model"
    with pytest.raises(BadInput, match="scores of all test rows of 15 splits"):
        found.paths(scores[1:])


def test_what_cannot_be_split_is_refused():
    decision_time, exit_time = spans()
    for n_test in (0, 4):
        with pytest.raises(BadInput, match=f"n_test is {n_test}: of 4 groups, 1 to 3 can be tested together"):
            combinatorial_splits(decision_time, exit_time, n_groups=4, n_test=n_test)
    with pytest.raises(BadInput, match=r"no training row where groups \(0, 2\) of 4 are tested"):
        combinatorial_splits(decision_time, decision_time + 260, n_groups=4, embargo=200)
