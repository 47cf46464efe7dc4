"""`tradesieve data import`, as people run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data import data

DOWNLOADED = """https://www.CryptoDataDownload.com
unix,date,symbol,open,high,low,close,Volume BTC,Volume USD
1704931200,2024-01-11,BTC/USD,100,110,90,105,525,5
1704844800,2024-01-10,BTC/USD,100,110,90,100,4,400
"""
POINTS = "Date,open,high,low,close,tick_volume\n2024-01-10,150000,151000,149000,150500.00000000001,5\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    (tmp_path / "downloaded.csv").write_text(DOWNLOADED)
    (tmp_path / "points.csv").write_text(POINTS)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(data, ["import", *map(str, arguments), "--timeframe", "1d"])


def test_what_was_put_right_is_said(home):
    path = home / "downloaded.csv"
    shown = run(path, "--symbol", "BTC-USD")
    assert shown.exit_code == 0, shown.output
    for sentence in (
        "recognised as CryptoDataDownload",
        "the newest row came first",
        "volumes of 1 rows were swapped",
    ):
        assert f"{path}: " in shown.output
        assert sentence in shown.output
    bars = BarStore(home / "home" / "bars").load("BTC-USD", parse_timeframe("1d"))
    assert [bars.close.tolist(), bars.volume.tolist()] == [[100.0, 105.0], [4.0, 5.0]]

    (file,) = json.loads(run(path, "--symbol", "BTC-USD", "--json").stdout)["files"]
    assert file["new"] == 0
    assert len(file["notes"]) == 4


def test_a_scale_and_a_time_zone_can_be_given(home):
    refused = run(home / "points.csv", "--symbol", "USD-JPY")
    assert refused.exit_code != 0
    assert "--price-scale" in str(refused.exception)
    assert run(home / "points.csv", "--symbol", "USD-JPY", "--price-scale", 1000).exit_code == 0
    store = BarStore(home / "home" / "bars")
    bars = store.load("USD-JPY", parse_timeframe("1d"))
    assert [bars.open[0], bars.close[0]] == [150.0, 150.5]
    assert bars.open_time[0] == 1_704_837_600_000_000_000, "midnight in Athens is 22:00 UTC the evening before"
    options = ("--price-scale", 1000, "--timezone", "UTC", "--replace")
    assert run(home / "points.csv", "--symbol", "USD-JPY", *options).exit_code == 0
    assert store.load("USD-JPY", parse_timeframe("1d")).open_time[0] == 1_704_844_800_000_000_000
