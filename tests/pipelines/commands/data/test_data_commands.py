"""The commands that bring bars in: from files in other words, from databases and from exchanges."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipelines.command_runs import exit_code
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.sources.formats.timestamps import READ_AS_UTC
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import parse_timeframe

ROOT = Path(__file__).resolve().parents[4]
MINUTE, QUARTER = parse_timeframe("1m"), parse_timeframe("15m")


@dataclass(frozen=True)
class Ended:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def refused(self, *said: str) -> None:
        """Check the one clear line."""
        assert (self.code, self.out) == (2, ""), self
        (line,) = self.err.splitlines()
        assert line.startswith("tradesieve: ")
        for text in said:
            assert text in line, line


Command = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> BarStore:
    return BarStore(home / "bars")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Command:
    """A function that runs a command in this process."""
    monkeypatch.setenv("TRADESIEVE_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def call(*arguments: object) -> Ended:
        capsys.readouterr()
        code = exit_code(monkeypatch, *arguments)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return call


def same(bars: Bars, other: Bars) -> bool:
    return all(np.array_equal(getattr(bars, name), getattr(other, name)) for name in COLUMNS)


def rows(bars: Bars, product: str) -> list[tuple[Any, ...]]:
    columns = [bars.open_time // 10**9, *(getattr(bars, name) for name in COLUMNS[1:])]
    return [(product, *values) for values in zip(*(column.tolist() for column in columns), strict=True)]


# -- databases ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sqlite(tmp_path: Path, small_bars: Bars) -> str:
    path = tmp_path / "market.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE candles (product_id, start, open, high, low, close, volume)")
        for product in ("BTC-USD", "ETH/USD"):
            values = rows(small_bars[:300], product)
            connection.executemany("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    connection.close()
    return f"sqlite:///{path}"


def test_a_table_of_sqlite_comes_in(run: Command, store: BarStore, sqlite: str, small_bars: Bars) -> None:
    arguments = ["--table", "candles", "--timeframe", "15m", "--json"]
    found = run("data", "import", sqlite, "--symbol", "BTC-USD", *arguments).json()
    assert (found["symbol"], found["files"][0]["new"]) == ("BTC-USD", 300)
    assert same(store.load("BTC-USD", QUARTER), small_bars[:300])
    found = run("data", "import", sqlite, "--symbol", "eth-usd", *arguments).json()
    assert (found["symbol"], found["files"][0]["notes"]) == ("ETH-USD", ["the table writes ETH/USD for ETH-USD"])
    assert run("data", "import", sqlite, "--product", "ETH/USD", *arguments).json()["files"][0]["new"] == 0


def test_a_table_of_postgresql_comes_in(
    run: Command, store: BarStore, postgres: Any, small_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA commands")
        types = "product_id TEXT, start BIGINT, open FLOAT8, high FLOAT8, low FLOAT8, close FLOAT8, volume FLOAT8"
        cursor.execute(f"CREATE TABLE commands.candles ({types})")
        cursor.executemany(
            "INSERT INTO commands.candles VALUES (%s, %s, %s, %s, %s, %s, %s)", rows(small_bars[:300], "A")
        )
    command = ["data", "import", postgres.url(), "--table", "commands.candles", "--symbol", "A", "--timeframe", "15m"]
    ended = run(*command)
    assert ended.code == 0, ended
    assert postgres.password not in ended.out + ended.err
    assert f"postgresql://trader@127.0.0.1:{postgres.port}/postgres" in ended.out.replace("\n", "")
    assert same(store.load("A", QUARTER), small_bars[:300])
    command[2] = f"postgresql://trader@127.0.0.1:{postgres.port}/postgres"
    run(*command).refused("no password supplied")
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    assert run(*command, "--json").json()["files"][0]["new"] == 0


def test_a_wrong_call_of_a_database_is_one_line_without_the_password(run: Command, postgres: Any, sqlite: str) -> None:
    command = ["--symbol", "BTC-USD", "--timeframe", "15m"]
    table = ["--table", "candles"]
    for url, said in (
        (postgres.url(), "unknown table"),
        (postgres.url(password="wr0ng"), "password authentication failed"),
        (postgres.url(port=1), "refused"),
        ("postgresql://me:wr0ng%x@host:port/", "is not valid"),
        ("mysql://me:wr0ng@host/x", "'mysql' is not supported"),
    ):
        ended = run("data", "import", url, *command, *table)
        ended.refused(said)
        assert postgres.password not in ended.err
        assert "s3cr" not in ended.err
        assert "wr0ng" not in ended.err
    run("data", "import", sqlite, *command).refused("--table and --symbol")
    run("data", "import", sqlite, *table, "--timeframe", "15m").refused("--table and --symbol")
    run("data", "import", sqlite, *command, "--table", "candels").refused("did you mean 'candles'?")
    run("data", "import", sqlite, *command, *table, "--product", "BTC").refused("unknown product", "'BTC-USD'")
    run("data", "import", sqlite, *command, *table, "--columns", "open=Erster").refused("no column 'Erster' for open")
    run("data", "import", "bars.csv", *command, *table).refused("--table needs the URL of a database")


# -- files in other words, and their symbols ---------------------------------------------------------------------------


def german(path: Path, bars: Bars) -> Path:
    lines = ["Datum;Eröffnung;Hoch;Tief;Schluss;Stück"]
    for row in rows(bars, ""):
        stamp = np.datetime64(row[1], "s").item()
        lines.append(";".join([f"{stamp:%d.%m.%Y %H:%M}", *(repr(value).replace(".", ",") for value in row[2:])]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_file_in_other_words_comes_in(run: Command, store: BarStore, tmp_path: Path, small_bars: Bars) -> None:
    path = german(tmp_path / "dax.csv", small_bars[:100])
    command = ["data", "import", path, "--symbol", "DAX", "--timeframe", "15m"]
    run(*command).refused("no column time, open, high, low, close, volume; found datum")
    names = ["--columns", "time=Datum,open=Eröffnung,high=Hoch", "--columns", "low=Tief,close=Schluss,volume=Stück"]
    assert run(*command, *names, "--json").json()["files"][0]["bars"] == 100
    found = run(*command, *names, "--time-format", "%d.%m.%Y %H:%M", "--json").json()
    assert found["files"][0]["notes"] == [
        "numbers have a decimal comma",
        READ_AS_UTC,
        "times are read as the open of a bar; pass --stamp close if they are the close",
    ]
    assert same(store.load("DAX", QUARTER), small_bars[:100])
    run(*command, "--columns", "time=Zeit").refused("no column 'Zeit' for time; found Datum")
    run(*command, "--columns", "tme=Datum").refused("unknown column 'tme': did you mean 'time'?")
    run(*command, "--decimal", ":").refused("the decimal sign is")


def test_the_symbol_is_the_one_that_the_file_tells(
    run: Command, store: BarStore, tmp_path: Path, small_bars: Bars
) -> None:
    frame = {"product_id": "XBT/USD", "time": small_bars.open_time[:50] // 10**9}
    frame |= {name: getattr(small_bars, name)[:50] for name in COLUMNS[1:]}
    import pandas as pd

    path = tmp_path / "bars.parquet"
    pd.DataFrame(frame).to_parquet(path)
    command = ["data", "import", path, "--timeframe", "15m"]
    run(*command, "--symbol", "ETH-USD").refused("holds XBT/USD, which is a different market from ETH-USD")
    assert run(*command, "--json").json()["symbol"] == "BTC-USD"
    assert [symbol for symbol, _ in store.list()] == ["BTC-USD"]
    ended = run(*command, "--symbol", "btcusd")
    assert "symbol btcusd is stored as BTC-USD" in ended.out
    pd.DataFrame(frame | {"product_id": "ETH-USD"}).to_parquet(tmp_path / "other.parquet")
    run("data", "import", path, tmp_path / "other.parquet", "--timeframe", "15m").refused("import one market at a time")
    run(*command, "--symbol", "FETUSD").refused("FET-USD or FE-TUSD")


# -- exchanges ---------------------------------------------------------------------------------------------------------


def fetching(server: Any, *more: str, symbol: str = "BTC-USD") -> list[str]:
    command = ["data", "fetch", "--exchange", "coinbaseexchange", "--symbol", symbol, "--timeframe", "1m"]
    return [*command, "--url", server.url, *more]


def fetched(store: BarStore, server: Any, n: int) -> bool:
    """Tell whether the first candles of the server are what is stored, bit for bit."""
    bars = store.load("BTC-USD", MINUTE)
    times = sorted(server.candles)[:n]
    expected = [[float(text) for text in server.candles[at]] for at in times]
    stored = np.column_stack([getattr(bars, name) for name in COLUMNS[1:]])
    return (bars.open_time // 1_000_000).tolist() == times and stored.tolist() == expected


def test_bars_are_fetched_and_the_next_time_only_what_is_new(run: Command, store: BarStore, exchange: Any) -> None:
    server = exchange(n=700)
    found = run(*fetching(server, "--from", "2023-11-14T22:14", "--to", "2023-11-15T02:14", "--json")).json()
    assert found == {
        "symbol": "BTC-USD", "timeframe": "1m", "market": "coinbaseexchange BTC/USD", "new": 240, "bars": 240,
        "first_close": "2023-11-14T22:15:00Z", "last_close": "2023-11-15T02:14:00Z", "notes": [],
    }  # fmt: skip
    ended = run(*fetching(server, symbol="xbtusd"))
    assert ended.code == 0
    assert "symbol xbtusd is stored as BTC-USD" in ended.out
    assert fetched(store, server, 700)
    assert run(*fetching(server, "--json")).json()["new"] == 0


def test_a_fetch_that_is_killed_goes_on_where_it_was(run: Command, home: Path, store: BarStore, exchange: Any) -> None:
    server = exchange(n=2000)
    server.faults = [None, None, None, *["slow"] * 50]
    process = subprocess.Popen(
        [sys.executable, "-m", "tradesieve.pipelines.command_line", *fetching(server, "--from", "2023-11-14T22:14")],
        cwd=ROOT,
        env=os.environ | {"TRADESIEVE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while server.n_candle_requests < 4 and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err
    assert fetched(store, server, 900), "three pages of three hundred came, and are kept"
    server.faults = []
    found = run(*fetching(server, "--json")).json()
    assert (found["new"], found["bars"]) == (1100, 2000)
    assert fetched(store, server, 2000)


def test_how_far_a_fetch_is_is_said(home: Path, exchange: Any) -> None:
    server = exchange(n=1500)
    server.faults = [None, "slow", None, "slow", None]
    ended = subprocess.run(
        [sys.executable, "-m", "tradesieve.pipelines.command_line", *fetching(server, "--from", "2023-11-14T22:14")],
        cwd=ROOT,
        env=os.environ | {"TRADESIEVE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fetch " in ended.stderr
    assert " of 1500: BTC-USD 1m 2023-11-1" in ended.stderr


def test_a_wrong_fetch_is_one_line(run: Command, home: Path, exchange: Any) -> None:
    server = exchange(n=10)
    start = ["--from", "2023-11-14T22:14"]
    run(*fetching(server)).refused("no bars are stored to continue from: pass --from")
    run(*fetching(server, *start, symbol="ETH-USD")).refused("unknown market of coinbaseexchange 'ETH-USD'")
    run(*fetching(server, *start, symbol="BTC-EUR")).refused("similar ones: BTC/USD", "--market BTC/USD")
    run(*fetching(server, *start, "--market", "BTC-USD")).refused("did you mean 'BTC/USD'?")
    run(*fetching(server, *start, "--timeframe", "3m")).refused("has no bars of 3m; it has 1m, 5m")
    run(*fetching(server, *start, "--timeframe", "x")).refused("timeframe 'x'")
    run(*fetching(server, *start, "--exchange", "coinbas")).refused("did you mean 'coinbase'?")
    run(*fetching(server, "--from", "soon")).refused("--from is 'soon'")
    run(*fetching(server, "--from", "2024-01-01", "--to", "2023-01-01")).refused("is not before --to 2023-01-01")
    run(*fetching(server, "--from", "2199-01-01")).refused("no bar of 1m closes between")
    run(*fetching(server, *start, "--url", "localhost")).refused("--url is 'localhost'")
    run(*fetching(server, *start, "--tries", "0")).refused("tried at least once")
    run(*fetching(server, *start, "--url", "http://127.0.0.1:1", "--tries", "1")).refused("not answer", "continues")
    assert not (home / "bars").exists() or not list((home / "bars").rglob("*.parquet"))


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_days_of_sessions_are_stored_beside_the_bars_they_come_from(
    run: Command, store: BarStore, small_bars: Bars
) -> None:
    store.append(Bars("EUR-USD", QUARTER, *(getattr(small_bars, name) for name in COLUMNS)))
    command = ["data", "resample", "--symbol", "eurusd", "--timeframe", "1d"]
    found = run(*command, "--sessions", "17:00 America/New_York", "--json").json()
    assert (found["symbol"], found["from"], found["new"]) == ("EUR-USD", "15m", found["bars"])
    days = store.load("EUR-USD", parse_timeframe("1d"))
    assert len(days) == found["bars"] > 100
    assert {str(time)[11:16] for time in days.close_time.astype("datetime64[ns]")} <= {"21:00", "22:00"}
    assert run(*command, "--sessions", "17:00 America/New_York", "--json").json()["new"] == 0
    shares = run(*command, "--sessions", "XNYS", "--replace", "--json").json()
    assert shares["bars"] < found["bars"], "no weekends"
    run(*command, "--sessions", "XNY").refused("did you mean 'XNYS'?")
    run(*command, "--sessions", "17:00").refused("as in 17:00 America/New_York")
    run(*command[:3], "BTC-USD", *command[4:]).refused("no bars of BTC-USD shorter than 1d are stored")
    run(*command[:-1], "7m").refused("no bars of EUR-USD shorter than 7m")
    run(*command[:-1], "20m").refused("not a whole multiple")


# -- experiments -------------------------------------------------------------------------------------------------------


def test_experiments_know_a_symbol_in_any_form_and_keep_one(
    run: Command, store: BarStore, tmp_path: Path, small_bars: Bars
) -> None:
    store.append(Bars("BTC-USD", QUARTER, *(getattr(small_bars[:500], name) for name in COLUMNS)))
    generate = ["trades", "generate", "--timeframe", "15m", "--strategies", "volatility_breakout", "--json"]
    assert run(*generate, "--symbols", "xbt/usd").code == 0
    generate.remove("--json")
    run(*generate, "--symbols", "ethusd").refused("no bars of ETH-USD", "stored: BTC-USD 15m")
    run(*generate, "--symbols", "BTC-USD,btcusd").refused("symbols are BTC-USD, BTC-USD: one of them is named twice")
    config = tmp_path / "experiment.yaml"
    config.write_text("symbols: [BTC/USD]\ntimeframes: [15m]\n")
    run("model", "experiment", "--config", config).refused("symbol 'BTC/USD' is written BTC-USD here")
