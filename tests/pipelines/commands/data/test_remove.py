"""`tradesieve data remove`, as people run it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tradesieve.market.bars import Bars
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.pipelines.commands.data import data

TIMEFRAME = parse_timeframe("1d")
FIRST = 1_704_067_200_000_000_000  # 2024-01-01


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    store = BarStore(tmp_path / "bars")
    time = FIRST + DAY * np.arange(1, 31)
    price = np.full(30, 100.0)
    store.append(Bars("BTC-USD", TIMEFRAME, time, price, price, price, price, price))
    return store


def run(*arguments: str, timeframe: str = "1d") -> Result:
    return CliRunner().invoke(data, ["remove", "--symbol", "BTC-USD", "--timeframe", timeframe, *arguments])


def test_a_stretch_is_removed(store):
    shown = run("--from", "2024-01-10", "--to", "2024-01-12", "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout) == {
        "symbol": "BTC-USD", "timeframe": "1d", "dry_run": False, "removed": 2, "bars": 28,
    }  # fmt: skip
    days = (store.load("BTC-USD", TIMEFRAME).open_time - FIRST) // DAY + 1
    assert days.tolist() == [*range(1, 10), *range(12, 31)], "the days that begin on the 10th and the 11th are gone"
    assert "BTC-USD 1d: 19 bars removed, 9 bars left" in run("--from", "2024-01-10").output


def test_a_dry_run_removes_nothing(store):
    assert "2 bars would be removed, 28 bars left" in run("--from", "2024-01-29", "--dry-run").output
    assert store.span("BTC-USD", TIMEFRAME)[2] == 30


def test_the_whole_series_is_removed_with_all_only(store):
    for arguments in ((), ("--all", "--from", "2024-01-10")):
        assert "or --all for the whole series" in str(run(*arguments).exception)
    assert store.span("BTC-USD", TIMEFRAME)[2] == 30
    assert run("--all").exit_code == 0
    assert store.list() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "2024-03-01"), "the last at 2024-01-31T00:00:00Z"),
        (("--to", "2023-03-01"), "the first closes at 2024-01-02T00:00:00Z"),
        (("--from", "2024-01-12", "--to", "2024-01-10"), "--from 2024-01-12 is not before --to 2024-01-10"),
        (("--from", "tomorrow"), "--from is 'tomorrow', which is not a valid time"),
    ],
)
def test_a_stretch_without_bars_is_refused(store, arguments, message):
    assert message in str(run(*arguments).exception)
    assert store.span("BTC-USD", TIMEFRAME)[2] == 30


def test_bars_that_are_not_stored_are_refused(store):
    assert "did you mean 'BTC-USD 1d'" in str(run("--all", timeframe="1m").exception)
