"""Trade sets: other programs read them, a killed run goes on to the same bytes, and nothing is half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import polars
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.trade_export import check_output, write_trade_set
from tradesieve.strategies.trades import TRADE_COLUMNS, is_closed

MakeHome = Callable[..., Settings]
FolderState = Callable[[Path], dict[str, str]]


@pytest.fixture(scope="module")
def home(make_home: MakeHome, small_bars: Bars) -> Settings:
    return make_home(bars=small_bars[:3000])


@pytest.fixture(scope="module")
def many(small_experiment: Experiment) -> Experiment:
    """More strategies than one part holds, at two timeframes."""
    return replace(small_experiment, num_strategies=40, timeframes=("15m", "1h"))


def in_order(trades: pd.DataFrame) -> pd.DataFrame:
    keys = ["timeframe", "strategy", "decision_time"]
    return trades[list(TRADE_COLUMNS)].astype(TRADE_COLUMNS).sort_values(keys, ignore_index=True)


def test_pandas_duckdb_and_polars_read_one_table(many: Experiment, home: Settings, tmp_path: Path) -> None:
    chunks = load_chunks(many, home)
    folder = tmp_path / "trades"
    count = sum(row["n_trades"] + row["n_open"] for row in write_trade_set(chunks, home, folder))
    expected = in_order(pd.concat([generate_trades(chunk, home) for chunk in chunks]))
    assert count == len(expected) > 500
    assert len(list(folder.rglob("*.parquet"))) == 4
    by_pandas = pd.read_parquet(folder)
    by_duckdb = duckdb.sql(f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)").df()
    by_polars = polars.scan_parquet(folder, hive_partitioning=True).collect().to_dict(as_series=False)
    for table in (by_pandas, by_duckdb, pd.DataFrame(by_polars)):
        pd.testing.assert_frame_equal(in_order(table), expected, check_exact=True)


@pytest.mark.parametrize("symbol", ["CL=F", "M&M.NS", "ES 03-24", "0700:HK"])
def test_a_symbol_that_no_folder_can_hold_is_read_as_written(
    small_experiment: Experiment, make_home: MakeHome, small_bars: Bars, tmp_path: Path, symbol: str
) -> None:
    bars = replace(small_bars[:3000], symbol=symbol)
    experiment = replace(small_experiment, symbols=(symbol,), timeframes=("1h",), num_strategies=1)
    folder = tmp_path / "trades"
    write_trade_set(load_chunks(experiment, make_home(bars=bars)), make_home(bars=bars), folder)
    assert not {"&", " ", ":", "!"} & set("".join(path.name for path in folder.rglob("*")))
    by_pandas = pd.read_parquet(folder)
    by_duckdb = duckdb.sql(f"FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)").df()
    by_polars = polars.scan_parquet(folder, hive_partitioning=True).collect().to_dict(as_series=False)
    for table in (by_pandas, by_duckdb, pd.DataFrame(by_polars)):
        assert set(table["symbol"]) == {symbol}


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_one_file_holds_the_same(many: Experiment, home: Settings, tmp_path: Path, ending: str) -> None:
    chunks = load_chunks(many, home)
    path = tmp_path / f"trades{ending}"
    count = sum(row["n_trades"] + row["n_open"] for row in write_trade_set(chunks, home, path))
    read = pd.read_parquet(path) if ending == ".parquet" else pd.read_csv(path)
    assert list(read.columns) == list(TRADE_COLUMNS)
    expected = in_order(pd.concat([generate_trades(chunk, home) for chunk in chunks]))
    assert count == len(read)
    pd.testing.assert_frame_equal(in_order(read), expected, check_exact=True)


_GENERATE = """
import sys
from pathlib import Path
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.experiment_files import experiment_from_yaml
from tradesieve.pipelines.settings import read_settings
from tradesieve.pipelines.steps.trade_export import write_trade_set
settings = read_settings()
write_trade_set(load_chunks(experiment_from_yaml(Path(sys.argv[1])), settings), settings, Path(sys.argv[2]))
"""


def test_a_killed_run_goes_on_to_the_same_bytes(
    many: Experiment, make_home: MakeHome, small_bars: Bars, folder_state: FolderState, tmp_path: Path
) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(replace(many, num_strategies=120).to_yaml())

    def started(settings: Settings, output: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _GENERATE, str(config), str(output)]
        root = Path(__file__).resolve().parents[3]
        return subprocess.Popen(command, cwd=root, env={"TRADESIEVE_HOME": str(settings.home), "PATH": "/usr/bin:/bin"})

    straight, broken = (make_home(bars=small_bars[:3000]) for _ in range(2))
    assert started(straight, tmp_path / "straight").wait(timeout=120) == 0
    kept = broken.home / "trades"
    run = started(broken, tmp_path / "broken")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(kept.rglob("*.parquet")):
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    assert run.wait(timeout=10) == -signal.SIGKILL
    assert not (tmp_path / "broken").exists(), "what is not finished is not there"
    finished = {path: path.stat().st_ino for path in kept.rglob("*.parquet")}
    assert 0 < len(finished) < len(list((straight.home / "trades").rglob("*.parquet")))
    assert started(broken, tmp_path / "broken").wait(timeout=120) == 0
    assert folder_state(tmp_path / "broken") == folder_state(tmp_path / "straight")
    assert all(path.stat().st_ino == inode for path, inode in finished.items()), "finished parts are not made again"


def test_a_set_takes_the_place_of_the_one_before(many: Experiment, home: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "trades"
    write_trade_set(load_chunks(many, home), home, folder)
    write_trade_set(load_chunks(replace(many, timeframes=("1h",)), home), home, folder, replace=True)
    assert [path.name for path in folder.glob("*/*")] == ["timeframe=1h"]
    assert [path.name for path in tmp_path.iterdir()] == ["trades"], "no draft is left"


@pytest.mark.parametrize("name", ["trades", "trades.parquet", "trades.csv"])
def test_a_set_is_replaced_only_when_told(
    many: Experiment, home: Settings, tmp_path: Path, folder_state: FolderState, name: str
) -> None:
    path, chunks = tmp_path / name, load_chunks(replace(many, timeframes=("1h",)), home)
    path.with_suffix("").mkdir(exist_ok=True)  # an empty folder is no set
    count = sum(row["n_trades"] + row["n_open"] for row in write_trade_set(chunks, home, path))
    before = folder_state(tmp_path)
    for refuse in (lambda: check_output(path), lambda: write_trade_set(chunks, home, path)):
        with pytest.raises(BadInput, match=rf"{name}: holds {count:,} trades already; .* replace it with --replace"):
            refuse()
    assert folder_state(tmp_path) == before
    check_output(path, replace=True)


def test_a_file_that_holds_no_trades_is_not_replaced_either(tmp_path: Path) -> None:
    for name, content in {"a.csv": "rule,n_trades\n", "b.csv": "", "c.parquet": "no Parquet"}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(BadInput, match=f"{name}: exists already; choose another path"):
            check_output(tmp_path / name)


def test_instances_are_counted_by_closed_trades_and_told_from_their_doubles(home: Settings) -> None:
    never_left = "volatility_breakout(stop_ranges=30,reward=30,max_hold=9000)"
    strategies = ("opening_range_breakout(max_hold=4000|8000|1)", never_left)
    experiment = Experiment(symbols=("AAA",), timeframes=("15m",), strategies=strategies, num_strategies=4)
    (chunk,) = load_chunks(experiment, home)
    rows, trades = write_trade_set([chunk], home, None), generate_trades(chunk, home)
    closed = trades[is_closed(trades)]
    assert sum(row["n_open"] for row in rows) == len(trades) - len(closed) > 0
    for row in rows:
        own = closed[closed["strategy"] == row["instance"].partition("|")[0]]
        assert (row["n_trades"], row["net_return"]) == (len(own), pytest.approx(own["net_return"].sum()))
    names = [row["instance"] for row in rows]
    assert [row["same_trades_as"] for row in rows] == [None, names[0], None, None]
    assert rows[0]["n_trades"] == rows[1]["n_trades"] > 0


def test_what_a_killed_run_left_is_removed(many: Experiment, home: Settings, tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f".trades.csv.{ended.pid}", f".trades.csv.{os.getppid()}", ".trades.csv.mine"):
        (tmp_path / name).write_text("half of it")
    (tmp_path / f".trades.{ended.pid}.old").mkdir()
    chunks = load_chunks(replace(many, timeframes=("1h",)), home)
    for name in ("trades.csv", "trades"):
        write_trade_set(chunks, home, tmp_path / name)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"trades.csv", "trades", f".trades.csv.{os.getppid()}", ".trades.csv.mine"}, "and nothing else"


def test_an_output_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder.csv").mkdir()
    for name, said in {
        "mine": "holds letter.txt, which is not part of a trade set",
        "file": "holds file, which is not part",
        "folder.csv": "is a folder",
        "out.xlsx": "ending in .parquet or .csv, or to a folder",
    }.items():
        with pytest.raises(BadInput, match=said):
            check_output(tmp_path / name)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
