"""Bars from tables: a real SQLite file and a real PostgreSQL server."""

from __future__ import annotations

import re
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.sources.databases import tables as sql
from tradesieve.market.sources.databases.connection import Database, is_database
from tradesieve.market.sources.databases.tables import read_table
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.formats.timestamps import READ_AS_UTC, Stamps
from tradesieve.market.sources.vendors.base import ReadOptions
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
START = 1_700_000_040  # 2023-11-14T22:14:00Z
N = 200
RANDOM = np.random.default_rng(11)
CLOSE = RANDOM.lognormal(8, 3, N)
PRICED = np.column_stack([CLOSE, CLOSE * 1.01, CLOSE * 0.99, CLOSE, RANDOM.exponential(5, N)])
SECONDS = START + 60 * np.arange(N)
PRICE_NAMES = ("open", "high", "low", "close", "volume")

Fill = Callable[..., Database]


def read(
    database: Database, table: str = "candles", *, symbol: str = "BTC-USD", **options: Any
) -> tuple[Bars, tuple[str, ...]]:
    product = options.pop("product", None)
    read = read_table(database, table, symbol=symbol, product=product, options=ReadOptions(MINUTE, **options))
    return read.bars, read.notes


def check(bars: Bars) -> None:
    assert bars.symbol == "BTC-USD"
    assert bars.open_time.tolist() == (SECONDS * 10**9).tolist()
    for place, name in enumerate(PRICE_NAMES):
        assert getattr(bars, name).tolist() == PRICED[:, place].tolist(), name


def rows(times: list[Any], product: str = "BTC-USD") -> list[tuple[Any, ...]]:
    return [(product, time, *map(float, values)) for time, values in zip(times, PRICED, strict=True)]


def shuffled(table: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [table[row] for row in np.random.default_rng(0).permutation(len(table))]


@pytest.fixture
def sqlite(tmp_path: Path) -> Fill:
    """A function that writes a table into a file."""

    def fill(
        table: list[tuple[Any, ...]], *, time: str = "INTEGER", price: str = "REAL", name: str = "candles"
    ) -> Database:
        path = tmp_path / "market data.db"
        with sqlite3.connect(path) as connection:
            prices = ", ".join(f"{column} {price}" for column in PRICE_NAMES)
            connection.execute(f'CREATE TABLE "{name}" (product_id TEXT, start {time}, {prices})')
            connection.executemany(f'INSERT INTO "{name}" VALUES (?, ?, ?, ?, ?, ?, ?)', table)
        connection.close()
        return Database(f"sqlite:///{path}")

    return fill


@pytest.fixture
def server(postgres: Any) -> Iterator[Fill]:
    """A function that writes a table into PostgreSQL, where it is dropped afterwards."""
    with postgres.connect() as connection:

        def fill(
            table: list[tuple[Any, ...]],
            *,
            time: str = "BIGINT",
            price: str = "DOUBLE PRECISION",
            name: str = "candles",
        ) -> Database:
            prices = ", ".join(f"{column} {price}" for column in PRICE_NAMES)
            connection.execute(f"CREATE TABLE {name} (product_id TEXT, start {time}, {prices})")
            with connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s, %s, %s, %s, %s, %s)", table)
            return Database(postgres.url())

        yield fill
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS desk CASCADE")


STAMPS = pd.to_datetime(SECONDS, unit="s", utc=True)


@pytest.mark.parametrize(
    ("kind", "times", "zone"),
    [
        ("INTEGER", SECONDS.tolist(), None),
        ("INTEGER", (SECONDS * 1000).tolist(), None),
        ("REAL", [float(second) for second in SECONDS], None),
        ("TEXT", [str(second) for second in SECONDS], None),
        ("DATETIME", [f"{stamp:%Y-%m-%d %H:%M:%S}" for stamp in STAMPS], None),
        ("TEXT", [f"{stamp:%Y-%m-%dT%H:%M:%S}Z" for stamp in STAMPS], "Asia/Tokyo"),
        ("TEXT", [f"{stamp:%Y-%m-%dT%H:%M:%S}" for stamp in STAMPS.tz_convert("Asia/Tokyo")], "Asia/Tokyo"),
    ],
)
def test_sqlite_gives_what_was_written_whatever_its_times_are(sqlite, kind, times, zone):
    other = [("ETH-USD", time, 1.0, 1.0, 1.0, 1.0, 1.0) for time in times]
    bars, notes = read(sqlite(shuffled(rows(times) + other), time=kind), stamps=Stamps(timezone=zone))
    check(bars)
    without_zone = zone is None and kind == "DATETIME"
    assert notes == ((READ_AS_UTC,) if without_zone else ())


