"""Importance out of fold finds planted features with their direction, and gives noise next to nothing."""

from __future__ import annotations

import numpy as np

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.labels.base import REGRESSION
from tradesieve.models.protocol.importance import permutation_importance
from tradesieve.models.splits import purged_folds


def planted(n: int = 900) -> Dataset:
    """Trades that earn with `good`, and less with `bad`; four features are noise."""
    random = np.random.default_rng(3)
    X, time = random.normal(size=(n, 6)), np.arange(n) * DAY
    earned = 0.006 * X[:, 2] - 0.004 * X[:, 4] + random.normal(0.0, 0.01, n)
    return Dataset(
        X=X, feature_names=("a", "b", "good", "c", "bad", "d"), y=earned, weight=np.ones(n), decision_time=time,
        exit_time=time + DAY // 2, net_return=earned, stake=np.ones(n), instance=np.zeros(n, dtype=np.int64),
        instance_names=("rule()|AAA|1d",), period=(0, n * DAY), calendar=ALWAYS,
    )  # fmt: skip


def test_planted_features_come_first_with_their_direction() -> None:
    dataset = planted()
    folds = purged_folds(dataset.decision_time, dataset.exit_time, n_folds=3)
    candidate = Candidate("lightgbm", "gbdt", {"n_trees": 60, "feature_fraction": 1.0}, task=REGRESSION)
    steps: list[int] = []
    found = permutation_importance(
        dataset, candidate, folds, seed=1, n_jobs=1, on_progress=lambda done, total, detail: steps.append(done)
    )
    assert found.names[:2] == ("good", "bad")
    assert found.loss[0] > found.loss[1] > 5 * np.abs(found.loss[2:]).max()
    assert found.direction[0] > 0.5
    assert found.direction[1] < -0.3
    assert found.skill > 0.3
    assert steps == [0, 1, 2]
    again = permutation_importance(dataset, candidate, folds, seed=1, n_jobs=1)
    assert again.names == found.names
    assert np.array_equal(again.loss, found.loss)
