from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tradesieve.market.calendars.trading_days import NEW_YORK
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.splits import FOLDS, folds_named, purged_folds, split_holdout, walk_forward_folds


@st.composite
def spans(draw):
    """Rows with ties in their decisions, exits in any order, some outlasting many others."""
    rows = draw(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), min_size=12, max_size=80))
    decision_time = np.array(sorted(decision for decision, _ in rows), dtype=np.int64)
    return decision_time, decision_time + np.array([length for _, length in rows], dtype=np.int64)


def folds_or_assume(name, times, **settings_):
    try:
        return folds_named(name)(*times, **settings_)
    except BadInput:
        assume(False)


@pytest.mark.parametrize("name", sorted(FOLDS))
@settings(max_examples=80, deadline=None)
@given(times=spans(), n_folds=st.integers(2, 5), embargo=st.integers(0, 20))
def test_no_training_span_meets_a_test_span(name, times, n_folds, embargo):
    decision_time, exit_time = times
    for fold in folds_or_assume(name, times, n_folds=n_folds, embargo=embargo):
        for row in fold.train:
            met = (decision_time[row] <= exit_time[fold.test]) & (exit_time[row] >= decision_time[fold.test])
            assert not met.any()
            after_any = decision_time[row] > exit_time[fold.test].max()
            assert not after_any or decision_time[row] > exit_time[fold.test].max() + embargo


@settings(max_examples=80, deadline=None)
@given(times=spans(), n_folds=st.integers(2, 5), embargo=st.integers(0, 20))
def test_purged_folds_test_each_row_once_and_drop_nothing_else(times, n_folds, embargo):
    decision_time, exit_time = times
    folds = folds_or_assume("purged", times, n_folds=n_folds, embargo=embargo)
    assert len(folds) == n_folds
    np.testing.assert_array_equal(np.concatenate([fold.test for fold in folds]), np.arange(len(decision_time)))
    for fold in folds:
        start, end = decision_time[fold.test].min(), exit_time[fold.test].max()
        assert fold.test_period == (start, end)
        expected = [
            row
            for row in range(len(decision_time))
            if row not in fold.test and (exit_time[row] < start or decision_time[row] > end + embargo)
        ]
        assert fold.train.tolist() == expected
        assert not set(decision_time[fold.test]) & set(np.delete(decision_time, fold.test)), "ties stay together"


@settings(max_examples=80, deadline=None)
@given(times=spans(), n_folds=st.integers(2, 5), embargo=st.integers(0, 20))
def test_walk_forward_trains_on_the_past_only_and_the_past_grows(times, n_folds, embargo):
    decision_time, exit_time = times
    folds = folds_or_assume("walk_forward", times, n_folds=n_folds, embargo=embargo)
    assert len(folds) == n_folds
    for fold in folds:
        start = decision_time[fold.test].min()
        assert fold.train.tolist() == [row for row in range(len(exit_time)) if exit_time[row] + embargo < start]
    for earlier, later in pairwise(folds):
        assert set(earlier.train) <= set(later.train)
        assert later.test[0] == earlier.test[-1] + 1


def test_purging_by_a_count_of_rows_would_have_leaked():
    # Every tenth trade lasts for forty others: neighbours are far apart in rows and overlap in time all the same.
    decision_time = np.arange(500, dtype=np.int64) * 10
    exit_time = decision_time + np.where(np.arange(500) % 10 == 0, 400, 5)
    fold = purged_folds(decision_time, exit_time, n_folds=5)[2]
    dropped = np.setdiff1d(np.arange(500), np.concatenate([fold.train, fold.test]))
    overlapping = np.flatnonzero((decision_time <= exit_time[200:300].max()) & (exit_time >= decision_time[200]))
    assert len(dropped) > 20
    np.testing.assert_array_equal(dropped, np.setdiff1d(overlapping, fold.test))
    assert dropped.min() == 160


def test_arguments_that_cannot_be_split_say_why():
    time = np.arange(20, dtype=np.int64)
    with pytest.raises(BadInput, match="at least 2"):
        purged_folds(time, time + 1, n_folds=1)
    with pytest.raises(BadInput, match="embargo is -1"):
        purged_folds(time, time + 1, n_folds=2, embargo=-1)
    with pytest.raises(BadInput, match=r"decision_time\[1\]"):
        purged_folds(time[::-1], time[::-1] + 1, n_folds=2)
    with pytest.raises(BadInput, match=r"exit_time\[0\]"):
        purged_folds(time, time, n_folds=2)
    with pytest.raises(BadInput, match="do not fill 5 blocks"):
        purged_folds(time * 0, time + 1, n_folds=5)
    with pytest.raises(BadInput, match="last too long"):
        purged_folds(time, time + 1000, n_folds=2)
    with pytest.raises(BadInput, match="do not fill"):
        walk_forward_folds(time[:0], time[:0], n_folds=2)
    with pytest.raises(BadInput, match="n_folds is 1"):
        walk_forward_folds(time, time + 1, n_folds=1)
    with pytest.raises(Unknown, match="'purged'"):
        folds_named("purge")


def test_the_holdout_is_the_last_part_of_the_time_and_no_outcome_crosses_the_border(trades):
    dataset, _ = trades(2000, n_days=100)
    development, holdout = split_holdout(dataset, fraction=0.2)
    border = holdout.period[0]
    assert border == dataset.period[0] + 80 * DAY
    assert (development.period, holdout.period[1]) == ((dataset.period[0], border - 1), dataset.period[1])
    assert development.exit_time.max() < border <= holdout.decision_time.min()
    crossing = (dataset.decision_time < border) & (dataset.exit_time >= border)
    assert crossing.sum() > 5
    assert len(development) + len(holdout) + crossing.sum() == len(dataset)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.37])
def test_each_trading_day_belongs_to_one_part(trades, fraction):
    dataset, _ = trades(calendar=NEW_YORK)
    parts = split_holdout(dataset, fraction=fraction)
    n_days = [len(daily_returns(part, np.ones(len(part)))) for part in parts]
    assert sum(n_days) == len(daily_returns(dataset, np.ones(len(dataset))))


def test_a_holdout_that_would_be_empty_is_refused(trades):
    dataset, _ = trades(n_days=200)
    for fraction in (0, 1, -0.1, 1.5):
        with pytest.raises(BadInput, match="fraction"):
            split_holdout(dataset, fraction=fraction)
    with pytest.raises(BadInput, match="without a day"):
        split_holdout(dataset, fraction=0.0001)
    with pytest.raises(BadInput, match="hold-out part has no trade"):
        split_holdout(dataset, fraction=0.005)
