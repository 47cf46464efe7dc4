"""The artifact of a run scores as the run did, and its golden vectors have whole windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import load_artifact, verify
from tradesieve.models.artifact.training_bars import TrainingBars
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.run_artifact import only_sides
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_trades import DevelopmentChunk
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset

MakeHome = Callable[..., Settings]


def test_the_artifact_answers_as_the_run_did(finished: Any) -> None:
    """The artifact's own scores on the hold-out keep as many trades as the run said."""
    artifact = load_artifact(Path(finished.result["artifact"]))
    assert verify(artifact) == 6
    chunks = load_chunks(finished.experiment, finished.settings)
    dataset = build_dataset(finished.experiment, chunks, finished.settings)
    border = artifact.manifest["data_span"][1]
    rows = dataset.decision_time > border
    names = [dataset.instance_names[code] for code in dataset.instance[rows]]
    side = dataset.X[rows, dataset.feature_names.index("trade__side")]
    scores = artifact.score(chunks[0].bars, Decisions(dataset.decision_time[rows], side))
    sizes = artifact.sizes(scores, names)
    assert np.count_nonzero(sizes) == finished.result["filtered"]["holdout"]["n_trades"]
    assert len(sizes) == finished.result["baseline"]["holdout"]["n_trades"]


def test_the_manifest_says_what_the_bars_of_training_did(finished: Any) -> None:
    manifest = load_artifact(Path(finished.result["artifact"])).manifest
    (chunk,) = load_chunks(finished.experiment, finished.settings)
    known = chunk.bars.between(None, manifest["data_span"][1])
    assert manifest["training_bars"] == {f"{chunk.symbol}|{chunk.timeframe}": TrainingBars.of(known).as_dict()}
    features = manifest["training_features"]
    assert set(features["features"]) == set(manifest["features"])
    assert features["n_rows"] > 100
    assert all(measured["n_missing"] <= features["n_rows"] for measured in features["features"].values())


def test_a_side_is_the_only_one_of_a_strategy_after_twenty_trades(finished: Any) -> None:
    (chunk,) = load_chunks(finished.experiment, finished.settings)
    names = ["long_only()"] * 20 + ["both()"] * 20 + ["short_so_far()"] * 19
    side = np.array([1.0] * 20 + [1.0, -1.0] * 10 + [-1.0] * 19)
    part = DevelopmentChunk(
        chunk, int(chunk.bars.close_time[-1]), pd.Categorical(names), Decisions(chunk.bars.close_time[:59], side)
    )
    series = f"{chunk.symbol}|{chunk.timeframe}"
    found = only_sides([part], {f"copy()|{series}": f"long_only()|{series}", f"other()|{series}": f"both()|{series}"})
    assert found == {f"long_only()|{series}": 1.0, f"copy()|{series}": 1.0}


def test_a_symbol_that_begins_late_has_its_golden_vectors(finished: Any, make_home: MakeHome, small_bars: Bars) -> None:
    """The last symbol is so young that most of its decisions lack a whole window."""
    settings = make_home()
    settings.bars.append(replace(small_bars[10700:10850], symbol="YOUNG"))
    both = replace(
        finished.experiment,
        symbols=("AAA", "YOUNG"),
        strategies=("volatility_breakout(window=2,multiple=0.05,max_hold=1)",),
        num_strategies=None,
        start="2023-04-04T00:00",
        plan=replace(finished.experiment.plan, engines={"lightgbm": 1}, n_folds=2, embargo_days=0.0),
    )
    for seed in range(4):
        result = run_experiment(replace(both, plan=replace(both.plan, seed=seed)), settings, seal=True)
        if result["artifact"] is not None:
            assert verify(load_artifact(Path(result["artifact"]))) == 6
