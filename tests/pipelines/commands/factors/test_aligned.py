"""Aligned features on the command line: listed, computed, checked and described like any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import exit_code
from tradesieve.features.feature_sets import ALIGNED
from tradesieve.market.bars import Bars
from tradesieve.pipelines.settings import Settings

GIVEN = ["--num-strategies", "6", "--timeframe", "15m"]
Command = Callable[..., str]


@pytest.fixture(scope="module")
def home(make_home: Callable[..., Settings], small_bars: Bars) -> Path:
    return make_home(bars=small_bars[:6000]).home


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function that runs a command in this process and returns its standard output."""

    def call(*arguments: object) -> str:
        monkeypatch.setenv("TRADESIEVE_HOME", str(home))
        assert exit_code(monkeypatch, "factors", *arguments) == 0
        return capsys.readouterr().out

    return call


def test_the_list_shows_how_they_are_written(run: Command) -> None:
    assert "close_aligned__..., bars_1h_aligned__..., close_aligned_of_SPY__..." in run("list")
    assert json.loads(run("list", "--json"))["sets"]["aligned"] == list(ALIGNED)


def test_the_set_is_checked(run: Command) -> None:
    checked = json.loads(run("check", "--timeframe", "15m", "--features", "aligned", "--times", "8", "--json"))
    assert checked["passed"]
    assert [row["feature"] for row in checked["features"]] == list(ALIGNED)
    assert {row["mirror"] for row in checked["features"]} == {"holds"}


def test_the_set_is_described(run: Command) -> None:
    told = json.loads(run("describe", *GIVEN, "--features", "aligned", "--json"))
    assert [row["feature"] for row in told["features"]] == list(ALIGNED)


def test_a_computed_table_turns_shorts(run: Command, tmp_path: Path) -> None:
    names = ["close__change__window_2", "close_aligned__change__window_2"]
    run("compute", *GIVEN, "--features", ",".join(names), "--output", tmp_path / "features.parquet")
    table = pd.read_parquet(tmp_path / "features.parquet")
    raw, aligned, side = table[names[0]], table[names[1]], table["side"]
    assert set(side) == {-1, 1}
    np.testing.assert_array_equal(aligned[side > 0], raw[side > 0])
    np.testing.assert_allclose(aligned[side < 0], 1 / (1 + raw[side < 0]) - 1, rtol=1e-9, atol=1e-12)
