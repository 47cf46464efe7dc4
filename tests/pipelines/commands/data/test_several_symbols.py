"""Files of several symbols, and the preview of an import."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from tradesieve.market.bars import VALUES
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data import data

MINUTE = parse_timeframe("1m")
SERIES = {symbol: SyntheticMarket(n_days=1, timeframe=MINUTE).generate(symbol)[0][:90] for symbol in ("AAPL", "MSFT")}


def frame(symbol: str) -> pd.DataFrame:
    bars = SERIES[symbol]
    return pd.DataFrame(
        {"time": pd.to_datetime(bars.open_time, utc=True)} | {name: getattr(bars, name) for name in VALUES}
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    return BarStore(tmp_path / "home" / "bars")


@pytest.fixture
def long(tmp_path: Path) -> Path:
    rows = pd.concat([frame(symbol).assign(symbol=symbol) for symbol in SERIES])
    path = tmp_path / "long.csv"
    rows.sort_values(["time", "symbol"]).to_csv(path, index=False)
    return path


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    frames = {symbol: frame(symbol).set_index("time").rename(columns=str.capitalize) for symbol in SERIES}
    table = pd.concat(frames, axis=1).swaplevel(axis=1).sort_index(axis=1)
    lines = [
        ",".join(["Price", *table.columns.get_level_values(0)]),
        ",".join(["Ticker", *table.columns.get_level_values(1)]),
        "Datetime" + "," * len(table.columns),
    ]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(lines) + "\n" + table.to_csv(header=False))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(data, ["import", *map(str, arguments), "--timeframe", "1m"])


def check(store: BarStore, *symbols: str) -> None:
    assert [symbol for symbol, _ in store.list()] == list(symbols)
    for symbol in symbols:
        stored = store.load(symbol, MINUTE)
        assert stored.close_time.tolist() == SERIES[symbol].close_time.tolist()
        assert all(getattr(stored, name).tolist() == getattr(SERIES[symbol], name).tolist() for name in VALUES)


@pytest.mark.parametrize("shape", ["long", "wide"])
def test_each_symbol_is_stored_and_counted(store, shape, request):
    path = request.getfixturevalue(shape)
    shown = run(path, "--json")
    assert shown.exit_code == 0, shown.exception
    check(store, "AAPL", "MSFT")
    files = json.loads(shown.stdout)["files"]
    assert [(row["symbol"], row["bars"], row["new"]) for row in files] == [("AAPL", 90, 90), ("MSFT", 90, 90)]
    again = json.loads(run(path, "--json").stdout)["files"]
    assert [row["new"] for row in again] == [0, 0]


@pytest.mark.parametrize("shape", ["long", "wide"])
def test_one_of_several_symbols_can_be_chosen(store, shape, request):
    path = request.getfixturevalue(shape)
    assert run(path, "--symbol", "MSFT").exit_code == 0
    check(store, "MSFT")
    refused = run(path, "--symbol", "TSLA")
    assert "holds AAPL, MSFT, and not TSLA: pass one of them as --symbol, or omit it" in str(refused.exception)


def test_a_later_symbol_that_is_refused_stores_none(store, tmp_path, long):
    assert run(long, "--symbol", "MSFT").exit_code == 0
    path = tmp_path / "other.csv"
    lines = long.read_text().splitlines()
    row = next(number for number, line in enumerate(lines) if line.endswith(",MSFT"))
    *before, volume, symbol = lines[row].split(",")
    lines[row] = ",".join([*before, str(float(volume) + 1), symbol])
    path.write_text("\n".join(lines))
    for options in ((), ("--preview",)):
        refused = run(path, *options)
        assert refused.exit_code != 0
        assert str(refused.exception).startswith("MSFT 1m: volume at 2023-01-01T00:01:00Z is")
        check(store, "MSFT")


def test_a_symbol_of_several_that_breaks_a_law_stores_none(store, tmp_path, long):
    path = tmp_path / "negative.csv"
    lines = long.read_text().splitlines()
    time, _, *others = lines[-1].split(",")
    path.write_text("\n".join([*lines[:-1], ",".join([time, "-1", *others])]))
    assert "MSFT: row 89" in str(run(path).exception)
    assert store.list() == []


def test_a_row_without_a_symbol_is_refused(store, tmp_path, long):
    path = tmp_path / "gap.csv"
    path.write_text(long.read_text().replace(",MSFT", ",", 1))
    assert "row 1 has no symbol, which other rows have" in str(run(path).exception)
    assert store.list() == []


def test_a_ticker_without_prices_on_a_day_has_no_bar_then(store, tmp_path, wide):
    header, body = wide.read_text().split("\n")[:3], wide.read_text().split("\n")[3:]
    names, tickers = (line.split(",") for line in header[:2])
    cells = body[5].split(",")
    missing = ["" if ticker == "MSFT" else cell for cell, ticker in zip(cells, tickers, strict=True)]
    path = tmp_path / "gap.csv"
    path.write_text("\n".join([*header, *body[:5], ",".join(missing), *body[6:]]))
    assert len(names) == len(tickers)
    assert run(path).exit_code == 0
    assert [len(store.load(symbol, MINUTE)) for symbol in SERIES] == [90, 89]


READING = {
    "timezone": "America/New_York", "stamp": "open", "timeframe": "1m", "not_closed": 0, "future": 0, "repeated": 0,
    "without_price": 0, "bad_rows": 0, "snapped": 0,
}  # fmt: skip


def test_an_import_and_its_preview_say_how_rows_were_read_and_count_those_left_out(store, tmp_path):
    opened = SERIES["AAPL"].open_time
    now = pd.Timestamp.now("UTC")
    times = [*pd.to_datetime(opened, utc=True), now.floor("min"), now.floor("min") + pd.Timedelta("1h")]
    rows = pd.concat([frame("AAPL"), frame("AAPL")[:2]], ignore_index=True)
    rows["time"] = pd.DatetimeIndex(times)
    rows.loc[2, "high"], rows.loc[3, "close"] = rows.loc[2, "low"] / 2, None
    rows.loc[4, "time"] += pd.Timedelta("500us")
    rows = pd.concat([rows[:8], rows[7:8], rows[8:]])
    msft = frame("MSFT").assign(symbol="MSFT")
    both = pd.concat([rows.assign(symbol="AAPL"), msft])
    both["time"] = both["time"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    both.to_csv(tmp_path / "both.csv", index=False)
    options = ("--timezone", "America/New_York", "--bad-rows", "drop")
    for preview in (("--preview",), ()):
        shown = run(tmp_path / "both.csv", *options, *preview, "--json")
        assert shown.exit_code == 0, shown.exception
        aapl, msft_part = ({key: part[key] for key in READING} for part in json.loads(shown.stdout)["files"])
        left_out = dict.fromkeys(("not_closed", "future", "repeated", "without_price", "bad_rows", "snapped"), 1)
        assert aapl == READING | left_out
        assert msft_part == READING
    table = " ".join(run(tmp_path / "both.csv", *options, "--preview").output.split())
    assert "file symbol timezone stamp timeframe not_closed future repeated" in table
    assert "AAPL America/New_York open 1m 1 1 1 1 1 1" in table


def test_the_zone_of_times_is_the_one_that_they_state(store, tmp_path):
    rows = frame("AAPL")
    for times, zone in (
        (rows["time"].dt.tz_convert("+02:00").map(pd.Timestamp.isoformat), "UTC+02:00"),
        (rows["time"].dt.tz_localize(None), "UTC"),
        (rows["time"].astype("int64") // 10**9, "UTC"),
    ):
        rows.assign(time=times).to_csv(tmp_path / "a.csv", index=False)
        (file,) = json.loads(run(tmp_path / "a.csv", "--symbol", "X", "--preview", "--json").stdout)["files"]
        assert (file["timezone"], file["stamp"], file["new"]) == (zone, "open", 90)


def test_a_preview_shows_both_ends_and_stores_nothing(store, long):
    shown = run(long, "--preview", "--json")
    assert shown.exit_code == 0, shown.exception
    answer = json.loads(shown.stdout)
    assert [row["symbol"] for row in answer["preview"]] == ["AAPL"] * 6 + ["MSFT"] * 6
    bars = SERIES["AAPL"]
    assert answer["preview"][5]["close"] == bars.close[-1]
    assert pd.Timestamp(answer["preview"][0]["open_time"]).value == bars.open_time[0]
    assert store.list() == []
    text = run(long, "--preview")
    assert all(repr(answer["preview"][5][name]) in text.output for name in VALUES)
    assert "nothing was stored; omit --preview to store these bars" in text.output
    assert "times are read as the open of a bar" in text.output.replace("\n", " ")
    assert store.list() == []
