"""The study resumes, takes its markets in turn, and writes what its results say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.studies.market_kinds import KINDS, NULL, OTHER, TREND
from tests.studies.plans import CHANGES, DEFAULT, EVERY_FEATURE, PLANS, REFERENCE
from tests.studies.study import PARTS, SEEDS, tasks_of
from tests.studies.tables import changes_table, markdown, plans_table
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.lightgbm import LightGBMEngine
from tradesieve.models.labels.base import REGRESSION

NOWHERE = Path("/nonexistent")


MEASURED = {
    "holdout_sortino": 1.0, "holdout_expectancy": 0.001, "fresh_sortino": 8.0, "fresh_basis_points": 2.0,
    "oracle_sortino": 40.0, "oracle_basis_points": 20.0, "bayes_sortino": 20.0, "search_seconds": 5.0,
}  # fmt: skip


def row(kind: str, seed: int, plan: str, **values: object) -> dict[str, object]:
    return {"kind": kind, "seed": seed, "plan": plan, "open": True, "failed": []} | MEASURED | values


def test_every_kind_gets_its_seeds_and_all_kinds_go_on_together():
    tasks = [arguments for _, _, arguments in tasks_of("default", [], 1.0, NOWHERE)]
    assert Counter(name for name, _, _ in tasks) == {name: SEEDS[kind.group] for name, kind in KINDS.items()}
    half = Counter(KINDS[name].group for name, _, _ in tasks[: len(tasks) // 2])
    for group in (TREND, OTHER, NULL):
        n_kinds = sum(kind.group == group for kind in KINDS.values())
        assert half[group] == pytest.approx(n_kinds * SEEDS[group] / 2, abs=n_kinds), "a stop half way is a study"


def test_what_is_known_is_not_run_again():
    tasks = tasks_of("default", [], 0.1, NOWHERE)
    _, _, (kind, seed, plans) = tasks[0]
    assert plans == [DEFAULT]
    assert tasks_of("default", [row(kind, seed, DEFAULT)], 0.1, NOWHERE) == tasks[1:]
    first = tasks_of("changes", [row("hours", 0, REFERENCE)], 0.25, NOWHERE)
    assert [plans for _, _, (kind, _, plans) in first if kind == "hours"] == [list(CHANGES)[1:]]
    assert tasks_of("real", [], 1.0, NOWHERE) == [], "markets without bars are skipped"
    assert set(PARTS) >= {"default", "changes", "series", "real"}


def test_a_table_says_how_often_and_how_much():
    results = [row("trend 0.1", seed, DEFAULT, open=seed > 0, fresh_sortino=8.0 + seed) for seed in range(3)]
    results.append(row("random walk", 0, DEFAULT, open=False, failed=["deflated_sharpe"], holdout_expectancy=-0.001))
    first, walk = plans_table(results, [DEFAULT])
    assert (first["gate open"], first["hold-out above zero"]) == ("2 of 3", "3 of 3")
    assert (first["fresh Sortino"], first["of the oracle"], first["of Bayes"]) == ("9.0 ± 0.6", "22 %", "45 %")
    assert (walk["gate open"], walk["hold-out above zero"]) == ("0 of 1", "0 of 1")
    assert walk["most often failed"] == "deflated_sharpe 1"
    assert markdown([first]).count("\n") == 2


def test_where_no_winner_is_found_nothing_is_above_zero():
    nothing = {"holdout_sortino": None, "holdout_expectancy": None, "failed": ["winner"], "open": False}
    (only,) = plans_table([row("random walk", seed, DEFAULT, **nothing) for seed in range(2)], [DEFAULT])
    assert (only["hold-out above zero"], only["hold-out Sortino"], only["gate open"]) == ("0 of 2", "–", "0 of 2")


def test_changes_are_compared_on_the_same_markets():
    results = [row("hours", seed, REFERENCE, fresh_sortino=10.0 * seed) for seed in range(3)]
    results += [row("hours", seed, "15 leaves", fresh_sortino=10.0 * seed - 1.0) for seed in range(3)]
    reference, leaves, seeds = changes_table(results)
    assert reference["hours"] == "10.0 ± 5.8"
    assert leaves == {"plan": "15 leaves", "hours": "-1.0 ± 0.0"}, "paired, the seeds' own differences fall away"
    assert seeds["hours"] == 3


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_chooses_its_label_and_features(name):
    planned, n = PLANS[name], 4
    made = Dataset(
        X=np.arange(float(n * len(EVERY_FEATURE))).reshape(n, -1),
        feature_names=EVERY_FEATURE,
        y=np.array([0.5, -0.5, 1.0, -1.0]),
        weight=np.ones(n),
        decision_time=np.arange(n) * DAY,
        exit_time=np.arange(n) * DAY + 1,
        net_return=np.array([0.01, -0.01, 0.02, -0.02]),
        stake=np.ones(n),
        instance=np.zeros(n, np.int64),
        instance_names=("dip_buying()|AAA|15m",),
        period=(0, n * DAY),
        calendar=ALWAYS,
    )
    dataset = planned.dataset(made)
    assert dataset.feature_names == planned.features
    assert dataset.X[0].tolist() == [float(EVERY_FEATURE.index(feature)) for feature in planned.features]
    assert dataset.y.tolist() == ([1.0, 0.0, 1.0, 0.0] if planned.plan.label == "won" else made.y.tolist())


def test_a_change_reaches_the_engine_and_leaves_it_as_it_was():
    before = LightGBMEngine().candidates(1, seed=7, task=REGRESSION)[0]
    with PLANS["15 leaves"].applied():
        assert LightGBMEngine().candidates(1, seed=7, task=REGRESSION)[0].parameters["num_leaves"] == 15
    with PLANS["boosting alone"].applied():
        assert LightGBMEngine().candidates(1, seed=7, task=REGRESSION)[0].estimator == "gbdt"
    with PLANS["label won"].applied():
        won = PLANS["label won"].plan.candidates()[0]
        assert (won.estimator, won.parameters) == ("gbdt", before.parameters)
    assert LightGBMEngine().candidates(1, seed=7, task=REGRESSION)[0] == before
