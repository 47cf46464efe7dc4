"""`tradesieve data import` refuses prices of another scale, and the command that it proposes works."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from tradesieve.market.errors import BadData
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import MILLISECOND, MINUTE, parse_timeframe
from tradesieve.pipelines.commands.data import data

FIRST = 1_704_067_200_000_000_000
MINUTES = parse_timeframe("1m")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(home: Path) -> BarStore:
    return BarStore(home / "home" / "bars")


def minutes(name: str, first: int, price: float, *, whole: bool = False, jitter: int = 0) -> str:
    level = price * (1 + 0.001 * np.arange(20))
    level = np.round(level).astype(np.int64) if whole else level
    time = FIRST + MINUTE * np.arange(first, first + 20) + jitter * (np.arange(20) % 2)
    columns = {"time": time // MILLISECOND, **dict.fromkeys(("open", "high", "low", "close"), level), "volume": 1}
    pd.DataFrame(columns).to_csv(name, index=False)
    return name


def run(*arguments: object, symbol: str = "AAPL") -> Result:
    return CliRunner().invoke(data, ["import", *map(str, arguments), "--symbol", symbol, "--timeframe", "1m"])


def refusal(result: Result) -> str:
    assert isinstance(result.exception, BadData), result.output
    return str(result.exception)


def run_proposal(message: str) -> Result:
    program, group, *arguments = shlex.split(message.partition("import it with: ")[2])
    assert (program, group) == ("tradesieve", "data")
    result = CliRunner().invoke(data, arguments)
    assert result.exit_code == 0, result.exception
    return result


def test_integers_of_billionths_are_refused_and_the_proposed_scale_reads_them(store):
    message = refusal(run(minutes("a.csv", 0, 187.5e9, whole=True)))
    assert "AAPL 1m: prices are around 1.8" in message
    assert "e+11, above 1e+08, which AAPL cannot cost; pass --accept-prices if they are right" in message
    assert store.list() == []
    run_proposal(message)
    assert store.load("AAPL", MINUTES).close[0] == pytest.approx(187.5)


def test_prices_a_thousand_times_the_stored_ones_are_refused_on_either_side(store):
    assert run(minutes("a.csv", 100, 150.0)).exit_code == 0
    for first in (0, 100, 200):
        message = refusal(run(minutes("b.csv", first, 150_000.0), "--bad-rows", "drop"))
        assert "1m bars" in message
        assert "--price-scale 1000" in message
    assert len(store.load("AAPL", MINUTES)) == 20
    run_proposal(message)
    assert store.load("AAPL", MINUTES).close.max() < 200
    too_low = refusal(run(minutes("c.csv", 300, 150e-9)))
    assert "--price-scale 1e-09" in too_low


def test_bars_of_another_timeframe_are_compared_too(store):
    assert run(minutes("a.csv", 0, 150.0)).exit_code == 0
    minutes("hours.csv", 0, 150_000.0)
    table = pd.read_csv("hours.csv")
    table.assign(time=table["time"] + 59 * 60_000 * np.arange(20)).to_csv("hours.csv", index=False)
    arguments = ["import", "hours.csv", "--symbol", "AAPL", "--timeframe", "1h"]
    message = refusal(CliRunner().invoke(data, arguments))
    assert "times those of the 1m bars" in message
    run_proposal(message)


def test_one_of_two_files_is_refused_and_the_proposal_names_it_alone(store):
    message = refusal(run(minutes("a.csv", 0, 150.0), minutes("b.csv", 20, 150e9)))
    assert message.startswith("b.csv: ")
    assert store.list() == []
    assert run("a.csv").exit_code == 0
    run_proposal(message)
    assert len(store.load("AAPL", MINUTES)) == 40


def test_a_scale_that_was_given_is_corrected(store):
    assert run(minutes("a.csv", 0, 150.0)).exit_code == 0
    message = refusal(run(minutes("b.csv", 20, 150e9), "--price-scale", 1e6))
    assert "--price-scale 1e+09" in message
    run_proposal(message)
    assert store.load("AAPL", MINUTES).close.max() < 200


def test_the_scale_of_a_vendor_is_counted_in(store):
    whole = pd.read_csv(minutes("a.csv", 0, 1.085e9, whole=True))
    head = {"ts_event": whole["time"] * 1_000_000, "rtype": 33, "publisher_id": 1, "instrument_id": 2}
    pd.DataFrame(head | whole.drop(columns="time").to_dict("series")).to_csv("ohlcv.csv", index=False)
    assert run("ohlcv.csv", symbol="EUR-USD").exit_code == 0
    assert store.load("EUR-USD", MINUTES).close[0] == pytest.approx(1.085)
    message = refusal(run("ohlcv.csv", symbol="USD-JPY"))
    assert "--price-scale 1e+07" in message
    run_proposal(message)
    assert store.load("USD-JPY", MINUTES).close[0] == pytest.approx(108.5)


def test_accepted_prices_are_stored_and_noted(store):
    assert run(minutes("a.csv", 0, 150.0)).exit_code == 0
    shown = run(minutes("b.csv", 20, 150_000.0), "--accept-prices", "--json")
    assert shown.exit_code == 0, shown.exception
    (file,) = json.loads(shown.stdout)["files"]
    assert any("times those of" in note for note in file["notes"])
    assert len(store.load("AAPL", MINUTES)) == 40


def test_replaced_bars_are_not_compared():
    assert run(minutes("a.csv", 0, 150.0)).exit_code == 0
    assert run(minutes("b.csv", 20, 150_000.0), "--replace").exit_code == 0


def test_a_split_is_noted():
    assert run(minutes("a.csv", 0, 400.0)).exit_code == 0
    shown = run(minutes("b.csv", 20, 100.0))
    assert shown.exit_code == 0, shown.exception
    assert "after a split" in " ".join(shown.output.split())


def test_a_preview_is_refused_as_the_import_is(store):
    message = refusal(run(minutes("a.csv", 0, 187.5e9), "--preview"))
    run_proposal(message)
    assert store.list() == []


def test_the_jitter_of_a_millisecond_is_counted():
    shown = run(minutes("a.csv", 0, 150.0, jitter=MILLISECOND))
    assert shown.exit_code == 0, shown.exception
    assert "10 times were a millisecond or less off a whole second" in " ".join(shown.output.split())
