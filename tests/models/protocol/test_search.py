"""The search measures trials, baseline and random filters on the trades that the folds could size."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.models.fitness import measure
from tradesieve.models.protocol.leaderboard import summarise
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search


@pytest.mark.parametrize("folds", ["purged", "walk_forward"])
def test_only_trades_that_a_fold_tests_are_measured(trades, folds):
    dataset, _ = trades(1200, edge=0.05)
    plan = Plan(label="won", engines={"lightgbm": 2}, folds=folds, n_folds=4)
    tested = np.sort(np.concatenate([fold.test for fold in plan.split(dataset)]))
    assert (len(tested) == len(dataset)) is (folds == "purged")

    result = search(dataset, plan)
    assert result.dataset is dataset
    np.testing.assert_array_equal(result.judged.decision_time, dataset.decision_time[tested])
    assert result.judged.period == (
        dataset.period if folds == "purged" else (dataset.decision_time[tested[0]], dataset.period[1])
    )
    assert all(trial.sizes.shape == tested.shape for trial in result.trials)
    summary = summarise(result, None, seed=0)
    assert summary["baseline"]["development"] == measure(result.judged, np.ones(len(tested))).as_dict()
    assert 0.0 <= summary["probability_of_overfitting"] <= 1.0


def test_the_returns_of_a_model_are_those_of_its_best_trial(trades):
    dataset, _ = trades(1200, edge=0.05)
    result = search(
        dataset, Plan(label="won", engines={"lightgbm": 2}, applications=("threshold", "proportional"), n_folds=4)
    )
    succeeded = [trial for trial in result.trials if trial.error is None]
    models = {trial.candidate.key for trial in succeeded}
    assert result.trial_returns().shape[1] == len(succeeded) > len(models)
    assert result.model_returns().shape[1] == len(models)
    np.testing.assert_array_equal(result.model_returns()[:, 0], result.trial_returns()[:, 0])
