"""The study resumes, takes its markets in turn, and writes what its results say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.studies.dimensions import SEARCHED_TOGETHER, VALUES, WIDEST
from tests.studies.market_kinds import KINDS, NULL, OTHER, TREND
from tests.studies.plans import CHANGES, DEFAULT, EVERY_FEATURE, PLANS, REFERENCE
from tests.studies.study import PARTS, SEEDS, tasks_of, write_tables
from tests.studies.tables import changes_table, dimensions_table, markdown, plans_table
from tradesieve.market.calendars.trading_days import ALWAYS
from tradesieve.market.timeframes import DAY
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.lightgbm import LightGBMEngine
from tradesieve.models.labels.base import REGRESSION
from tradesieve.models.labels.registry import LABELS

NOWHERE = Path("/nonexistent")


MEASURED = {
    "holdout_sortino": 1.0, "holdout_expectancy": 0.001, "fresh_sortino": 8.0, "fresh_basis_points": 2.0,
    "oracle_sortino": 40.0, "oracle_basis_points": 20.0, "bayes_sortino": 20.0, "search_seconds": 5.0,
}  # fmt: skip


def row(kind: str, seed: int, plan: str, **values: object) -> dict[str, object]:
    return {"kind": kind, "seed": seed, "plan": plan, "open": True, "failed": [], "commit": "abc"} | MEASURED | values


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


def dimension_rows(value: str, *, fresh: float, fitness: float | None = 0.001) -> list[dict[str, object]]:
    return [
        {"part": "dimensions", "commit": "abc", "kind": "trend 0.1", "seed": seed, "value": value}
        | {"fresh_sortino": fresh + seed, "fitness": fitness}
        for seed in range(2)
    ]


def test_each_value_is_compared_with_its_own_and_the_fittest_is_what_a_search_takes():
    results = [
        *dimension_rows(REFERENCE, fresh=10.0, fitness=0.002),
        *dimension_rows("label won", fresh=4.0, fitness=0.003),
        *dimension_rows("label net_return", fresh=12.0, fitness=None),
        *dimension_rows("label won, calibration sigmoid", fresh=5.0),
    ]
    table = {row["value"]: row["trend 0.1"] for row in dimensions_table(results)}
    assert table[REFERENCE] == "10.5 ± 0.5"
    assert (table["label won"], table["label net_return"]) == ("-6.0 ± 0.0", "+2.0 ± 0.0")
    assert table["label won, calibration sigmoid"] == "+1.0 ± 0.0", "against the label won without"
    fittest = [row["trend 0.1"] for row in dimensions_table(results) if row["value"] == "the fittest of these"]
    assert fittest == ["-6.0 ± 0.0", "+0.0 ± 0.0"], "a label by its fitness, not by what the fresh markets say"
    assert table["seeds"] == 2


def test_the_widest_plan_lists_every_label_weight_scope_and_application():
    assert {candidate.label for candidate in WIDEST.candidates((), dict.fromkeys(WIDEST.factor_sets, ()))} == {*LABELS}
    names = {value.dimension for value in VALUES.values()}
    assert names == {"", "choice", "splits", *SEARCHED_TOGETHER}


def test_tables_of_which_nothing_is_known_here_stay(tmp_path):
    document = tmp_path / "RESULTS.md"
    write_tables(dimension_rows(REFERENCE, fresh=10.0), NOWHERE, path=document)
    walk = {"part": "series", "commit": "def", "kind": "random walk", "opened": 0, "failed": [["winner"]]}
    text = write_tables([walk], NOWHERE, path=document)
    assert text.index("## What each dimension adds") < text.index("## Twenty experiments in a row")
    assert "10.5 ± 0.5" in text
    assert "of commit abc." in text
    assert text.rstrip().endswith("| def |")
    assert document.read_text() == text + "\n"
    again = write_tables(dimension_rows(REFERENCE, fresh=20.0), NOWHERE, path=document)
    assert "20.5 ± 0.5" in again
    assert "10.5 ± 0.5" not in again
    assert "0 of 1" in again


def test_rows_of_markets_of_which_nothing_is_known_here_stay(tmp_path):
    document, walk = tmp_path / "RESULTS.md", {"part": "series", "opened": 0, "failed": [["winner"]]}
    for kind, commit in (("random walk", "abc"), ("trend 0.1", "def"), ("random walk", "ghi")):
        text = write_tables([walk | {"kind": kind, "commit": commit}], NOWHERE, path=document)
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert [(line.split(" | ")[0], line.split(" | ")[-1]) for line in rows] == [
        ("| random walk", "ghi |"), ("| trend 0.1", "def |"),
    ]  # fmt: skip


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
