"""Effects of features: those that were planted are found, with their direction."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.fitted.model import LightGBMModel
from tradesieve.models.labels.base import REGRESSION
from tradesieve.models.protocol.feature_effects import measure_effects
from tradesieve.models.protocol.search import refit
from tradesieve.models.splits import purged_folds

NAMES = ("noise", "rises", "idle", "falls")


@pytest.fixture(scope="module")
def planted() -> Dataset:
    """A thousand daily trades that earn more where one feature is high and another low."""
    random, n = np.random.default_rng(5), 1000
    X = random.normal(size=(n, len(NAMES)))
    time, ones = np.arange(n) * DAY, np.ones(n)
    net_return = 0.01 * (X[:, 1] - 0.5 * X[:, 3]) + random.normal(0.0, 0.01, n)
    X[::7, 0] = np.nan
    return Dataset(
        X=X, feature_names=NAMES, y=net_return, weight=ones, decision_time=time, exit_time=time + DAY // 2,
        net_return=net_return, stake=ones, instance=np.zeros(n, dtype=np.int64), instance_names=("a()|AAA|1d",),
        period=(0, n * DAY - 1), calendar=ALWAYS,
    )  # fmt: skip


def test_planted_features_are_found_by_both_measures(planted):
    folds = purged_folds(planted.decision_time, planted.exit_time, n_folds=4)
    candidate = Candidate("lightgbm", "gbdt", {"min_data_in_leaf": 20}, task=REGRESSION)
    model = refit(candidate, planted, seed=1, n_jobs=1)
    searched: Any = SimpleNamespace(winner=SimpleNamespace(candidate=candidate), model=model, dataset=planted)
    found = measure_effects(searched, folds, seed=1, n_jobs=1)
    assert found.n_rows == 250
    assert found.names[:2] == ("rises", "falls")
    by_name = dict(zip(found.names, zip(found.loss, found.shap, found.direction, strict=True), strict=True))
    assert sorted(by_name, key=lambda name: -by_name[name][1])[:2] == ["rises", "falls"]
    assert sum(found.shap) == pytest.approx(1.0)
    assert by_name["rises"][0] > 0.2
    assert abs(by_name["noise"][0]) < 0.05
    assert by_name["rises"][2] > 0.5
    assert by_name["falls"][2] < -0.2
    assert measure_effects(SimpleNamespace(winner=None, model=None), folds, seed=1) is None


def test_contributions_sum_to_the_score(planted):
    import lightgbm

    rows = lightgbm.Dataset(planted.X, label=planted.y, params={"verbosity": -1})
    booster = lightgbm.train({"verbosity": -1, "num_leaves": 4, "num_threads": 1}, rows, num_boost_round=10)
    model = LightGBMModel(booster.model_to_string(), np.array([0, 2, 4, 5]), 6)
    X = np.zeros((50, 6))
    X[:, [0, 2, 4, 5]] = planted.X[:50]
    parts, scores = model.contributions(X), model.predict(X)
    assert parts.shape == (50, 4)
    rest = scores - parts.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-12)
