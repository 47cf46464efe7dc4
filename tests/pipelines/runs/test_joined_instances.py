"""Instances with the same trades are joined: the dataset holds one copy, and the model answers for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradesieve.models.artifact.artifact import Artifact, load_artifact, release, verify
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.tracking.connection import connect
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.evaluation import evaluate
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.paper_replay import replay
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset
from tradesieve.serving.scoring import Scorer, acceptance_thresholds
from tradesieve.strategies.registry import parse_strategy

OTHER = parse_strategy("dip_buying()").id
FIRST, COPY = (f"opening_range_breakout(opening_minutes=60,session_minute=0,reward=1,max_hold={n})" for n in (400, 500))
DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Joined:
    """A run of two instances, of which one is there twice, and the same run with the copy left out."""

    settings: Settings
    whole: Experiment
    result: dict[str, Any]
    alone: Experiment
    alone_result: dict[str, Any]

    @property
    def artifact(self) -> Artifact:
        return load_artifact(Path(self.result["artifact"]))


def name(strategy: str) -> str:
    return f"{strategy}|AAA|15m"


@pytest.fixture(scope="module")
def joined(make_home: Callable[..., Settings], small_experiment: Experiment) -> Joined:
    plan = Plan(engines={"lightgbm": 2}, applications=("per_strategy_threshold",), n_folds=3)
    base = replace(small_experiment, plan=plan, num_strategies=None)
    whole, alone = (replace(base, strategies=strategies) for strategies in ((FIRST, COPY, OTHER), (FIRST, OTHER)))
    settings = make_home()
    return Joined(settings, whole, run_experiment(whole, settings), alone, run_experiment(alone, settings))


def test_the_dataset_holds_one_copy(joined: Joined) -> None:
    """The copy changes nothing: neither the rows, nor the capital of each instance, nor any result."""
    whole, alone = (
        build_dataset(each, load_chunks(each, joined.settings), joined.settings)
        for each in (joined.whole, joined.alone)
    )
    assert whole.same_trades_as == {name(COPY): name(FIRST)}
    assert not alone.same_trades_as
    assert whole.fingerprint == alone.fingerprint
    for group in ("baseline", "filtered", "random"):
        assert joined.result[group]["development"] == joined.alone_result[group]["development"]
        assert joined.result[group]["holdout"] == joined.alone_result[group]["holdout"]


def test_the_result_says_what_was_joined(joined: Joined, tmp_path: Path) -> None:
    data = joined.result["data"]
    assert (data["n_instances"], data["same_trades_as"]) == (2, {name(COPY): name(FIRST)})
    for part in ("development", "holdout"):
        rows = joined.result["by_instance"][part]
        assert {row["instance"]: row["n_joined"] for row in rows} == {name(FIRST): 1, name(OTHER): 0}
    client, run_id = connect(joined.settings.tracking), joined.result["run_id"]
    assert client.get_run(run_id).data.metrics["n_joined"] == 1
    table = pd.read_csv(client.download_artifacts(run_id, "joined.csv", str(tmp_path)))
    assert table.to_dict("records") == [{"instance": name(COPY), "same_trades_as": name(FIRST)}]


def test_the_artifact_answers_for_all(joined: Joined) -> None:
    artifact = joined.artifact
    verify(artifact)
    assert artifact.manifest["instances"] == [name(FIRST), name(COPY), name(OTHER)]
    scores = np.linspace(0.0, 1.0, 101)
    first, copy = (artifact.sizes(scores, [name(each)] * len(scores)) for each in (FIRST, COPY))
    np.testing.assert_array_equal(first, copy)
    thresholds = acceptance_thresholds(artifact)
    assert len(thresholds) == 3
    assert thresholds[0] == thresholds[1]
    Scorer(artifact)


def test_research_trades_of_the_copy_are_those_of_the_first(joined: Joined) -> None:
    chunk = load_model_chunk(joined.artifact, "AAA", "15m", joined.settings)
    trades = research_trades(joined.artifact, chunk, joined.settings, start_time=None)
    first, copy = (trades[trades["strategy"] == each].drop(columns="strategy") for each in (FIRST, COPY))
    assert len(first)
    assert first.reset_index(drop=True).equals(copy.reset_index(drop=True))


def test_evaluation_joins_as_the_run_did(joined: Joined) -> None:
    found = evaluate(joined.artifact, joined.settings)
    assert found["same_trades_as"] == {name(COPY): name(FIRST)}
    for group in ("baseline", "filtered"):
        for measure, value in found[group].items():
            assert value == pytest.approx(joined.result[group]["holdout"][measure], rel=1e-9), (group, measure)


def test_the_copy_alone_is_evaluated_as_the_first(joined: Joined) -> None:
    first, copy = (evaluate(joined.artifact, joined.settings, strategies=[each]) for each in (FIRST, COPY))
    assert first["filtered"] == copy["filtered"]
    assert not copy["same_trades_as"]


@pytest.mark.slow
def test_the_bot_trades_all_as_research_does(joined: Joined, tmp_path: Path) -> None:
    end = int(joined.settings.bars.load("AAA", joined.whole.parsed_timeframes()[0]).close_time[-1])
    released = release(joined.artifact, tmp_path / "released", run_id=joined.result["run_id"], override="a test")
    paper = replay(
        released.folder, joined.settings,
        symbol="AAA", timeframe="15m", start_time=end - 10 * DAY, end_time=end,
    )  # fmt: skip
    assert {FIRST, COPY} <= set(paper.trades["strategy"])
    assert paper.agrees