@pytest.mark.parametrize(
    ("kind", "times", "zone"),
    [
        ("BIGINT", SECONDS.tolist(), None),
        ("BIGINT", (SECONDS * 1000).tolist(), None),
        ("NUMERIC", SECONDS.tolist(), None),
        ("DOUBLE PRECISION", SECONDS.tolist(), None),
        ("TIMESTAMP", STAMPS.tz_convert(None).to_pydatetime().tolist(), None),
        (
            "TIMESTAMP",
            STAMPS.tz_convert("America/New_York").tz_localize(None).to_pydatetime().tolist(),
            "America/New_York",
        ),
        ("TIMESTAMPTZ", STAMPS.to_pydatetime().tolist(), "America/New_York"),
        ("TIMESTAMPTZ", STAMPS.tz_convert("Asia/Tokyo").to_pydatetime().tolist(), None),
        ("TEXT", [stamp.isoformat() for stamp in STAMPS], None),
    ],
)
@pytest.mark.parametrize("price", ["DOUBLE PRECISION", "NUMERIC"])
def test_postgresql_gives_what_was_written_whatever_its_times_are(server, kind, times, zone, price):
    other = [("ETH-USD", time, 1.0, 1.0, 1.0, 1.0, 1.0) for time in times]
    database = server([], time=kind, price=price)
    import psycopg

    with psycopg.connect(database.url, autocommit=True) as connection, connection.cursor() as cursor:
        # Fifteen digits are what PostgreSQL keeps of a float that becomes NUMERIC; its own text keeps them all.
        values = [(product, time, *map(repr, prices)) for product, time, *prices in shuffled(rows(times) + other)]
        cast = ", ".join([f"%s::{price}"] * 5)
        cursor.executemany(f"INSERT INTO candles VALUES (%s, %s, {cast})", values)
    bars, notes = read(database, stamps=Stamps(timezone=zone))
    check(bars)
    assert notes == ((READ_AS_UTC,) if zone is None and kind == "TIMESTAMP" else ())


def test_times_over_a_change_of_clocks_are_exact_in_any_zone_of_the_server(server, postgres):
    times = pd.date_range("2024-11-03 05:30", periods=N, freq="min", tz="UTC")
    database = server(rows(times.to_pydatetime().tolist()), time="TIMESTAMPTZ")
    with postgres.connect() as connection:
        connection.execute("ALTER ROLE trader SET timezone = 'America/New_York'")
        bars, _ = read(database)
        connection.execute("ALTER ROLE trader RESET timezone")
    assert bars.open_time.tolist() == times.as_unit("ns").asi8.tolist()


def test_a_schema_a_view_and_an_odd_name_are_tables_too(server, sqlite, postgres):
    database = server(rows(SECONDS.tolist()))
    with postgres.connect() as connection:
        connection.execute("CREATE SCHEMA desk; ALTER TABLE candles SET SCHEMA desk")
        connection.execute("CREATE VIEW recent AS SELECT * FROM desk.candles")
        check(read(database, "desk.candles")[0])
        check(read(database, "recent")[0])
    check(read(sqlite(rows(SECONDS.tolist()), name="my candles.v2"), "my candles.v2")[0])


def test_the_product_may_be_written_otherwise(sqlite):
    database = sqlite(rows(SECONDS.tolist(), "XBT/USD") + rows(SECONDS.tolist(), "ETHUSD"))
    bars, notes = read(database)
    check(bars)
    assert notes == ("the table writes XBT/USD for BTC-USD",)
    bars, notes = read(database, symbol="btcusd")
    assert bars.symbol == "BTC-USD"
    bars, notes = read(database, product="ETHUSD")
    check(bars)
    assert notes == (), "whoever names a product knows what it is stored as"
    with pytest.raises(Unknown, match=r"unknown product of .*candles 'ETHUS': did you mean 'ETHUSD'"):
        read(database, product="ETHUS")


