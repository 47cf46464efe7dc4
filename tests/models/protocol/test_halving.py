"""Successive halving: what goes on, that nothing is fitted twice, and that every round's trials count."""

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

from tests.models.protocol.test_search_order import WIDE, wide_dataset
from tradesieve.market.errors import BadInput
from tradesieve.models.protocol.halving import plan_rounds
from tradesieve.models.protocol.holdout import record_trials
from tradesieve.models.protocol.leaderboard import leaderboard, summarise
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search import SearchResult, search
from tradesieve.pipelines.commands.shared.result_notes import describe_choice
from tradesieve.pipelines.experiment import Experiment

HALVED = replace(WIDE, weights="uniform", n_folds=4, halving=3)


def board(result: SearchResult) -> str:
    return json.dumps([leaderboard(result), summarise(result, None, seed=0)["halving"]])


@pytest.fixture(scope="module")
def result() -> SearchResult:
    return search(wide_dataset(), HALVED, n_jobs=1)


@pytest.mark.parametrize(
    ("factor", "n_folds", "expected"),
    [(3, 5, [(2, 2, 18), (5, 3, 6)]), (2, 10, [(2, 2, 18), (3, 1, 9), (5, 2, 5), (10, 5, 3)]), (3, 2, [(2, 2, 18)])],
)
def test_rounds_have_more_folds_and_fewer_candidates(factor: int, n_folds: int, expected: list) -> None:
    rounds = plan_rounds(18, n_folds, factor)
    assert [(one.n_folds, one.n_new_folds, one.n_candidates) for one in rounds] == expected


def test_the_best_third_of_the_first_round_stands_on_the_leaderboard(result: SearchResult) -> None:
    best: dict[str, float] = {}
    for trial in result.early_trials:
        best[trial.candidate.key] = max(best.get(trial.candidate.key, -np.inf), trial.fitness)
    assert len(best) == 6
    kept = sorted(best, key=lambda key: -best[key])[:2]
    assert {trial.candidate.key for trial in result.trials} == set(kept)
    assert result.winner is not None
    assert "noise" not in {trial.candidate.factors for trial in result.trials}, "the planted factor is found early"
    assert (len(result.finalists.dropped), result.untried) == (4, ())
    (line, *_) = describe_choice(summarise(result, None, seed=0))
    assert line.startswith("Successive halving tried 6 on 2 folds, then 2 on 4 folds")


def test_a_finalist_is_judged_as_it_is_without_halving(result: SearchResult) -> None:
    alone = search(wide_dataset(), replace(HALVED, halving=0), n_jobs=1)
    plain = {(trial.candidate.key, trial.application): trial for trial in alone.trials}
    for trial in result.trials:
        other = plain[trial.candidate.key, trial.application]
        assert (trial.fitness, trial.sizes.tobytes()) == (other.fitness, other.sizes.tobytes())


def test_every_trial_of_every_round_counts(result: SearchResult, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for _ in range(2):
        record_trials(result, ledger=ledger, experiment="x", symbols=["AAA"])
    assert result.n_trials == len(result.trials) + len(result.early_trials) == 2 + 6
    assert ledger.count_trials(["AAA"]) == result.n_trials
    assert np.isfinite(ledger.trial_improvements(["AAA"])).sum() > 2


def test_workers_and_an_earlier_run_change_nothing(result: SearchResult, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    for _ in range(2):
        again = search(
            wide_dataset(), HALVED, n_jobs=2, checkpoints=ScoreCheckpoints(tmp_path),
            on_progress=lambda done, total, _: seen.append((done, total)),
        )  # fmt: skip
        assert board(again) == board(result)
    assert seen == [(step, 16) for step in range(1, 17)], "6 on 2 folds and 2 on 2 more, and none twice"


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.models.protocol.test_halving import HALVED, ScoreCheckpoints, search, wide_dataset

def kill(done, total, name):
    if done == 14:
        os.kill(os.getpid(), signal.SIGKILL)

search(wide_dataset(), HALVED, checkpoints=ScoreCheckpoints(Path(sys.argv[1])), n_jobs=2, on_progress=kill)
"""


def test_a_search_that_is_killed_in_the_last_round_resumes_there(result: SearchResult, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    steps: list[int] = []
    resumed = search(
        wide_dataset(), HALVED, checkpoints=ScoreCheckpoints(tmp_path),
        on_progress=lambda done, total, _: steps.append(done),
    )  # fmt: skip
    assert 0 < len(steps) <= 4
    assert steps[-1] == 16
    assert board(resumed) == board(result)


def test_rounds_keep_to_a_budget_of_trials_and_of_time() -> None:
    few = search(wide_dataset(), replace(HALVED, budget="5 trials"))
    assert few.n_trials == 4
    assert len(few.untried) == 6 - 3
    short = search(wide_dataset(), replace(HALVED, budget="0.001s"), n_jobs=1)
    assert short.winner is not None
    assert len(short.untried) >= 1
    assert len(short.trials) + len(short.untried) + len(short.finalists.dropped) == 6


def test_it_is_off_by_default_and_part_of_the_identity_otherwise() -> None:
    plain, halved = (Experiment(symbols=("AAA",), plan=Plan(halving=factor)) for factor in (0, 3))
    assert plain.hash == Experiment(symbols=("AAA",)).hash != halved.hash
    with pytest.raises(BadInput, match="halving is 1, but must be at least 2, or 0"):
        Plan(halving=1)
