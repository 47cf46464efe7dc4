"""tradesieve init and doctor: a project that runs as it is written, and what stands in the way of one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.command_runs import Command, State, refuses
from tests.unwritable import as_nobody
from tradesieve.features.user_modules import isolated_modules
from tradesieve.market.bars import Bars
from tradesieve.pipelines.commands.init import FILES
from tradesieve.pipelines.runs import machine_checks
from tradesieve.pipelines.settings import Settings


def test_what_init_writes_runs_on_the_synthetic_market(
    run: Command, make_home: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home().home
    monkeypatch.chdir(tmp_path)
    assert run("init", "mine", "--json").json()["files"] == [f"mine/{name}" for name in FILES]
    monkeypatch.chdir(tmp_path / "mine")
    short = ("--config", "experiment.yaml", "--timeframe", "15m", "--to", "2023-02-15")
    with isolated_modules():
        given = ("--module", "my_factors.py", "--timeframe", "15m", "--times", "4")
        checked = run("factors", "check", *given, "--json", home=home).json()
        assert checked["passed"] is True
        stats = run("trades", "stats", *short, "--by", "rule", "--json", home=home).json()
        assert {row["rule"] for row in stats["groups"]} == {"new_high", "dip_buying", "volatility_breakout"}
        trained = run("model", "train", *short, "--candidates", "1", "--json", home=home).json()
        assert "bars__from_mean__window_50" in trained["data"]["features"]


def test_init_replaces_only_what_it_is_told_to(run: Command, tmp_path: Path, folder_state: State) -> None:
    (tmp_path / "my_rules.py").write_text("mine")
    before = folder_state(tmp_path)
    refuses(run("init", tmp_path), "my_rules.py would be replaced", "--replace")
    assert folder_state(tmp_path) == before
    run("init", tmp_path, "--replace")
    assert "def new_high" in (tmp_path / "my_rules.py").read_text()


def test_a_healthy_machine_passes_and_nothing_is_written(run: Command, tmp_path: Path) -> None:
    found = run("doctor", "--json")
    assert found.json()["passed"] is True, found.out
    checks = {check["name"]: check["found"] for check in found.json()["checks"]}
    assert set(checks) >= {"tradesieve", "Python", "libraries", "requirements", "state folder", "disk", "clock"}
    assert checks["state folder"] == f"{tmp_path / 'home'} (TRADESIEVE_HOME), not created yet"
    assert not (tmp_path / "home").exists()


def test_what_stands_in_the_way_is_named(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_bars: Bars, make_home: Callable[..., Settings]
) -> None:
    monkeypatch.setattr(machine_checks, "requires", lambda name: ["numpy<1", "none-such>=2", "pandas; extra == 'x'"])
    monkeypatch.setattr(machine_checks, "_LEAST_DISK", 10**18)
    monkeypatch.setattr(machine_checks.time, "time_ns", lambda: int(small_bars.close_time[50]))
    ended = run("doctor", home=make_home(bars=small_bars[:100]).home)
    assert ended.code == 2
    assert "numpy<1 is 2." in ended.out
    assert "none-such>=2 is not installed" in ended.out
    for problem in ("requirements: install", "disk: make room", "clock: set the clock: bars of AAA 15m close after it"):
        assert problem in ended.err


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up the rights of root")
def test_a_read_only_state_folder_can_be_read(run: Command, finished: Any, folder_state: State, tmp_path: Path) -> None:
    home = finished.settings.home
    open_paths = [home, *home.parents]
    modes = {path: path.stat().st_mode for path in open_paths}
    before = folder_state(home)
    try:
        for path in open_paths[1:]:
            path.chmod(modes[path] | 0o055)
        for path in (home, *home.rglob("*")):
            modes.setdefault(path, path.stat().st_mode)
            path.chmod(0o555 if path.is_dir() else 0o444)
        with as_nobody():
            (row,) = run("data", "list", "--json", home=home).json()["bars"]
            runs = run("model", "list", "--json").json()["runs"]
            shown = run("model", "show", "last", "--json").json()
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert row["symbol"] == "AAA"
    assert [each["run"] for each in runs] == [finished.experiment.hash]
    assert shown["leaderboard"] == finished.result["leaderboard"]
    assert folder_state(home) == before