def test_a_product_that_is_written_twice_has_to_be_chosen(sqlite):
    database = sqlite(rows(SECONDS.tolist(), "BTC/USD") + rows(SECONDS.tolist(), "BTCUSD"))
    with pytest.raises(BadInput, match="BTC/USD, BTCUSD are all BTC-USD: choose one with --product"):
        read(database)
    check(read(database, product="BTCUSD")[0])


def test_other_names_of_columns(sqlite, tmp_path):
    database = sqlite(rows(SECONDS.tolist()))
    with sqlite3.connect(tmp_path / "market data.db") as connection:
        connection.execute(
            'CREATE VIEW kurse AS SELECT product_id AS Wertpapier, start AS "Zeit punkt", open AS o, high AS h, '
            "low AS l, close AS c FROM candles"
        )
    columns = {"symbol": "Wertpapier", "time": "Zeit punkt", "open": "o", "high": "h", "low": "l", "close": "c"}
    bars, _ = read(database, "kurse", layout=Layout(columns | {"volume": ""}))
    assert (bars.close.tolist(), set(bars.volume.tolist())) == (CLOSE.tolist(), {0.0})
    with pytest.raises(BadInput, match=r"kurse: no column volume; found Wertpapier, .* as in --columns volume=NAME"):
        read(database, "kurse", layout=Layout(columns))
    with pytest.raises(BadInput, match="kurse: no column 'Menge' for volume; found Wertpapier"):
        read(database, "kurse", layout=Layout(columns | {"volume": "Menge"}))
    with pytest.raises(BadInput, match="kurse: no column time, open"):
        read(database, "kurse")
    closes, _ = read(database, layout=Layout({"close_time": "start"}))
    assert closes.close_time.tolist() == (SECONDS * 10**9).tolist()


def test_a_table_of_one_market_needs_no_product(sqlite, tmp_path):
    database = sqlite(rows(SECONDS.tolist()))
    with sqlite3.connect(tmp_path / "market data.db") as connection:
        connection.execute("CREATE VIEW btc AS SELECT start, open, high, low, close, volume FROM candles")
    bars, notes = read(database, "btc")
    check(bars)
    assert notes == ("the table has no symbol column: every row is read",)
    with pytest.raises(BadInput, match="no column holds product 'BTC': name it with --columns symbol=NAME"):
        read(database, "btc", product="BTC")


def test_what_is_not_there_is_named(sqlite, server):
    for database in (sqlite(rows(SECONDS.tolist())), server(rows(SECONDS.tolist()))):
        with pytest.raises(Unknown, match=r"unknown table of .* 'candels': did you mean 'candles'"):
            read(database, "candels")
        with pytest.raises(Unknown, match=r"unknown product of .* candles 'BTC-EUR': did you mean 'BTC-USD'"):
            read(database, symbol="BTC-EUR")


def test_an_empty_table_and_broken_rows_are_told(sqlite, tmp_path):
    database = sqlite(rows(SECONDS.tolist()))

    def change(statement: str) -> None:
        with sqlite3.connect(tmp_path / "market data.db") as connection:
            connection.execute(statement)

    change(f"UPDATE candles SET high = 'dear' WHERE start = {SECONDS[5]}")
    with pytest.raises(BadInput, match=r"candles: row 5 at .* has 'dear' in column high, which is not a number"):
        read(database)
    change(f"UPDATE candles SET high = NULL WHERE start = {SECONDS[5]}")
    bars, notes = read(database)
    assert bars.open_time[5] == SECONDS[6] * 10**9
    assert notes[-1] == "left out 1 row without a price: row 5 at 2023-11-14T22:20:00Z"
    change(f"UPDATE candles SET start = NULL WHERE start = {SECONDS[5]}")
    with pytest.raises(BadInput, match="the time of row 0 is missing"):
        read(database)
    change("DELETE FROM candles")
    with pytest.raises(Unknown, match="unknown product"):
        read(database)


