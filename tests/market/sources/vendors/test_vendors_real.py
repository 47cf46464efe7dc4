"""Files as the vendors wrote them, against the same bars from another place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.sources.formats.archives import read_head
from tradesieve.market.sources.formats.layout import Layout
from tradesieve.market.sources.formats.timestamps import READ_AS_UTC, Stamps
from tradesieve.market.sources.reading import VENDORS, read_file
from tradesieve.market.timeframes import parse_timeframe

HOUR = 3_600_000_000_000
ANY_MARKET = Layout(columns={"symbol": ""})
NINJATRADER = "ninjatrader/nt-spy-minute-2011.csv"
HISTDATA = "histdata/HISTDATA_COM_ASCII_SPXUSD_M12019.zip"


@pytest.fixture(scope="module")
def raw(shared_data: Path) -> Path:
    """The folder of files as vendors wrote them; tests that need it are skipped without it."""
    if not (shared_data / "raw").is_dir():
        pytest.skip("vendors' own files are absent: there is no folder shared/data/raw beside the repository")
    return shared_data / "raw"


def read(path: Path, timeframe: str, **options: object) -> tuple[Bars, tuple[str, ...]]:
    return read_file(path, symbol="X", timeframe=parse_timeframe(timeframe), layout=ANY_MARKET, **options)  # type: ignore[arg-type]


def shared_rows(bars: Bars, other: Bars, *, lag: int = 0) -> tuple[np.ndarray, np.ndarray]:
    _, mine, theirs = np.intersect1d(bars.close_time + lag, other.close_time, return_indices=True)
    return mine, theirs


def distance(bars: Bars, other: Bars, *, lag: int = 0, column: str = "close") -> float:
    """Median distance in basis points, with the bars moved by a lag."""
    mine, theirs = shared_rows(bars, other, lag=lag)
    return float(np.median(np.abs(getattr(bars, column)[mine] / getattr(other, column)[theirs] - 1))) * 1e4


@pytest.mark.parametrize(
    ("file", "converted", "timeframe", "n_rows", "notes"),
    [
        (
            "coinbase_cryptodatadownload/Bitstamp_BTCUSD_d.csv",
            "crypto_1d/bitstamp_BTCUSD_1d.parquet",
            "1d",
            2823,
            ["CryptoDataDownload", "a URL", "newest row", "volumes of 1180 rows were swapped"],
        ),
        (
            "coinbase_cryptodatadownload/coinbase-1d-btc-usd.csv",
            "crypto_1d/coinbase_BTCUSD_1d.parquet",
            "1d",
            1665,
            ["CryptoDataDownload", "reversed"],
        ),
        (
            "coinbase_cryptodatadownload/coinbase-1h-btc-usd.csv",
            "crypto_1h/coinbase_BTCUSD_1h.parquet",
            "1h",
            17583,
            ["CryptoDataDownload", "newest row came first, and rows were out of order"],
        ),
        (
            "binance/NEARUSDT-1m-2026-02.csv",
            "crypto_1m/binanceum_NEARUSDT_1m.parquet",
            "1m",
            40320,
            ["Binance klines"],
        ),
        (
            HISTDATA,
            "forex_1m/histdata_SPXUSD_1m.parquet",
            "1m",
            308298,
            ["HistData", "dropped 56 rows", "time zone of 2019 is Europe/Paris less 6 hours", "no row has a volume"],
        ),
        ("backtrader/nvda-1999-2014.txt", "equity_1d/bt_NVDA_1d.parquet", "1d", 4012, ["Yahoo", "Adj Close"]),
        ("lean/equity/usa/daily/aapl.zip", "equity_1d/lean_AAPL_1d.parquet", "1d", 5849, ["Lean", "ten-thousandths"]),
        ("lean/equity/usa/daily/goog.zip", "equity_1d/lean_GOOG_1d.parquet", "1d", 4183, ["Lean", "ten-thousandths"]),
        ("lean/equity/usa/daily/spy.zip", "equity_1d/lean_SPY_1d.parquet", "1d", 5849, ["Lean", "ten-thousandths"]),
    ],
    ids=lambda value: Path(value).name if isinstance(value, str) and "/" in value else "",
)
def test_every_value_is_that_of_the_converted_file(raw, shared_data, file, converted, timeframe, n_rows, notes):
    bars, said = read(raw / file, timeframe)
    whole, nothing = read(shared_data / "dev" / converted, timeframe)
    assert [note for note in nothing if "--stamp close" not in note and "no row has a volume" not in note] == []
    span = whole.between(int(bars.close_time[0]) - 1, int(bars.close_time[-1]))
    assert len(bars) == len(span) == n_rows
    for name in COLUMNS:
        assert getattr(bars, name).tolist() == getattr(span, name).tolist(), name
    said = tuple(note for note in said if note != READ_AS_UTC)
    assert len(said) == len(notes)
    assert all(part in sentence for part, sentence in zip(notes, said, strict=True)), said


def test_no_file_is_recognised_by_two_vendors(raw):
    for path in sorted(path for path in raw.rglob("*") if path.is_file()):
        if "option" in path.parts and path.suffix == ".zip":
            continue  # a file a contract: refused before anybody is asked
        head, name = read_head(path)
        found = [vendor.name for vendor in VENDORS if vendor.recognises(head, name)]
        assert len(found) <= 1, path
        if path.parts[len(raw.parts)] in ("quandl", "google_finance", "bitcoincharts", "options_cboe"):
            assert not found, path


def test_a_content_is_recognised_whatever_the_file_is_called(raw, tmp_path):
    expected = read(raw / NINJATRADER, "1m")
    (tmp_path / "bars.xyz").write_bytes((raw / NINJATRADER).read_bytes())
    (tmp_path / "bars.gz").write_bytes(gzip.compress((raw / NINJATRADER).read_bytes(), 1))
    for name in ("bars.xyz", "bars.gz"):
        bars, notes = read(tmp_path / name, "1m")
        assert (bars.fingerprint, notes) == (expected[0].fingerprint, expected[1])


@pytest.mark.parametrize("kind", ["histdata", "ninjatrader", "alphavantage", "metatrader"])
def test_the_clock_is_that_of_another_source(raw, shared_data, kind):
    dev = shared_data / "dev"
    if kind == "metatrader":
        bars, _ = read(raw / "metatrader" / "EURUSD60.csv", "1h")
        other = resample(read(dev / "forex_1m" / "histdata_EURUSD_1m.parquet", "1m")[0], parse_timeframe("1h"))
    else:
        files = {"histdata": HISTDATA, "ninjatrader": NINJATRADER, "alphavantage": "alphavantage_alpaca/SPY_1min.csv"}
        bars = resample(read(raw / files[kind], "1m")[0], parse_timeframe("1h"))
        other, _ = read(dev / "equity_1h" / "lean_SPY_1h.parquet", "1h")
    n_shared = len(shared_rows(bars, other)[0])
    # The index is not its fund: only their moves can be laid side by side.
    if kind == "histdata":
        moves = {}
        for lag in (-1, 0, 1):
            mine, theirs = shared_rows(bars, other, lag=lag * HOUR)
            moves[lag] = float(
                np.corrcoef(np.diff(np.log(bars.close[mine])), np.diff(np.log(other.close[theirs])))[0, 1]
            )
        assert moves[0] > 0.95 > 0.6 > max(moves[-1], moves[1])
        return
    assert n_shared >= 35
    assert distance(bars, other) < 0.4
    assert min(distance(bars, other, lag=-HOUR), distance(bars, other, lag=HOUR)) > 2


@pytest.mark.parametrize(
    ("file", "n_rows"), [("yahoo/spy-2011-yahoofinance.csv", 252), ("alphavantage_alpaca/SPY_daily.csv", 283)]
)
def test_newest_first_days_are_those_of_another_source(raw, shared_data, file, n_rows):
    bars, notes = read(raw / file, "1d")
    other, _ = read(shared_data / "dev" / "equity_1d" / "lean_SPY_1d.parquet", "1d")
    mine, theirs = shared_rows(bars, other)
    assert len(bars) == len(mine) == n_rows
    assert float(np.max(np.abs(bars.close[mine] / other.close[theirs] - 1))) < 0.0025
    assert any("newest row came first: reversed" in note for note in notes)


def test_lean_minutes_add_up_to_its_hours_and_days(raw, shared_data):
    hours, _ = read(shared_data / "dev" / "forex_1h" / "oanda_EURUSD_1h.parquet", "1h")
    days, notes = read(raw / "lean/forex/oanda/daily/eurusd.zip", "1d")
    assert "prices are bids" in notes[1]
    other = resample(hours, parse_timeframe("1d"))
    mine, theirs = shared_rows(days, other)
    assert len(mine) == 3737
    for name in ("open", "high", "low", "close"):
        assert getattr(days, name)[mine].tolist() == getattr(other, name)[theirs].tolist()

    minutes, _ = read(raw / "lean/forex/oanda/minute/eurusd/20140501_quote.zip", "1m")
    summed = resample(minutes, parse_timeframe("1h"))
    mine, theirs = shared_rows(summed, hours)
    assert len(mine) == 24
    assert summed.close[mine].tolist() == hours.close[theirs].tolist()

    shares, notes = read(raw / "lean/equity/usa/minute/spy/20131007_trade.zip", "1m")
    assert "New York" in notes[-1]
    summed = resample(shares, parse_timeframe("1h"))
    other, _ = read(shared_data / "dev" / "equity_1h" / "lean_SPY_1h.parquet", "1h")
    mine, theirs = shared_rows(summed, other)
    assert len(mine) == 7
    assert summed.close[mine].tolist() == other.close[theirs].tolist()

    crypto, notes = read(raw / "lean/crypto/coinbase/minute/btcusd/20180404_trade.zip", "1m")
    assert notes == ("recognised as Lean",)
    other, _ = read(shared_data / "dev" / "crypto_1h" / "coinbase_BTCUSD_1h.parquet", "1h")
    assert distance(resample(crypto, parse_timeframe("1h")), other) < 1.0


def test_points_are_prices_of_a_cross_rate(raw, shared_data):
    path = raw / "metatrader" / "ejtrader_AUDJPYh4.csv"
    with pytest.raises(BadInput, match=r"prices are in points, .* pass --price-scale"):
        read(path, "4h")
    bars, notes = read(path, "4h", price_scale=1000)
    assert [len(bars), len(notes)] == [14400, 3]
    legs = [
        read(shared_data / "dev" / "forex_1h" / f"ejtrader_{pair}_1h.parquet", "1h")[0] for pair in ("AUDUSD", "USDJPY")
    ]
    _, one, two = np.intersect1d(legs[0].close_time, legs[1].close_time, return_indices=True)
    cross = pd.Series(legs[0].close[one] * legs[1].close[two], index=legs[0].close_time[one])
    near = {
        lag: np.nanmedian(np.abs(bars.close / cross.reindex(bars.close_time + lag * HOUR).to_numpy() - 1)) * 1e4
        for lag in (-1, 0, 1)
    }
    assert near[0] < 1.0 < 3.0 < min(near[-1], near[1])
    # Whole points: the noise of the products that wrote the file is gone.
    assert np.array_equal(np.rint(bars.close * 1000) / 1000, bars.close)


def test_a_day_in_points_ends_when_it_ends_elsewhere(raw, shared_data):
    days, _ = read(raw / "metatrader" / "ejtrader_EURUSDd1.csv", "1d", price_scale=100_000)
    hours, _ = read(shared_data / "dev" / "forex_1h" / "oanda_EURUSD_1h.parquet", "1h")
    near = {}
    for lag in range(-3, 4):
        end = days.close_time + lag * HOUR
        row = np.searchsorted(hours.close_time, end, side="right") - 1
        fresh = end - hours.close_time[row] < 3 * HOUR
        assert fresh.sum() > 1000
        near[lag] = float(np.median(np.abs(days.close / hours.close[row] - 1)[fresh])) * 1e4
    assert min(near, key=lambda lag: near[lag]) == 0
    assert near[0] < 1.1 < 2.0 < min(near[-2], near[2])


def test_feather_and_json_of_one_market_are_the_same_bars(raw):
    folder = raw / "freqtrade"
    feather, _ = read(folder / "UNITTEST_BTC-1m.feather", "1m")
    assert len(feather) == 13681
    json, _ = read(folder / "UNITTEST_BTC-1m.json", "1m")
    assert json.close_time.tolist() == feather.close_time.tolist()
    for name in COLUMNS[1:]:
        # The Feather file was made by a reader of JSON that rounds the last bit.
        np.testing.assert_allclose(getattr(json, name), getattr(feather, name), rtol=1e-15)
    assert read(folder / "UNITTEST_BTC-8m.json.gz", "1m")[0].fingerprint == json.fingerprint
    with pytest.raises(BadInput, match="no column open"):
        read(folder / "XRP_ETH-trades.feather", "1m")
    mark, notes = read(folder / "futures" / "XRP_USDT_USDT-1h-mark.feather", "1h")
    assert not mark.volume.any()
    assert notes[-1].startswith(f"{len(mark):,} rows without a volume, stored as 0: ")


@pytest.mark.parametrize(
    ("file", "n_rows"),
    [
        ("BTCUSD_13-04-10_16-00-00.json", 76),
        ("LTCUSD_1m_2013_merged.csv", 18645),
        ("BTCUSD_1m_2013_merged.csv.gz", 148055),
    ],
)
def test_bitfinex_prices_stand_in_their_own_order(raw, file, n_rows):
    bars, notes = read(raw / "bitfinex" / file, "1m")
    assert len(bars) == n_rows
    assert "order open, close, high, low" in notes[1]


def test_stamps_at_the_end_of_a_bar_are_its_close(raw):
    bars, notes = read(raw / "backtrader" / "2006-min-005.txt", "5m", stamps=Stamps(timezone="Europe/Berlin"))
    no_volume = "no row has a volume, so factors of volume are refused"
    assert notes == ("recognised as backtrader", "stamps are closes", no_volume)
    first = pd.Timestamp("2006-01-02 09:05", tz="Europe/Berlin")
    assert [len(bars), bars.close_time[0]] == [2142, first.as_unit("ns").value]
    bars, _ = read(raw / "nautilus" / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz", "1m")
    # The market rests from 22:00 to 23:00 UTC: no bar may close in that hour but at its very beginning.
    minute = bars.close_time // 60_000_000_000 % 1440
    assert len(bars) == 29996
    assert not ((minute > 22 * 60) & (minute <= 23 * 60)).any()
    assert (minute == 22 * 60).any()
    assert (minute == 23 * 60 + 1).any()


def test_what_the_terminal_loaded_twice_is_dropped(raw):
    bars, notes = read(raw / "metatrader" / "EURUSD_M5_quoted_tabs.csv", "5m")
    assert len(bars) == 49802
    assert "dropped 198 rows" in notes[1]
    assert "pass --timezone" in notes[-1]
    hours, notes = read(raw / "metatrader" / "EURUSD60.csv", "1h")
    assert not (hours.close_time % HOUR).any()
    assert "450 rows are stamped with their first tick" in notes[1]


def test_generic_files_are_refused_as_before(raw):
    assert read(raw / "quandl" / "WIKI-AAPL-2011-quandl.csv", "1d")[1][-1] == "the newest row came first: reversed"
    with pytest.raises(BadInput, match="column ticker holds 5 symbols, AAPL and FB and more"):
        read(raw / "pypi" / "bokeh_wiki_stocks.csv.gz", "1d")
    with pytest.raises(BadInput, match="the zip holds 184 files"):
        read(raw / "lean/option/usa/daily/twx_2014_quote_american.zip", "1d")
