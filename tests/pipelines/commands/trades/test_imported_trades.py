"""Imported trades: what was generated gives the same statistics again, and what contradicts the bars is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.pipelines.command_runs import Command, refuses
from tests.pipelines.conftest import settings_in
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import load_artifact
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.runs.experiment_run import run_folder
from tradesieve.pipelines.runs.paper_replay import replay
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.trade_sets import TradeSetStore
from tradesieve.serving.schemas import ScoreRequest
from tradesieve.serving.scoring import Scorer
from tradesieve.strategies.trades import TRADE_COLUMNS

SAMPLES = Path(__file__).parents[3] / "strategies" / "imports" / "samples"
FEW = ("--strategies", "volatility_breakout,dip_buying", "--num-strategies", "2", "--timeframes", "15m,1h")


@pytest.fixture(scope="module")
def small_home(make_home: Callable[..., Settings], small_bars: Bars) -> Path:
    return make_home(bars=small_bars[:3000]).home


def measures_of(result: dict[str, Any]) -> dict[str, Any]:
    """Keep what statistics say of each instance."""
    kept = {name: result[name] for name in ("pooled", "n_open", "sealed_from")}
    return kept | {row["instance"]: row for row in result["groups"]}


def test_what_was_generated_gives_the_same_statistics(run: Command, small_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "generated"
    run("trades", "generate", *FEW, "--with-holdout", "--output", folder, home=small_home)
    imported = run("trades", "import", folder, "--json", home=small_home).json()
    assert (imported["set"], imported["format"], imported["n_dropped"]) == ("generated", "tradesieve", 0)
    assert imported["n_trades"] > 100
    expected = run("trades", "stats", *FEW, "--json", home=small_home).json()
    again = run("trades", "stats", "--trades", "generated", "--json", home=small_home).json()
    assert measures_of(again) == measures_of(expected)
    assert again["sealed_from"] is not None
    assert expected["pooled"]["n_months"] == 1 < expected["pooled"]["n_weeks"]
    page = tmp_path / "page.html"
    shown = run("trades", "stats", "--trades", "generated", "--html", page, home=small_home).out
    weeks = expected["pooled"]["n_weeks"]
    gained = round(weeks * expected["pooled"]["profitable_weeks_rate"])
    assert f"profitable, all together: {gained} of {weeks} weeks with an exit (" in shown
    assert f"  {gained} of {weeks}  " in shown, "the row of all together"
    assert f"of {weeks} with an exit; 95 % interval" in " ".join(page.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_one_file_gives_the_same_trades(run: Command, small_home: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"single{ending}"
    run("trades", "generate", *FEW, "--with-holdout", "--output", path, home=small_home)
    told = run("trades", "import", path, "--name", f"single{ending[1:]}", "--json", home=small_home).json()
    assert (told["format"], told["n_dropped"]) == ("tradesieve", 0)
    stored = TradeSetStore(small_home / "trade_sets").load(told["set"]).trades
    written = pd.read_parquet(path) if ending == ".parquet" else pd.read_csv(path)
    keys = ["decision_time", "strategy", "symbol", "timeframe"]
    in_order = written.astype(TRADE_COLUMNS).sort_values(keys, kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(stored, in_order, check_exact=True)


def table_of(bars: Bars, n: int = 40) -> pd.DataFrame:
    """Write trades that enter and leave at the opens of bars, as a spreadsheet would hold them."""
    rng = np.random.default_rng(3)
    entry = np.sort(rng.choice(np.arange(30, len(bars) - 60), n, replace=False))
    leave = entry + rng.integers(1, 40, n)
    return pd.DataFrame(
        {
            "Strategy": np.where(np.arange(n) % 2, "breakout", "reversal"),
            "Entry Time": pd.to_datetime(bars.open_time[entry], utc=True).strftime("%Y-%m-%d %H:%M:%S"),
            "Exit Time": pd.to_datetime(bars.open_time[leave], utc=True).strftime("%Y-%m-%d %H:%M:%S"),
            "Side": np.where(np.arange(n) % 3, "long", "short"),
            "Entry Price": bars.open[entry],
            "Exit Price": bars.open[leave],
        }
    )


def test_a_plain_table_is_placed_at_the_close_before(
    run: Command, small_home: Path, small_bars: Bars, tmp_path: Path
) -> None:
    path, bars = tmp_path / "mine.csv", small_bars[:3000]
    table = table_of(bars)
    table.to_csv(path, index=False)
    refuses(run("trades", "import", path, home=small_home), "row 1 names no symbol: pass --symbol; stored: AAA")
    given = ("--symbol", "AAA", "--timeframe", "15m")
    refuses(run("trades", "import", path, *given, home=small_home), "pass --commission", "row 1")
    told = run("trades", "import", path, *given, "--commission", "0.001", "--json", home=small_home).json()
    assert (told["set"], told["n_trades"], told["faults"]) == ("mine", 40, {})
    stored = TradeSetStore(small_home / "trade_sets").load("mine").trades
    opened = pd.to_datetime(table["Entry Time"], utc=True).dt.as_unit("ns").astype("int64").sort_values().to_numpy()
    assert stored["decision_time"].tolist() == opened.tolist()
    np.testing.assert_array_equal(stored["entry_time"] - stored["decision_time"], bars.timeframe.duration)
    gross = stored["side"] * (stored["exit_price"] / stored["entry_price"] - 1)
    np.testing.assert_allclose(
        stored["net_return"], gross - 0.001 * (1 + stored["exit_price"] / stored["entry_price"]), rtol=1e-12
    )
    refuses(run("trades", "import", path, *given, home=small_home), "the trade set mine exists already", "--replace")
    assert run("trades", "import", path, *given, "--commission", "0", "--replace", home=small_home).code == 0


def test_a_backtest_of_backtesting_py_keeps_its_trades_times_and_returns(run: Command, small_home: Path) -> None:
    path = SAMPLES / "backtesting_py_run.csv"  # its own run on the first 400 of these bars
    given = ("--symbol", "AAA", "--timeframe", "15m", "--json")
    told = run("trades", "import", path, *given, home=small_home).json()
    assert (told["format"], told["n_trades"], told["faults"]) == ("backtesting.py", 4, {})
    stored, own = TradeSetStore(small_home / "trade_sets").load(told["set"]).trades, pd.read_csv(path)
    for mine, theirs in (("decision_time", own["EntryTime"]), ("exit_time", own["ExitTime"])):
        # Its times are those at which bars open; decisions fell at the close before, and exits are known at the close.
        expected = pd.to_datetime(theirs, utc=True).dt.as_unit("ns").astype("int64")
        bar = 0 if mine == "decision_time" else pd.Timedelta("15min").value
        assert stored[mine].tolist() == (expected + bar).tolist()
    for mine, name in (("net_return", "ReturnPct"), ("entry_price", "EntryPrice"), ("stop", "SL"), ("target", "TP")):
        np.testing.assert_allclose(stored[mine], own[name], rtol=1e-12, err_msg=mine)


def test_fills_with_a_spread_are_told_the_tolerance_that_accepts_them(
    run: Command, small_home: Path, small_bars: Bars, tmp_path: Path
) -> None:
    path, bars = tmp_path / "spread.csv", small_bars[:3000]
    table = table_of(bars)
    row = int(np.searchsorted(bars.open_time, pd.Timestamp(table.loc[3, "Entry Time"], tz="UTC").value))
    table.loc[3, "Entry Price"] = bars.high[row] * 1.0003
    table.to_csv(path, index=False)
    given = ("--symbol", "AAA", "--timeframe", "15m", "--commission", "0")
    refuses(run("trades", "import", path, *given, home=small_home), "at most 0.030% outside", "--tolerance 0.0003")
    assert run("trades", "import", path, *given, "--tolerance", "0.00031", home=small_home).code == 0


def test_what_contradicts_the_bars_is_counted_by_row(
    run: Command, small_home: Path, small_bars: Bars, tmp_path: Path
) -> None:
    path, bars = tmp_path / "bad.csv", small_bars[:3000]
    table = table_of(bars).assign(Decided=lambda each: each["Entry Time"])
    table.loc[2, "Entry Price"] *= 1.2
    table.loc[5, "Exit Price"] *= 0.5
    table.loc[9, ["Entry Time", "Exit Time"]] = ["2031-01-01 00:00:00", "2031-01-02 00:00:00"]
    table.loc[11, "Decided"] = table.loc[11, "Exit Time"]
    table.to_csv(path, index=False)
    given = ("--symbol", "AAA", "--timeframe", "15m", "--commission", "0")
    said = (
        "4 of 40 trades contradict", "entry price outside the range of its bar: 1 (row 3)",
        "exit price outside the range of its bar: 1 (row 6)", "last stored bar: 1 (row 10)",
        "fill before the decision: 1 (row 12)", "--bad-trades drop",
    )  # fmt: skip
    refuses(run("trades", "import", path, *given, home=small_home), *said)
    told = run("trades", "import", path, *given, "--bad-trades", "drop", "--json", home=small_home).json()
    assert (told["n_trades"], told["n_dropped"]) == (36, 4)
    assert sorted(row for rows in told["faults"].values() for row in rows) == [3, 6, 10, 12]


def test_a_set_is_plotted_and_an_unknown_one_is_named(
    run: Command, small_home: Path, small_bars: Bars, tmp_path: Path
) -> None:
    path, page = tmp_path / "drawn.csv", tmp_path / "plot.html"
    table_of(small_bars[:3000]).to_csv(path, index=False)
    given = ("--symbol", "AAA", "--timeframe", "15m", "--commission", "0")
    assert run("trades", "import", path, *given, home=small_home).code == 0
    told = run("trades", "plot", "--trades", "drawn", "--output", page, "--json", home=small_home).json()
    assert told["n_shown"] > 10
    assert "<h1>Trades of breakout, reversal</h1>" in page.read_text()
    refuses(run("trades", "stats", "--trades", "drawm", home=small_home), "unknown trade set 'drawm'", "'drawn'")
    refuses(run("trades", "stats", "--trades", path, home=small_home), "store it first with `tradesieve trades import")
    refuses(run("trades", "stats", "--trades", "drawn", "--taker", "0.1", home=small_home), "--taker")


def test_a_filter_is_searched_on_imported_trades(
    run: Command, make_home: Callable[..., Settings], small_bars: Bars, tmp_path: Path
) -> None:
    home, path = make_home().home, tmp_path / "bought.csv"
    table_of(small_bars, n=600).to_csv(path, index=False)
    given = ("--symbol", "AAA", "--timeframe", "15m", "--commission", "0")
    first = run("trades", "import", path, *given, "--json", home=home).json()
    options = ("--trades", "bought", "--features", "minimal", "--candidates", "1", "--applications", "threshold")
    result = run("model", "experiment", *options, "--json", home=home).json()
    assert result["data"]["strategies"] == ["breakout", "reversal"]
    assert result["data"]["trades"] == "bought"
    assert result["gate"]["open"] is False, "random trades have nothing to find"
    assert run("model", "experiment", *options, "--json", home=home).json()["reused"]
    table_of(small_bars, n=601).to_csv(path, index=False)
    other = run("trades", "import", path, *given, "--replace", "--json", home=home).json()
    assert other["fingerprint"] != first["fingerprint"]
    settings = settings_in(home)
    again = assemble_experiment(settings, trades="bought", features="minimal")
    assert not (run_folder(again, load_chunks(again, settings), settings) / "result.json").exists()
    causality = next(each for each in result["gate"]["conditions"] if each["name"] == "causality_certificate")
    assert causality["passed"], "features are certified"
    assert "does not cover the rules behind the imported trades bought" in causality["reason"]
    artifact = load_artifact(Path(result["artifact"]))
    assert artifact.manifest["trades"] == "bought"
    with pytest.raises(BadInput, match="nothing to replay: let their own program ask the service"):
        replay(artifact.folder, settings, symbol="AAA", timeframe=None, start_time=None, end_time=None)
    window = small_bars[-artifact.requirements("15m", "AAA").bars :]
    columns = {
        name: getattr(window, name).tolist() for name in ("close_time", "open", "high", "low", "close", "volume")
    }
    asked = {"strategy": "breakout", "symbol": "AAA", "timeframe": "15m", "side": "long", "bars": columns}
    decided = Scorer(artifact).score(ScoreRequest(**asked, decision_time=int(window.close_time[-1])))
    assert np.isfinite(decided.score), "the service knows the strategy by its name"


def test_the_stored_sets_are_listed(run: Command, small_home: Path, small_bars: Bars, tmp_path: Path) -> None:
    path = tmp_path / "listed.csv"
    table_of(small_bars[:3000]).to_csv(path, index=False)
    given = ("--symbol", "AAA", "--timeframe", "15m", "--commission", "0.001")
    assert run("trades", "import", path, *given, home=small_home).code == 0
    (row,) = [each for each in run("trades", "list", "--json").json()["sets"] if each["name"] == "listed"]
    assert (row["n_trades"], row["n_instances"], row["symbols"], row["timeframes"]) == (40, 2, "AAA", "15m")
    assert row["format"] in run("trades", "list").out
    empty = run("trades", "list", home=tmp_path / "empty")
    assert f"no imported trades are stored in {tmp_path / 'empty'}" in empty.out
    assert not (tmp_path / "empty").exists()
