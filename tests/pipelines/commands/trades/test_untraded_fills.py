"""Fills in bars in which nothing traded: counted for each instance, said, and avoided by --wait-for-trades."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.pipelines.command_runs import exit_code
from tradesieve.market.bars import Bars
from tradesieve.pipelines.settings import Settings

GIVEN = ["--strategies", "volatility_breakout,donchian_channel", "--num-strategies", "2", "--timeframe", "15m"]
SAID = " in bars in which nothing traded; --wait-for-trades lets orders wait for a bar with trades"
Command = Callable[..., str]


@pytest.fixture(scope="module", params=["thin", "no volume"])
def settings(request: pytest.FixtureRequest, make_home: Callable[..., Settings], small_bars: Bars) -> Settings:
    """A home with bars of which three in ten are without trades, or whose vendor gives no volumes."""
    bars = small_bars[:4000]
    share = {"thin": 0.7, "no volume": 0.0}[request.param]
    return make_home(bars=replace(bars, volume=bars.volume * (np.random.default_rng(0).random(len(bars)) < share)))


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("TRADESIEVE_HOME", str(settings.home))

    def call(*arguments: str) -> str:
        assert exit_code(monkeypatch, "trades", *arguments, *GIVEN) == 0
        return capsys.readouterr()[0]

    return call


def counted(run: Command, *options: str) -> dict[str, Any]:
    groups = json.loads(run("stats", "--by", "instance", *options, "--json"))["groups"]
    return {group["instance"]: group["n_untraded_fills"] for group in groups}


def test_they_are_counted_for_each_instance_and_none_is_left_where_orders_wait(
    run: Command, settings: Settings
) -> None:
    thin = settings.bars.load("AAA", settings.bars.list()[0][1]).has_volume
    fills, waiting = counted(run), counted(run, "--wait-for-trades")
    assert set(waiting.values()) == {0.0}
    assert all((n > 0) == thin for n in fills.values()), "a series without volumes is not one in which nothing traded"
    generated = json.loads(run("generate", "--json"))
    assert {row["instance"]: row["n_untraded_fills"] for row in generated["instances"]} == fills
    assert generated["n_untraded_fills"] == sum(fills.values())
    for command in ("generate", "stats"):
        assert (SAID in run(command)) == thin
        assert SAID not in run(command, "--wait-for-trades")
        assert "orders also fill in bars without trades (default" in run(command)
        assert "; orders wait for a bar with trades" in run(command, "--wait-for-trades")
