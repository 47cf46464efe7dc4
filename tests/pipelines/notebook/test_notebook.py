"""What `import tradesieve as ts` offers: the same results as the commands, from tables and back."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest

import tradesieve as ts
from tests.pipelines.command_runs import Command, frame_of
from tradesieve.features.feature_sets import MINIMAL
from tradesieve.market.bars import Bars
from tradesieve.pipelines.settings import Settings

BAD = ts.TradesieveError
STRATEGIES = ["dip_buying(drop_threshold=-0.005)", "donchian_channel(window=20)"]


@pytest.fixture
def home(make_home: Any, run: Command, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home of its own without bars, in which functions and commands both work."""
    settings = make_home(bars=None)
    monkeypatch.setenv("TRADESIEVE_HOME", str(settings.home))
    return settings


def test_bars_come_from_any_table_and_go_back(small_bars: Bars) -> None:
    table = small_bars.to_frame()
    by_index = table.drop(columns="close_time").set_index(pd.DatetimeIndex(table["close_time"]))
    for bars in (
        ts.Bars.from_frame(table, "aaa"),
        ts.Bars.from_frame(polars.DataFrame(small_bars), "AAA", "15m"),
        ts.Bars.from_frame(by_index.rename(columns=str.title), "AAA", stamp="close"),
        ts.Bars.from_frame(frame_of(small_bars).assign(symbol="AAA")),
    ):
        assert bars.fingerprint == small_bars.fingerprint
    assert "AAA 15m</b>, 11,520 bars" in small_bars._repr_html_()


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        (lambda table: table, {}, "no column that names its symbol"),
        (lambda table: table.head(1), {"symbol": "AAA"}, "do not tell the timeframe"),
        (lambda table: table.drop(columns="open"), {"symbol": "AAA"}, "no column open"),
        (lambda table: table, {"symbol": "AAA", "timeframe": "1h"}, "is 15m after the row before it"),
        (lambda table: [1, 2], {"symbol": "AAA"}, "not from 'list'"),
    ],
)
def test_a_table_that_holds_no_bars_is_refused(small_bars: Bars, change: Any, given: Any, said: str) -> None:
    with pytest.raises(BAD, match=said):
        ts.Bars.from_frame(change(small_bars[:50].to_frame()), **given)


def test_rows_that_are_left_out_are_said(small_bars: Bars) -> None:
    table = small_bars[:50].to_frame()
    with pytest.warns(UserWarning, match="AAA 15m: "):
        bars = ts.Bars.from_frame(pd.concat([table, table.tail(1)]), "AAA")
    assert len(bars) == 50