def test_a_row_of_a_later_chunk_is_named_by_its_place_in_the_whole(sqlite, monkeypatch):
    monkeypatch.setattr(sql, "CHUNK", 16)
    table = rows(SECONDS.tolist())
    check(read(sqlite(table))[0])
    table[150] = (*table[150][:3], -1.0, *table[150][4:])
    with pytest.raises(BadData, match="row 150 at"):
        read(sqlite(table, name="spoiled"), "spoiled")


def test_memory_holds_columns_and_one_chunk_of_rows(sqlite, server, monkeypatch):
    n = 30_000
    table = [("BTC-USD", START + 60 * row, 1.5, 1.5, 1.5, 1.5, 0.5) for row in range(n)]
    database = sqlite(table)
    monkeypatch.setattr(sql, "CHUNK", 1000)
    read(database)  # whatever is imported is imported now

    def peak() -> int:
        tracemalloc.start()
        assert len(read(database)[0]) == n
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    chunked = peak()
    monkeypatch.setattr(sql, "CHUNK", n)
    assert chunked < 6e6 < peak(), "30,000 bars are 1.4 MB, and some copies of them"


def test_no_server_and_wrong_passwords_are_one_line_without_a_secret(postgres, tmp_path):
    wrong = "an0ther:secret@/"
    for url, said in (
        (postgres.url(port=1), "refused"),
        (postgres.url(password=wrong), "password authentication failed"),
        (postgres.url(database="nowhere"), 'database "nowhere" does not exist'),
        (postgres.url().replace("127.0.0.1", "no.such.host.invalid"), "no.such.host.invalid"),
        (postgres.url() + "?password=an0ther:secret", "authentication failed"),
        (postgres.url() + "?nonsense=an0ther", "nonsense"),
    ):
        with pytest.raises(BadInput, match=re.escape(said)) as caught:
            read(Database(url))
        line = str(caught.value)
        assert "\n" not in line
        for secret in (postgres.password, "s3cr", wrong, "an0ther:secret"):
            assert secret not in line, line
        assert caught.value.__suppress_context__, "a trace would show what the driver said"
        assert "s3cr" not in repr(Database(url))


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cr%t@host:port/x", "postgresql://", "sqlite://", "sqlite:///nowhere.db"]
)
def test_a_wrong_url_is_told_without_its_secret(url):
    with pytest.raises(BadInput) as caught:
        read(Database(url))
    assert "s3cr" not in str(caught.value)


def test_what_a_database_is(tmp_path):
    assert is_database("sqlite:///x.db")
    assert not is_database("data/x.csv")
    with pytest.raises(BadInput, match="database 'mysql' is not supported: use sqlite or postgresql"):
        Database("mysql://me:s3cret@host/x")
    (tmp_path / "no.db").write_text("this is no database, but longer than a header of one hundred bytes is" * 4)
    with pytest.raises(BadInput, match="file is not a database"):
        read(Database(f"sqlite:///{tmp_path / 'no.db'}"))
    assert not (tmp_path / "nowhere.db").exists()
    with pytest.raises(BadInput, match=r"nowhere\.db: file not found"):
        Database(f"sqlite:///{tmp_path / 'nowhere.db'}")
    assert not (tmp_path / "nowhere.db").exists(), "asking makes no file"


def test_reading_changes_nothing(sqlite, tmp_path):
    database = sqlite(rows(SECONDS.tolist()))
    before = (tmp_path / "market data.db").read_bytes()
    read(database)
    assert (tmp_path / "market data.db").read_bytes() == before
    with pytest.raises(BadInput, match="readonly"), database.connected() as connection:
        connection.exec_driver_sql("DELETE FROM candles")


def test_a_server_is_only_read(server):
    database = server(rows(SECONDS.tolist()))
    with pytest.raises(BadInput, match="read-only transaction"), database.connected() as connection:
        connection.exec_driver_sql("DELETE FROM candles")
    check(read(database)[0])


def test_every_value_of_bars_is_there(sqlite):
    bars, _ = read(sqlite(rows(SECONDS.tolist())))
    assert all(len(getattr(bars, name)) == N for name in COLUMNS)
