"""A budget: what is tried first, what is left out, and that an interrupted search ends on the same leaderboard."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import make_trades
from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.leaderboard import leaderboard, summarise
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search import search
from tradesieve.models.protocol.search_order import SearchOrder, parse_budget

SETS = {"noise": ("b",), "signal": ("a",), "both": ("a", "b")}
WIDE = Plan(
    label=("won", "scaled_return"),
    factor_sets=tuple(SETS),
    weights=("uniform", "uniqueness", "time_decay"),
    engines={"lightgbm": 1},
    n_folds=2,
)


def wide_dataset() -> Dataset:
    made, scores = make_trades(500, edge=0.05)
    X = np.column_stack([scores, np.random.default_rng(1).random(500)])
    scaled = made.net_return / 0.02
    targets = {"won": made.y, "scaled_return": scaled}
    return replace(made, X=X, feature_names=("a", "b"), more_targets=targets, factor_sets=SETS)


def values(batch: list) -> list[tuple[str, str, str]]:
    return [(one.label, one.factors, one.weights) for one in batch]


def test_each_dimension_is_searched_on_its_own_and_then_the_rest() -> None:
    candidates = WIDE.candidates(("a", "b"), SETS)
    order = SearchOrder(candidates, parse_budget("100 trials"), lambda _: 1)
    fitness: dict[str, float] = {}
    batches = []
    while batch := order.next_batch(fitness):
        batches.append(values(batch))
        # The signal and the decay help, also apart.
        fitness |= {one.key: (one.factors == "signal") + 0.5 * (one.weights == "time_decay") for one in batch}
    assert batches[:4] == [
        [("won", "noise", "uniform")],
        [("scaled_return", "noise", "uniform")],
        [("won", "signal", "uniform"), ("won", "both", "uniform")],
        [("won", "signal", "uniqueness"), ("won", "signal", "time_decay")],
    ]
    assert len(batches) == 5
    rest = batches[4]
    n_differences = [sum(a != b for a, b in zip(one, ("won", "signal", "time_decay"), strict=True)) for one in rest]
    assert n_differences == sorted(n_differences)
    assert sorted(one for batch in batches for one in batch) == sorted(values(candidates))
    assert SearchOrder(candidates, parse_budget(""), lambda _: 1).next_batch({}) == candidates


def test_a_number_of_trials_is_kept_and_what_is_left_out_is_named() -> None:
    dataset = wide_dataset()
    result = search(dataset, replace(WIDE, budget="6 trials"))
    assert len(result.trials) == 6
    assert len(result.untried) == 12
    assert result.winner.candidate.factors != "noise"
    summary = summarise(result, None, seed=0)
    assert len(summary["not_tried"]) == 12
    assert summary["not_tried"][0].startswith("lightgbm/")
    assert "factors=" in summary["not_tried"][0]
    assert "not_tried" not in summarise(search(dataset, replace(WIDE, factor_sets=("both",))), None, seed=0)
    two = replace(WIDE, budget="1 trials", applications=("threshold", "quantile"))
    assert len(search(dataset, two).trials) == 2, "a candidate is tried whole"


def test_a_budget_that_suffices_changes_nothing() -> None:
    dataset = wide_dataset()
    few = replace(WIDE, factor_sets=("noise", "both"), weights="uniform")
    boards = [leaderboard(search(dataset, replace(few, budget=budget))) for budget in ("", "1h", "99 trials")]
    assert boards[0] == boards[1] == boards[2]


def test_workers_and_an_earlier_run_do_not_change_what_a_number_of_trials_finds(tmp_path: Path) -> None:
    dataset, plan = wide_dataset(), replace(WIDE, budget="5 trials")
    boards = [json.dumps(leaderboard(search(dataset, plan, n_jobs=n_jobs))) for n_jobs in (1, 2)]
    assert boards[0] == boards[1]
    seen: list[tuple[int, int]] = []
    trials = []
    for _ in range(2):
        result = search(
            dataset, plan,
            checkpoints=ScoreCheckpoints(tmp_path), on_trial=trials.append,
            on_progress=lambda done, total, _: seen.append((done, total)),
        )  # fmt: skip
        assert json.dumps(leaderboard(result)) == boards[0]
    assert seen == [(step, 10) for step in range(1, 11)], "the second run read all scores"
    assert [one.fitness for one in trials[:5]] == [one.fitness for one in trials[5:]]


def test_a_time_that_is_up_leaves_the_rest_and_says_so() -> None:
    result = search(wide_dataset(), replace(WIDE, budget="0.001s"), n_jobs=1)
    assert 1 <= len(result.trials) < 18
    assert len(result.trials) + len(result.untried) == 18
    assert result.winner is not None


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.models.protocol.test_search_order import WIDE, replace, search, wide_dataset, ScoreCheckpoints

def kill(done, total, name):
    if done == 7:
        os.kill(os.getpid(), signal.SIGKILL)

plan = replace(WIDE, budget="6 trials")
search(wide_dataset(), plan, checkpoints=ScoreCheckpoints(Path(sys.argv[1])), n_jobs=2, on_progress=kill)
"""


def test_a_killed_search_resumes_to_the_same_leaderboard(tmp_path: Path) -> None:
    """After kill -9 in the fourth of six candidates, those that had finished are not fitted again."""
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    n_stored = len(list(tmp_path.glob("*.npz")))
    assert 1 <= n_stored < 6
    plan, steps = replace(WIDE, budget="6 trials"), []
    resumed = search(
        wide_dataset(), plan,
        checkpoints=ScoreCheckpoints(tmp_path), on_progress=lambda done, total, _: steps.append(done),
    )  # fmt: skip
    assert len(steps) == 2 * (6 - n_stored)
    assert json.dumps(leaderboard(resumed)) == json.dumps(leaderboard(search(wide_dataset(), plan)))


def test_listed_selections_are_a_dimension_and_drawn_ones_are_not() -> None:
    """Random candidates of the first combination are all tried first, whatever selection was drawn for them."""
    for selections, n_first in ((("all", "univariate"), 6), ((), 6)):
        plan = Plan(label="won", weights=WIDE.weights, selections=selections, engines={"lightgbm": 6})
        candidates = plan.candidates()
        order = SearchOrder(candidates, parse_budget("999 trials"), lambda _: 1, dimensions=plan.dimensions)
        first = order.next_batch({})
        assert first == candidates[:n_first]
        second = order.next_batch({one.key: float(one is first[2]) for one in first})
        if selections:
            assert second == [replace(first[2], selection="univariate")]
        else:
            assert second == [replace(first[2], weights=weights) for weights in WIDE.weights[1:]]


@pytest.mark.parametrize("text", ["soon", "0 trials", "10", "-5m", "1.5 trials", "0s"])
def test_a_budget_is_a_time_or_a_number_of_trials(text) -> None:
    with pytest.raises(BadInput, match=f"budget is {text!r}: write a time such as 90s, 10m or 2h, or a number such as"):
        Plan(budget=text)
