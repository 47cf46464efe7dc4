"""Every file of shared/data/formats, read through `data import` as the note beside it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.commands.data import data

NAMED = ("--symbol", "TEST")
NEW_YORK = ("--timezone", "America/New_York")
PRICES_BY_POSITION = "open,high,low,close,volume"
BY_POSITION = ("--columns", f"time,{PRICES_BY_POSITION}")
SPRING = ("2024-03-08T14:30:00Z", 60)
JSON_HOURS = ("2024-07-01T00:00:00Z", 48)
# File: (timeframe, options, (open of the first bar, number of bars), words of the output).
READ: dict[str, tuple[str, tuple[str, ...], tuple[str, int], tuple[str, ...]]] = {
    "dukascopy.csv": (
        "1m", (*NAMED, "--columns", "time=Gmt time", "--time-format", "%d.%m.%Y %H:%M:%S.%f"), SPRING, (),
    ),
    "kraken_XBTUSD_1.csv": (
        "1m", ("--symbol", "XBTUSD", "--columns", f"time,{PRICES_BY_POSITION},-"), SPRING, ("stored as BTC-USD",),
    ),
    "firstrate.txt": ("1m", (*NAMED, *BY_POSITION, *NEW_YORK), ("2024-03-08T19:30:00Z", 60), ()),
    "kibot.txt": (
        "1m", (*NAMED, *NEW_YORK, "--date-order", "mdy", "--columns", f"date,time,{PRICES_BY_POSITION}"),
        ("2024-03-08T19:30:00Z", 60), (),
    ),
    "stooq.txt": ("1m", (), SPRING, ("the symbol is AAPL",)),
    "nse.csv": ("1d", NAMED, ("2024-03-08T00:00:00Z", 60), ("holds 1,100.00: read as 1100",)),
    "yf_multi.csv": ("1d", (), ("2024-03-08T00:00:00Z", 60), ("recognised as yfinance", "the symbol is AAPL")),
    "tradingview_iso.csv": ("1m", NAMED, ("2024-03-08T19:30:00Z", 60), ("no column volume: stored as 0",)),
    "dst_fall.csv": ("1h", (*NAMED, *NEW_YORK), ("2023-11-05T00:00:00Z", 40), ()),
    "ampm.csv": ("1m", (*NAMED, "--date-order", "mdy"), ("2024-01-02T09:30:00Z", 3), ()),
    "nanvol.csv": ("1m", NAMED, ("2024-01-02T10:00:00Z", 2), ("1 row without a volume, stored as 0",)),
    "dupdiff.csv": ("1m", NAMED, ("2024-01-02T10:00:00Z", 2), ("left out 1 row repeating an earlier one",)),
    "alpaca.csv": ("1m", (), SPRING, ("recognised as Alpaca", "the symbol is AAPL")),
    "polygon.csv": ("1m", (), SPRING, ("recognised as Polygon", "the symbol is AAPL")),
    "weeks_monday.csv": ("1w", NAMED, ("2023-01-02T00:00:00Z", 40), ()),
    "weeks_thursday.csv": ("7d", NAMED, ("2023-01-05T00:00:00Z", 40), ()),
    "month_1mo.csv": ("1M", NAMED, ("2021-01-01T00:00:00Z", 24), ()),
    "h1_as_1m_listed.csv": ("1h", NAMED, ("2024-03-04T00:00:00Z", 120), ("stamped 2024-03-04T00:07:00Z",)),
    "cmc.csv": ("1d", NAMED, ("2024-01-01T00:00:00Z", 40), ("recognised as CoinMarketCap",)),
    "bitmex_end.csv": ("1h", (), ("2024-06-03T00:00:00Z", 48), ("recognised as BitMEX", "stamps are closes")),
    "okx_unfinished.csv": ("1h", NAMED, ("2024-06-03T00:00:00Z", 47), ("left out 1 bar: not closed",)),
    "okx_unfinished.json": ("1h", NAMED, ("2024-06-03T00:00:00Z", 47), ("left out 1 bar: not closed",)),
    "zoneless.csv": ("1m", NAMED, ("2024-06-03T09:00:00Z", 200), ("times without a zone are read as UTC",)),
    "databento_1e9.csv": ("1m", (), ("2024-06-03T09:00:00Z", 200), ("read as billionths", "the symbol is ACME")),
    "half_idle.csv": ("1m", NAMED, ("2024-06-03T09:00:00Z", 200), ()),
    "headerless.csv": ("1d", (*NAMED, *BY_POSITION), ("2024-03-04T00:00:00Z", 30), ()),
    "multi_symbol.csv": ("1d", (), ("2024-03-04T00:00:00Z", 30), ("the symbol is ACME",)),
    "thousands.csv": ("1d", NAMED, ("2024-03-04T00:00:00Z", 30), ("17.4K: read as 17400",)),
    "newest_first.csv": ("1d", NAMED, ("2024-03-04T00:00:00Z", 30), ("the newest row came first: reversed",)),
    "utf16.csv": ("1d", NAMED, ("2024-03-04T00:00:00Z", 30), ()),
    "gbk.csv": (
        "1d",
        (*NAMED, "--encoding", "gbk", "--columns",
         "time=\u65e5\u671f,open=\u5f00\u76d8,high=\u6700\u9ad8,low=\u6700\u4f4e,close=\u6536\u76d8,volume=\u6210\u4ea4\u91cf"),
        ("2024-03-04T00:00:00Z", 30), (),
    ),
    "bybit.json": ("1h", (), JSON_HOURS, ("recognised as Bybit", "the symbol is BTC-USDT")),
    "okx.json": ("1h", NAMED, JSON_HOURS, ("recognised as OKX",)),
    "kucoin.json": ("1h", NAMED, JSON_HOURS, ("recognised as KuCoin", "open, close, high, low")),
    "json_truth.csv": ("1h", NAMED, JSON_HOURS, ()),
    "bad_double.csv": ("1h", NAMED, ("2024-06-03T00:00:00Z", 60), ("left out 1 row repeating an earlier one",)),
}  # fmt: skip
# File: (timeframe, options, words of the refusal).
REFUSED: dict[str, tuple[str, tuple[str, ...], str]] = {
    "oil.csv": ("1d", NAMED, "row 1 at 2020-04-21T00:00:00Z has a price that is not positive"),
    "ampm.csv": ("1m", NAMED, "may be 2024-02-01 (dmy) or 2024-01-02 (mdy)"),
    "firstrate.txt": ("1m", NAMED, "the first line holds values, not the names of columns"),
    "month_1mo.csv": ("28d", NAMED, "month"),
    "h1_as_1m_listed.csv": ("1m", NAMED, "rows are 1h apart"),
    "kibot.txt": ("1m", (*NAMED, "--columns", f"date,time,{PRICES_BY_POSITION}"), "pass --date-order dmy or"),
    "gbk.csv": ("1d", NAMED, "--encoding"),
}


@pytest.fixture
def formats(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of published shapes; tests that need it are skipped without it."""
    folder = shared_data / "formats"
    if not folder.is_dir():
        pytest.skip("published shapes are absent: there is no folder shared/data/formats beside the repository")
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    return folder