def test_a_file_is_imported_as_by_the_command(home: Settings, small_bars: Bars, run: Command, tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    frame_of(small_bars).to_csv(file, index=False)
    assert ts.import_file(file, "15m", "AAA").fingerprint == small_bars.fingerprint
    again = run("data", "import", file, "--symbol", "AAA", "--timeframe", "15m", "--json").json()
    assert again["files"][0]["new"] == 0
    hours = ts.bars("AAA", "1h", start="2023-01-05", end="2023-01-07")
    assert len(hours) == 48
    with pytest.raises(BAD, match="no bars of AAB at 1h"):
        ts.bars("AAB", "1h")
    far = frame_of(
        small_bars, **{name: getattr(small_bars, name) * 10_000 for name in ("open", "high", "low", "close")}
    )
    far.assign(time=far["time"] + 86_400 * 121).to_csv(file, index=False)
    with pytest.raises(BAD, match="pass accept_prices=True if they are right"):
        ts.import_file(file, "15m", "AAA")


def test_trades_and_factors_are_those_of_the_commands(
    home: Settings, small_bars: Bars, run: Command, tmp_path: Path
) -> None:
    trades = ts.trades(STRATEGIES, ts.Bars.from_frame(small_bars.to_frame(), "AAA"), progress=False)
    given = ("--symbols", "AAA", "--timeframe", "15m", "--strategies", ",".join(STRATEGIES))
    assert run("trades", "generate", *given, "--output", tmp_path / "trades.parquet").code == 0
    pd.testing.assert_frame_equal(
        trades.frame, pd.read_parquet(tmp_path / "trades.parquet"), check_dtype=False, check_categorical=False
    )
    assert "where the hold-out begins" in trades.notes[0]
    assert trades.frame["exit_time"].max() < small_bars.close_time[-1]
    told = run("trades", "stats", *given, "--json").json()
    assert trades.stats()["n_trades"].tolist() == [row["n_trades"] for row in told["groups"]]
    assert "Trades without a model" in trades._repr_html_()
    assert (
        run("factors", "compute", *given, "--features", "minimal", "--output", tmp_path / "factors.parquet").code == 0
    )
    computed = pd.read_parquet(tmp_path / "factors.parquet")[list(MINIMAL)]
    pd.testing.assert_frame_equal(ts.factors(trades, "minimal"), computed)
    at = pd.to_datetime(trades.frame["decision_time"][:40], utc=True)
    name = "close__slope__window_20"
    np.testing.assert_array_equal(ts.factors(small_bars, name, at=at)[name], computed[name][:40])
    assert len(ts.factors(small_bars[:100], [name])) == 100
    with pytest.raises(BAD, match="trades bring the times"):
        ts.factors(trades, name, at=at)
    with pytest.raises(BAD, match="no bar closes"):
        ts.factors(small_bars, name, at="2023-01-05 00:01")


def test_imported_trades_and_weights_are_those_of_the_commands(
    home: Settings, small_bars: Bars, run: Command, tmp_path: Path
) -> None:
    generated = ts.trades(STRATEGIES, small_bars, with_holdout=True, progress=False)
    generated.frame.to_csv(tmp_path / "mine.csv", index=False)
    assert run("trades", "import", tmp_path / "mine.csv").code == 0
    trades = ts.trades(imported="mine", progress=False)
    assert trades.experiment.trades == "mine"
    assert 0 < len(trades) < len(generated), "up to the hold-out"
    first = str(trades.frame["strategy"].iloc[0])
    assert set(ts.trades(first, imported="mine", progress=False).frame["strategy"]) == {first}
    with pytest.raises(BAD, match="unknown trade set 'other'"):
        ts.trades(imported="other")
    with pytest.raises(BAD, match="no effect on the trades of mine"):
        ts.trades(imported="mine", taker=0.1)
    found = ts.weights(trades, min_trades=5, progress=False)
    given = ("--trades", "mine", "--min-trades", 5, "--output", tmp_path / "theirs.json")
    told = run("trades", "weights", *given, "--json").json()
    assert found.frame.to_dict("records") == told["weights"]
    assert found.paths["path"].tolist() == [row["path"] for row in told["paths"]]
    assert found.write(tmp_path / "mine.json").read_bytes() == (tmp_path / "theirs.json").read_bytes()
    assert "Weights by inverse volatility" in found._repr_html_()
    with pytest.raises(BAD, match="did you mean 'equal'"):
        ts.weights(trades, method="equals")


def test_part_of_a_series_is_found_again(home: Settings, small_bars: Bars) -> None:
    ts.trades(STRATEGIES, small_bars, progress=False)
    part = ts.trades(STRATEGIES, ts.bars("AAA", "15m", start="2023-01-11", end="2023-02-20"), progress=False)
    whole = ts.trades(STRATEGIES, small_bars, with_holdout=True, progress=False)
    assert (part.experiment.start, part.experiment.end) == ("2023-01-11T00:14:59Z", "2023-02-20T00:00:00Z")
    assert 0 < len(part) < len(whole)
    assert home.ledger.holdout_openings(["AAA"])[0]["reason"] == "ts.trades"
    changed = ts.Bars.from_frame(small_bars.to_frame().assign(volume=1.0), "AAA")
    with pytest.raises(BAD, match="AAA"):
        ts.trades(STRATEGIES, changed)
    with pytest.raises(BAD, match="once: BBB 1h"):
        ts.trades(STRATEGIES, [small_bars, ts.bars("AAA", "1h"), ts.Bars.from_frame(small_bars.to_frame(), "BBB")])
    with pytest.raises(BAD, match="did you mean 'dip_buying'"):
        ts.trades("dip_bying", small_bars)


def test_an_experiment_is_the_one_of_the_command(
    finished: Any, small_bars: Bars, run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Read from the run that the steps made: the same hash, and nothing is computed again."""
    monkeypatch.setenv("TRADESIEVE_HOME", str(finished.settings.home))
    names = ("label", "engines", "applications", "selected_by", "n_folds")
    plan = {name: getattr(finished.experiment.plan, name) for name in names}
    trades = ts.trades(None, small_bars, num_strategies=3, progress=False)
    # The steps were given the name of the set, and the command line makes it a list, which is another hash.
    named = replace(trades, experiment=replace(trades.experiment, features="minimal"))
    found = ts.experiment(named, plan=plan, progress=False)
    assert found.experiment == finished.experiment.hash
    assert found.result["run_id"] == finished.result["run_id"]
    assert found.is_open is bool(finished.result["gate"]["open"])
    assert found.parts["trades"].tolist() == ["every trade", "filtered", "random filter"] * 2
    assert found.parts["n_trades"][1] == finished.result["filtered"]["development"]["n_trades"]
    assert found.leaderboard["rank"][0] == 1
    assert found.conditions["reason"].tolist() == [each["reason"] for each in finished.result["gate"]["conditions"]]
    page = ts.report(found, tmp_path / "run.html")
    told = run("report", found.experiment, "--output", tmp_path / "other.html", "--json").json()
    assert page.path.read_bytes() == Path(told["report"]).read_bytes()
    assert found._repr_html_() == page._repr_html_()
    with pytest.raises(BAD, match="give what"):
        ts.experiment(trades.frame)


def test_importing_the_package_loads_nothing() -> None:
    import subprocess
    import sys

    heavy = ["pandas", "numpy", "numba", "pydantic", "mlflow"]
    script = f"import json, sys, tradesieve\nprint(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(ts.__all__) <= set(dir(ts))
