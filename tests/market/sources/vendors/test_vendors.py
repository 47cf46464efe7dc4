"""Files in the formats that vendors document, written here."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from tests.market.sources.vendors.vendor_files import (
    BARS,
    CLOSE_ROWS,
    CSV_ROWS,
    ISO,
    MINUTE,
    OHLCV,
    OPENS,
    candles,
    joined,
    klines,
    lines,
    oanda,
    read,
    zipped,
)
from tradesieve.market.bars import COLUMNS
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.timestamps import READ_AS_UTC, Stamps
from tradesieve.market.sources.reading import VENDORS, read_file
from tradesieve.market.timeframes import parse_timeframe

# What the file holds, and the vendor that it is recognised as.
FILES: dict[str, tuple[str | bytes, str]] = {
    "binance ms": (klines(10**6, header=True), "Binance"),
    "binance us": (klines(10**3, header=True), "Binance"),
    "binance ms without a header": (klines(10**6, header=False), "Binance"),
    "binance us without a header, zipped": (zipped(klines(10**3, header=False)), "Binance"),
    "binance json": (
        json.dumps(
            [
                [int(f[0]), *f[1:6], int(f[6]), *f[7:]]
                for f in (row.split(",") for row in klines(10**6, header=False).split())
            ]
        ),
        "Binance",
    ),
    "bitfinex json, newest first": (json.dumps(candles("ochlv", 10**6)[::-1]), "Bitfinex"),
    "bitfinex csv": (lines(None, [joined(*row) for row in candles("ochlv", 10**6)]), "Bitfinex"),
    "coinbase exchange": (json.dumps(candles("lhocv", 10**9)[::-1]), "Coinbase"),
    "coinbase advanced": (
        json.dumps(
            {
                "candles": [
                    dict(zip(("start", "low", "high", "open", "close", "volume"), map(str, row), strict=True))
                    for row in candles("lhocv", 10**9)[::-1]
                ]
            }
        ),
        "Coinbase",
    ),
    "freqtrade json": (json.dumps(candles("ohlcv", 10**6)), "CCXT or freqtrade"),
    "freqtrade json.gz": (gzip.compress(json.dumps(candles("ohlcv", 10**6)).encode()), "CCXT or freqtrade"),
    "oanda mid": (oanda(), "OANDA"),
    "oanda bid": (oanda("bid"), "OANDA"),
    "cryptodatadownload": (
        lines(
            "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USD",
            [
                joined(time // 10**9, stamp, "BTC/USD", *row, row[4] * row[3])
                for time, stamp, row in zip(OPENS.tolist(), ISO, OHLCV, strict=True)
            ],
        ),
        "CryptoDataDownload",
    ),
    "lean, zipped": (
        zipped(
            lines(
                None,
                [joined(time // 10**6 % 86_400_000, *row) for time, row in zip(OPENS.tolist(), OHLCV, strict=True)],
            ),
            f"{ISO[0]:%Y%m%d}_btcusd_minute_trade.csv",
        ),
        "Lean",
    ),
    "ninjatrader": (
        lines(
            None,
            [
                joined(f"{stamp + pd.Timedelta('1m'):%Y%m%d %H%M%S}", *row, separator=";")
                for stamp, row in zip(ISO, OHLCV, strict=True)
            ],
        ),
        "NinjaTrader",
    ),
    "stooq": (
        lines(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
            [joined("BTCUSD", 1, f"{stamp:%Y%m%d,%H%M%S}", *row, 0) for stamp, row in zip(ISO, OHLCV, strict=True)],
        ),
        "Stooq",
    ),
    "metastock": (
        lines(
            "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            [joined("BTCUSD", f"{stamp:%Y%m%d,%H%M}", *row) for stamp, row in zip(ISO, OHLCV, strict=True)],
        ),
        "Stooq",
    ),
    "yfinance": (
        lines(
            "Price,Close,High,Low,Open,Volume\nTicker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD\nDatetime,,,,,",
            [
                joined(f"{stamp}+00:00", row[3], row[1], row[2], row[0], row[4])
                for stamp, row in zip(ISO, OHLCV, strict=True)
            ],
        ),
        "yfinance",
    ),
    "bitmex": (
        lines(
            "timestamp,symbol,open,high,low,close,trades,volume,vwap",
            [
                joined(f"{stamp.isoformat()}Z", "XBTUSD", *row[:4], 30, row[4], row[3])
                for stamp, row in zip(ISO + pd.Timedelta(minutes=1), OHLCV, strict=True)
            ],
        ),
        "BitMEX",
    ),
    "metatrader 4": (
        lines(None, [joined(f"{stamp:%Y.%m.%d,%H:%M}", *row) for stamp, row in zip(ISO, OHLCV, strict=True)]),
        "MetaTrader",
    ),
    "metatrader 4 with a header": (
        lines(
            "Date,Time,Open,High,Low,Close,Volume",
            [joined(f"{stamp:%Y.%m.%d,%H:%M}", *row) for stamp, row in zip(ISO, OHLCV, strict=True)],
        ),
        "MetaTrader",
    ),
    "metatrader 5": (
        lines(
            "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
            [
                joined(f"{stamp:%Y.%m.%d\t%H:%M:%S}", *row, 0, 3, separator="\t")
                for stamp, row in zip(ISO, OHLCV, strict=True)
            ],
        ),
        "MetaTrader",
    ),
    "metatrader quoted": (
        lines(
            '"Time\tOpen\tHigh\tLow\tClose\tVolume"',
            [f'"{joined(stamp, *row, separator=chr(9))}"' for stamp, row in zip(ISO, OHLCV, strict=True)],
        ),
        "MetaTrader",
    ),
    "backtrader": (
        lines(
            "Date,Time,Open,High,Low,Close,Volume,OpenInterest",
            [
                joined(f"{stamp + pd.Timedelta('1m'):%Y-%m-%d,%H:%M:%S}", *row, 0)
                for stamp, row in zip(ISO, OHLCV, strict=True)
            ],
        ),
        "backtrader",
    ),
    "nautilus": (gzip.compress(lines("timestamp_utc,open,high,low,close,volume", CLOSE_ROWS).encode()), "nautilus"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_bars_that_were_written(tmp_path, name):
    content, vendor = FILES[name]
    path = tmp_path / "bars.download"
    bars, notes = read(path, content)
    assert notes[0].startswith(f"recognised as {vendor}")
    assert not any("pass --stamp close" in note for note in notes), "a vendor defines its stamps"
    assert bars.close_time.tolist() == BARS.close_time.tolist()
    for column in COLUMNS[1:]:
        if not (column == "volume" and "quote" in name):
            assert getattr(bars, column).tolist() == getattr(BARS, column).tolist(), column
    assert read_file(path, symbol="BTC-USD", timeframe=MINUTE)[0].fingerprint == bars.fingerprint
    head, inside = read_head(path)
    assert sum(vendor.recognises(head, inside) for vendor in VENDORS) == 1


@pytest.mark.parametrize("suffix", [".csv.gz", ".zip"])
def test_a_packed_file_of_nobody_is_read_as_what_is_inside(tmp_path, suffix):
    text = lines("time,open,high,low,close,volume", CSV_ROWS)
    packed = gzip.compress(text.encode()) if suffix == ".csv.gz" else zipped(text)
    bars, notes = read(tmp_path / f"a{suffix}", packed)
    assert bars.fingerprint == BARS.fingerprint
    assert notes == (READ_AS_UTC, "times are read as the open of a bar; pass --stamp close if they are the close")


def test_what_is_given_overrules_the_vendor(tmp_path):
    bars, _ = read(tmp_path / "a.txt", FILES["ninjatrader"][0], stamps=Stamps(meaning="open", timezone="Asia/Tokyo"))
    assert bars.close_time.tolist() == (BARS.close_time + 60 * 10**9 - 9 * 3600 * 10**9).tolist()
    bars, _ = read(tmp_path / "a.txt", FILES["ninjatrader"][0], price_scale=4)
    assert bars.open.tolist() == (BARS.open / 4).tolist()
    assert bars.volume.tolist() == BARS.volume.tolist()
    bars, _ = read(tmp_path / "a.csv", lines("time,open,high,low,close,volume", CSV_ROWS), price_scale=0.5)
    assert bars.high.tolist() == (BARS.high / 0.5).tolist()
    for scale in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="must be a positive number"):
            read(tmp_path / "a.csv", lines(None, CSV_ROWS), price_scale=scale)


@pytest.mark.parametrize("price", [0.01, 100.0])
def test_swapped_volumes_are_put_right_on_both_sides_of_a_price_of_one(tmp_path, price):
    volume = 3.0
    rows = [
        joined(
            stamp, "BTC/USD", *[price] * 4, *((price * volume, volume) if number % 4 == 0 else (volume, price * volume))
        )
        for number, stamp in enumerate(ISO)
    ]
    text = lines("date,symbol,open,high,low,close,Volume X,Volume Y", rows, newest_first=True)
    bars, notes = read(tmp_path / "a.csv", text)
    assert set(bars.volume) == {volume}
    assert "the two volumes of 50 rows were swapped" in notes[2]


def test_hours_of_twelve_are_read(tmp_path):
    rows = [
        joined(f"{stamp:%Y-%m-%d %I-%p}", "X", 2, 2, 2, 2, 1, 2)
        for stamp in pd.date_range("2019-01-01", periods=30, freq="h")
    ]
    path = tmp_path / "a.csv"
    path.write_text(lines("Date,Symbol,Open,High,Low,Close,VolumeFrom,VolumeTo", rows, newest_first=True))
    bars, _ = read_file(path, symbol="X", timeframe=parse_timeframe("1h"))
    assert (bars.close_time - pd.Timestamp("2019-01-01 01:00").as_unit("ns").value).tolist() == [
        3600 * 10**9 * row for row in range(30)
    ]


def test_one_file_of_klines_may_change_its_unit(tmp_path):
    old, new = (klines(unit, header=True).splitlines() for unit in (10**6, 10**3))
    bars, notes = read(tmp_path / "a.csv", "\n".join(old[:101] + new[101:]))
    assert bars.fingerprint == BARS.fingerprint
    assert notes[1] == "100 rows are in microseconds and 100 in milliseconds"


def test_a_candle_that_is_not_complete_is_left_out(tmp_path):
    bars, notes = read(tmp_path / "a.json", oanda(complete=False))
    assert len(bars) == len(BARS) - 1
    assert notes[1] == "dropped 1 incomplete candles"


def test_days_of_metastock_have_no_time_of_day(tmp_path):
    text = "<TICKER>,<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\nAAPL.US,20240308,1,3,1,2,5\nAAPL.US,20240311,1,3,1,2,5\n"
    bars, notes = read(tmp_path / "a.txt", text, symbol=None, timeframe=parse_timeframe("1d"))
    assert (bars.symbol, np.datetime_as_string(bars.open_time.astype("M8[ns]"), "D").tolist()) == (
        "AAPL",
        ["2024-03-08", "2024-03-11"],
    )
    assert "times without a zone are read as UTC; pass --timezone to change it" in notes


def test_a_file_of_yfinance_holds_one_ticker(tmp_path):
    text = "Price,Close,Close\nTicker,AAPL,MSFT\nDate,,\n2024-03-08,1,2\n"
    with pytest.raises(BadInput, match="column symbol holds 2 symbols, AAPL and MSFT"):
        read(tmp_path / "a.csv", text)


def test_the_published_shapes_of_stooq_and_yfinance_are_read(shared_data):
    for name, timeframe in (("stooq.txt", MINUTE), ("yf_multi.csv", parse_timeframe("1d"))):
        bars, _ = read_file(shared_data / "formats" / name, symbol=None, timeframe=timeframe)
        assert (bars.symbol, len(bars), bars.close[0]) == ("AAPL", 60, 99.63)


def test_whole_prices_of_lean_are_ten_thousandths_unless_it_is_said_otherwise(tmp_path):
    rows = [
        joined(f"{stamp:%Y%m%d %H:%M}", 1_234_500, 1_240_000, 1_230_000, 1_239_900, 50)
        for stamp in pd.date_range("2024-01-10", periods=20)
    ]
    path = tmp_path / "spy.zip"
    path.write_bytes(zipped(lines(None, rows), "spy.csv"))
    day = parse_timeframe("1d")
    assert read_file(path, symbol="SPY", timeframe=day)[0].open[0] == 123.45
    bars, notes = read_file(path, symbol="SPY", timeframe=day, price_scale=1.0)
    assert bars.open[0] == 1_234_500
    assert notes == ("recognised as Lean",)
