"""`tradesieve data import`, as people run it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pandas as pd
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


def run(*arguments: object, timeframe: str = "1d") -> Result:
    return CliRunner().invoke(data, ["import", *map(str, arguments), "--timeframe", timeframe])


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
    assert len(file["notes"]) == 5


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


def hours(path: Path, first: str, n: int) -> Path:
    rows = [f"{time.isoformat()},2,3,1,2,5" for time in pd.date_range(first, periods=n, freq="h", tz="UTC")]
    path.write_text("\n".join(["when,open,high,low,close,volume", *rows]) + "\n")
    return path


def test_the_command_that_is_proposed_for_another_timeframe_works(home):
    path = hours(home / "my hours.csv", "2024-01-01", 30)
    refused = run(path, "--symbol", "BTC-USD", "--columns", "time=when", "--stamp", "open", timeframe="1m")
    message = str(refused.exception)
    assert "rows are 1h apart, but the timeframe given is 1m; import it with: tradesieve data import " in message
    program, group, *arguments = shlex.split(message.partition("import it with: ")[2])
    assert (program, group) == ("tradesieve", "data")
    shown = CliRunner().invoke(data, arguments)
    assert shown.exit_code == 0, shown.output
    bars = BarStore(home / "home" / "bars").load("BTC-USD", parse_timeframe("1h"))
    assert len(bars) == 30


def test_bars_of_the_future_are_left_out(home):
    this_hour = pd.Timestamp.now("UTC").floor("h")
    path = hours(home / "live.csv", str((this_hour - pd.Timedelta(hours=9)).tz_localize(None)), 12)
    shown = run(path, "--symbol", "BTC-USD", "--columns", "time=when", "--json", timeframe="1h")
    assert shown.exit_code == 0, shown.output
    (file,) = json.loads(shown.stdout)["files"]
    assert file["bars"] in (9, 10), "10 if the hour ended while the test ran"
    assert any(note.startswith(f"left out {12 - file['bars']} bars not closed at ") for note in file["notes"])
