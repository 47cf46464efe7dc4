"""Every scope from bars to an artifact: what it scores from bars is what research computed, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.pipelines.conftest import settings_in
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.artifact.artifact import load_artifact, verify
from tradesieve.models.protocol.leaderboard import summarise
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.scopes.registry import SCOPES, scope_features
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.run_artifact import write_run_artifact
from tradesieve.pipelines.steps.chunk_trades import trade_chunks
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import pool_dataset

PLAN = Plan(label="won", scope=tuple(SCOPES), engines={"lightgbm": 1}, applications=("threshold",), n_folds=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small_bars: Bars) -> SimpleNamespace:
    """The development part of three strategies of two rules, on one symbol."""
    settings = settings_in(tmp_path_factory.mktemp("home"))
    settings.bars.append(small_bars[:6000])
    rules = ("volatility_breakout", "dip_buying")
    plan = replace(PLAN, selected_by="expectancy", minimum_trades=10)
    experiment = Experiment(("AAA",), ("15m",), rules, num_strategies=3, features="minimal", plan=plan)
    traded = trade_chunks(load_chunks(experiment, settings), settings)
    development, _ = split_holdout(pool_dataset(experiment, traded, settings))
    parts = [each.development(development.period[1]) for each in traded]
    return SimpleNamespace(experiment=experiment, development=development, parts=parts)


def test_a_plan_with_scopes_has_their_columns_last(made: SimpleNamespace) -> None:
    names, plain = made.development.feature_names, replace(made.experiment, plan=replace(PLAN, scope="pooled"))
    own = made.experiment.feature_names()
    assert own == (*MINIMAL, *(name for name in scope_features(["regime"]) if name not in MINIMAL))
    assert plain.feature_names() == MINIMAL
    assert names == (
        *own, "rule", "instance", "rule=dip_buying", "rule=volatility_breakout", "symbol=AAA",
    )  # fmt: skip
    assert made.development.scope_columns == names[len(MINIMAL) :]


@pytest.mark.parametrize("scope", SCOPES)
def test_an_artifact_scores_as_research_did(made: SimpleNamespace, scope: str, tmp_path: Path) -> None:
    experiment = replace(made.experiment, plan=replace(made.experiment.plan, scope=scope))
    searched, dataset = search(made.development, experiment.plan), made.development
    summary = summarise(searched, None, seed=7)
    artifact = load_artifact(write_run_artifact(tmp_path / "a", experiment, made.parts, searched, summary))
    assert verify(artifact) == 6
    chunk = made.parts[0].chunk
    decisions = made.parts[0].decisions
    names = [f"{strategy}|AAA|15m" for strategy in made.parts[0].strategies]
    scores = artifact.score(chunk.bars, decisions, instance_names=names)
    expected = {
        (int(time), dataset.instance_names[code]): score
        for time, code, score in zip(
            dataset.decision_time, dataset.instance, searched.model.predict(dataset.X), strict=True
        )
    }
    assert len(expected) == len(scores)
    assert scores.tolist() == [expected[int(time), name] for time, name in zip(decisions.time, names, strict=True)]
    assert ("groups" in summary) == SCOPES[scope].is_grouped
    if scope in ("rule", "instance", "categories"):
        with pytest.raises(BadInput, match="decisions need as many instance names, got 0"):
            artifact.score(chunk.bars, decisions)
        with pytest.raises(Unknown, match="unknown strategy instance 'dip_buying"):
            artifact.score(chunk.bars, decisions[:1], instance_names=["dip_buying(x=1)|AAA|15m"])
    else:
        assert artifact.score(chunk.bars, decisions).tobytes() == scores.tobytes()
