"""Lists in a plan: labels, factor sets and weights are searched together, on the same folds, each as a trial."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.labels.registry import label_named
from tradesieve.models.protocol.holdout import record_trials
from tradesieve.models.protocol.leaderboard import leaderboard
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.weights import weights

LABELS, WEIGHTS = ("scaled_return", "won"), ("uniform", "time_decay")
SETS = {"noise": ("b", "c"), "signal": ("a", "c")}
WIDE = Plan(label=LABELS, factor_sets=tuple(SETS), weights=WEIGHTS, engines={"lightgbm": 1}, n_folds=3)


@pytest.fixture
def dataset(trades) -> Dataset:
    """Trades that follow the feature `a`; their labels are known for two in three."""
    made, scores = trades(1200, edge=0.05)
    unknown = np.arange(1200) % 3 == 0
    scaled = made.net_return / 0.02
    won = np.where(unknown, np.nan, made.net_return > 0)
    X = np.column_stack([scores, np.random.default_rng(1).random((1200, 2))])
    targets = {"scaled_return": scaled, "won": won}
    return replace(made, X=X, feature_names=("a", "b", "c"), y=scaled, more_targets=targets, factor_sets=SETS)


def test_every_combination_is_a_trial_and_counts_in_the_ledger(dataset, tmp_path) -> None:
    result = search(dataset, WIDE)
    tried = {(one.candidate.label, one.candidate.factors, one.candidate.weights) for one in result.trials}
    assert tried == set(product(LABELS, SETS, WEIGHTS))
    assert len(result.trials) == 8
    assert {one.application for one in result.trials} == {"positive_score", "proportional"}
    assert result.winner.candidate.factors == "signal"
    assert {row["label"] for row in leaderboard(result)} == set(LABELS)
    assert all(row["error"] is None for row in leaderboard(result))
    ledger = Ledger(tmp_path / "ledger.db")
    record_trials(result, ledger=ledger, experiment="wide", symbols=["S0"])
    assert ledger.count_trials(["S0"]) == 8


def test_the_winner_reads_its_set_of_the_whole_row_and_scores_as_if_it_were_alone(dataset) -> None:
    plan = replace(WIDE, label="won", weights="time_decay", engines={"lightgbm": 2})
    alone = replace(dataset, y=dataset.targets("won"), more_targets={})
    result = search(alone, plan)
    chosen, model = result.winner.candidate, result.model
    assert chosen.dimensions == {"factors": "signal", "weights": "time_decay"}
    assert model.n_features == 3
    assert set(model.columns) <= {0, 2}
    known = np.flatnonzero(~np.isnan(alone.y))
    by_hand = engine_named("lightgbm").fit(
        chosen, alone.X[known][:, [0, 2]], alone.y[known], weights("time_decay", alone, known), seed=plan.seed
    )
    np.testing.assert_array_equal(model.predict(alone.X), by_hand.predict(alone.X[:, [0, 2]]))


def test_workers_do_not_change_a_wide_search(dataset, tmp_path) -> None:
    boards, models = [], []
    for n_jobs in (1, 2):
        result = search(dataset, WIDE, n_jobs=n_jobs)
        result.model.save(tmp_path / str(n_jobs))
        boards.append(json.dumps(leaderboard(result)))
        models.append([path.read_bytes() for path in sorted((tmp_path / str(n_jobs)).iterdir())])
    assert boards[0] == boards[1]
    assert models[0] == models[1]


def test_the_plainest_come_first_and_one_label_keeps_its_keys() -> None:
    wide = WIDE.candidates(("a", "b", "c"), SETS)
    assert [one.dimensions for one in wide[:1]] == [{"label": "scaled_return", "factors": "noise"}]
    n_changed = [(one.label != LABELS[0]) + (one.factors != "noise") + (one.weights != WEIGHTS[0]) for one in wide]
    assert n_changed == sorted(n_changed)
    assert len({one.key for one in wide}) == len(wide) == 8
    assert all(one.task == label_named(one.label).task for one in wide)
    assert all(Candidate(**one.as_dict()) == one for one in wide)
    assert [one.key for one in Plan(label=("won",)).candidates()] == [one.key for one in Plan(label="won").candidates()]
    assert Plan().candidates()[0].key == "f07a34f0d418394f", "the ledger knows it by this key"


def test_applications_follow_the_task_of_each_label() -> None:
    plan = Plan(label=LABELS, applications=("positive_score", "kelly", "threshold"))
    assert plan.applications_of("regression") == ("positive_score", "threshold")
    assert plan.applications_of("classification") == ("kelly", "threshold")
    with pytest.raises(BadInput, match="none of positive_score reads the scores of a classification, which the label"):
        Plan(label=LABELS, applications=("positive_score",))
    with pytest.raises(BadInput, match="kelly does not read the scores of a regression, which the label scaled_return"):
        Plan(applications=("kelly",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"label": ("won", "won")}, "label is won, won: name each one once"),
        ({"label": ()}, "label is empty: name at least one"),
        ({"weights": ("uniform", "time_decya")}, "unknown weights 'time_decya': did you mean 'time_decay'"),
        ({"label": ("won", "wom")}, "unknown label 'wom': did you mean 'won'"),
    ],
)
def test_a_list_names_what_is_wrong_with_it(given, message) -> None:
    with pytest.raises(BadInput, match=message):
        Plan(**given)
    with pytest.raises(Unknown, match="unknown factor set 'minimal'"):
        Plan(factor_sets=("minimal",)).candidates(("a",))