def run(path: Path, timeframe: str, *options: str) -> Result:
    return CliRunner().invoke(data, ["import", str(path), "--timeframe", timeframe, "--json", *options])


def stored(tmp_path: Path, path: Path, timeframe: str, *options: str) -> tuple[Bars, str]:
    """Import a file; return the bars that are stored, and the notes of the command."""
    imported = run(path, timeframe, *options)
    assert imported.exit_code == 0, imported.exception
    answer = json.loads(imported.stdout)
    bars = BarStore(tmp_path / "home" / "bars").load(answer["symbol"], parse_timeframe(timeframe))
    return bars, "; ".join(answer["files"][0]["notes"])


@pytest.mark.parametrize("name", READ)
def test_a_published_file_reads_as_its_note_says(formats, tmp_path, name):
    timeframe, options, (first, count), words = READ[name]
    bars, notes = stored(tmp_path, formats / name, timeframe, *options)
    assert (format_time(bars.open_time[0]), len(bars)) == (first, count)
    assert all(word in notes for word in words), notes


@pytest.mark.parametrize("name", REFUSED)
def test_a_published_file_that_leaves_a_question_is_refused(formats, name):
    timeframe, options, words = REFUSED[name]
    refused = run(formats / name, timeframe, *options)
    assert refused.exit_code != 0
    assert words in str(refused.exception)


def test_every_published_file_is_looked_at(formats):
    names = {path.name for path in formats.iterdir() if path.suffix != ".md"}
    assert names <= set(READ) | set(REFUSED)


@pytest.mark.parametrize("name", ["bybit.json", "okx.json", "kucoin.json"])
def test_three_venues_answer_with_the_same_hours(formats, tmp_path, name):
    truth, _ = stored(tmp_path, formats / "json_truth.csv", "1h", "--symbol", "TRUTH")
    options = () if name == "bybit.json" else NAMED
    bars, _ = stored(tmp_path, formats / name, "1h", *options)
    for column in ("close_time", "open", "high", "low", "close", "volume"):
        assert getattr(bars, column).tolist() == getattr(truth, column).tolist()


def test_prices_of_databento_are_near_a_hundred(formats, tmp_path):
    bars, _ = stored(tmp_path, formats / "databento_1e9.csv", "1m")
    assert 90 < bars.low.min() < bars.high.max() < 110


def test_both_symbols_of_a_file_are_stored(formats, tmp_path):
    stored(tmp_path, formats / "multi_symbol.csv", "1d")
    store = BarStore(tmp_path / "home" / "bars")
    day = parse_timeframe("1d")
    assert store.list() == [("ACME", day), ("ZEN", day)]
    assert [len(store.load(symbol, day)) for symbol in ("ACME", "ZEN")] == [30, 30]
