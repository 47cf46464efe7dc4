"""The search measures trials, baseline and random filters on the trades that the folds could size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.leaderboard import leaderboard, summarise
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
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


def test_workers_change_the_time_and_nothing_else(trades, tmp_path):
    dataset, _ = trades(600, edge=0.05)
    dataset = replace(dataset, y=dataset.net_return / 0.02)
    boards, files = [], []
    for n_jobs in (1, 2):
        result = search(dataset, Plan(n_folds=3), n_jobs=n_jobs)
        result.model.save(tmp_path / str(n_jobs))
        boards.append(leaderboard(result))
        files.append([path.read_bytes() for path in sorted((tmp_path / str(n_jobs)).iterdir())])
    assert boards[0] == boards[1]
    assert files[0] == files[1]


def test_an_interrupted_search_resumes_behind_the_finished_candidates(trades, tmp_path):
    dataset, _ = trades(600, edge=0.05)
    plan = Plan(label="won", engines={"lightgbm": 3}, n_folds=3)
    third = plan.candidates()[2].name
    checkpoints = ScoreCheckpoints(tmp_path)

    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int, name: str) -> None:
        if name == third:
            raise Interrupted

    with pytest.raises(Interrupted):
        search(dataset, plan, checkpoints=checkpoints, n_jobs=1, on_progress=interrupt)
    steps: list[tuple[int, int, str]] = []
    resumed = search(dataset, plan, checkpoints=checkpoints, n_jobs=1, on_progress=lambda *step: steps.append(step))
    assert steps == [(7, 9, third), (8, 9, third), (9, 9, third)]
    assert leaderboard(resumed) == leaderboard(search(dataset, plan))


BESIDE = "close_beside_AAA__change__window_2"


@pytest.mark.parametrize("edge_is", ["beside", "own"])
def test_a_search_decides_whether_other_symbols_are_read(trades, edge_is):
    """The first candidate is tried without them too, as a trial of its own; its model then reads no such column."""
    dataset, scores = trades(1500, edge=0.08)
    X = np.column_stack([scores, np.random.default_rng(5).random(len(dataset))])
    names = (BESIDE, "close__slope__window_5") if edge_is == "beside" else ("close__slope__window_5", BESIDE)
    dataset = replace(dataset, X=X, feature_names=names, y=dataset.net_return / 0.02)
    plan = Plan(engines={"lightgbm": 2}, n_folds=3)
    result = search(dataset, plan)
    selections = {trial.candidate.selection: trial for trial in result.trials if trial.candidate.estimator == "mean"}
    assert len(result.trials) == 3
    assert set(selections) == {"all", "own_symbol"}
    if edge_is == "beside":
        assert result.winner.candidate.selection == "all"
        assert selections["all"].fitness > 2.0 * abs(selections["own_symbol"].fitness)
    else:
        alone = search(replace(dataset, X=X[:, :1].copy(), feature_names=names[:1]), plan)
        (same,) = [trial for trial in alone.trials if trial.candidate.estimator == "mean"]
        assert selections["own_symbol"].fitness == same.fitness, "as if there were no other symbol"


def test_without_other_symbols_nothing_more_is_tried():
    plan = Plan(engines={"lightgbm": 2})
    assert plan.candidates(("score", "close_of_AAA__change__window_2")) == plan.candidates()
    assert plan.candidates((BESIDE,)) == plan.candidates(), "nothing would be left"
    more = plan.candidates((BESIDE, "score"))
    assert more[:2] == plan.candidates()
    assert more[2:] == [replace(more[0], selection="own_symbol")]
