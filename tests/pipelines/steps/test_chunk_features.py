"""Bars without volume: sets and patterns are computed without the features that read it, a named one is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, refuses
from tradesieve.features.feature_sets import MINIMAL, STANDARD
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact, load_artifact
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.research_trades import load_model_chunk
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_features import describe_left_out, features_of
from tradesieve.pipelines.steps.chunks import load_chunks

RELATIVE = "volume__relative__window_50"
REASON = "no bar of QUIET 15m has a volume"
OF_VOLUME = [
    "volume__relative__window_20", "volume__relative__window_100", "bars__volume_balance__window_50",
    "bars__busiest_bar__window_50", "bars__vwap_distance__window_50",
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(make_home: Callable[..., Settings], small_bars: Bars) -> Settings:
    """A home with two series, of which one has no volume."""
    settings = make_home(bars=small_bars)
    changes = {"symbol": "QUIET", "volume": np.zeros(len(small_bars))}
    settings.bars.append(small_bars.with_columns(changes))
    return settings


@pytest.fixture
def quiet(small_experiment: Experiment) -> Experiment:
    return replace(small_experiment, symbols=("QUIET",))


def test_a_set_is_computed_without_them(quiet: Experiment, settings: Settings) -> None:
    experiment = replace(quiet, features="standard")
    chosen = features_of(experiment, load_chunks(experiment, settings))
    assert dict(chosen.left_out) == dict.fromkeys(OF_VOLUME, REASON)
    assert chosen.names == tuple(name for name in STANDARD if name not in OF_VOLUME)
    assert describe_left_out(chosen.left_out) == [
        f"left out 5 features that read volume: {REASON} ({', '.join(OF_VOLUME)})"
    ]


def test_a_set_of_ones_own_and_a_pattern_are_computed_without_them(quiet: Experiment, settings: Settings) -> None:
    own = replace(
        quiet,
        features=("mine", "volume|close__relative|slope__window_20"),
        feature_sets={"mine": (RELATIVE, "trade__side")},
    )
    chosen = features_of(own, load_chunks(own, settings))
    assert chosen.names == ("trade__side", "close__relative__window_20", "close__slope__window_20")
    assert list(chosen.left_out) == [RELATIVE, "volume__relative__window_20", "volume__slope__window_20"]


def test_one_series_without_volume_decides_for_all(quiet: Experiment, settings: Settings) -> None:
    both = replace(quiet, symbols=("AAA", "QUIET"))
    assert dict(features_of(both, load_chunks(both, settings)).left_out) == {RELATIVE: REASON}
    alone = replace(quiet, symbols=("AAA",))
    assert features_of(alone, load_chunks(alone, settings)).names == MINIMAL
    beside = replace(alone, features=("trade__side", "bars_of_QUIET__money_flow|range__window_14"))
    chosen = features_of(beside, load_chunks(beside, settings))
    assert dict(chosen.left_out) == {"bars_of_QUIET__money_flow__window_14": REASON}


@pytest.mark.parametrize("features", [("minimal", RELATIVE), (RELATIVE, "trade__side")])
def test_a_feature_that_is_named_is_refused(quiet: Experiment, settings: Settings, features: tuple[str, ...]) -> None:
    experiment = replace(quiet, features=features)
    with pytest.raises(BadInput, match=re.escape(f"features read volume, but {REASON} ({RELATIVE}): leave them out")):
        run_experiment(experiment, settings)


def test_no_feature_left_is_refused(quiet: Experiment, settings: Settings) -> None:
    experiment = replace(quiet, features=("volume__relative__window_20|50",))
    with pytest.raises(BadInput, match="choose other features"):
        features_of(experiment, load_chunks(experiment, settings))


def test_a_run_says_what_it_left_out_and_its_model_needs_no_volume(quiet: Experiment, settings: Settings) -> None:
    result = run_experiment(quiet, settings)
    assert result["data"]["features_left_out"] == {RELATIVE: REASON}
    assert result["certificates"] == {"causality": True, "parity": True}
    artifact = load_artifact(Path(result["artifact"]))
    assert [each.name for each in artifact.features] == [name for name in MINIMAL if name != RELATIVE]


def test_a_model_that_reads_volume_refuses_bars_without_it(
    trained: Artifact, make_home: Callable[..., Settings], small_bars: Bars
) -> None:
    settings = make_home(bars=small_bars.with_columns({"volume": np.zeros(len(small_bars))}))
    with pytest.raises(BadInput, match=f"no bar of AAA 15m has a volume \\({RELATIVE}\\): the model was trained with"):
        load_model_chunk(trained, "AAA", "15m", settings)


@pytest.mark.parametrize(
    "command",
    [("factors", "compute", "--output", "factors.csv"), ("factors", "check", "--times", "4"), ("factors", "describe")],
)
def test_the_commands_say_it(
    run: Command, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [*command, "--symbols", "QUIET", "--timeframe", "15m"]
    given += [] if "check" in command else ["--num-strategies", "1"]
    refuses(run(*given, "--features", RELATIVE, home=settings.home), RELATIVE, REASON)
    ended = run(*given, "--features", "minimal", home=settings.home)
    assert f"left out 1 feature that read volume: {REASON} ({RELATIVE})" in " ".join(ended.out.split())
    ended = run(*given, "--features", "minimal", "--json", home=settings.home)
    assert ended.json()["features_left_out"] == {RELATIVE: REASON}
    if "compute" in command:
        assert list(pd.read_csv("factors.csv").columns)[-len(MINIMAL) + 1 :] == [n for n in MINIMAL if n != RELATIVE]


def test_a_series_without_volume_says_so_when_it_is_stored(
    run: Command, settings: Settings, tmp_path: Path, small_bars: Bars
) -> None:
    listed = {
        row["symbol"]: row["has_volume"] for row in run("data", "list", "--json", home=settings.home).json()["bars"]
    }
    assert listed == {"AAA": True, "QUIET": False}
    assert "no volume" in run("data", "list", home=settings.home).out
    path = tmp_path / "quotes.csv"
    columns = {name: getattr(small_bars[:50], name) for name in ("open", "high", "low", "close")}
    pd.DataFrame({"time": small_bars[:50].open_time // 10**9, **columns, "volume": 0}).to_csv(path, index=False)
    ended = run("data", "import", path, "--symbol", "QUOTES", "--timeframe", "15m")
    assert "no row has a volume, so factors of volume are refused" in ended.out
