"""Plain tables in other words, and the symbols that files tell of themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.sources.formats.layout import Layout, parse_columns
from tradesieve.market.sources.formats.timestamps import READ_AS_UTC, Stamps
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
START = 1_700_000_040  # 2023-11-14T22:14:00Z
HEADER = "time,open,high,low,close,volume"
GERMAN = {"time": "Datum", "open": "Eröffnung", "high": "Hoch", "low": "Tief", "close": "Schluss", "volume": "Stück"}


def read(path: Path, text: str | None = None, *, symbol: str | None = "BTC-USD", **options: object):
    layout_keys = ("columns", "separator", "decimal", "time_format")
    layout = Layout(**{key: options.pop(key) for key in layout_keys if key in options})  # type: ignore[arg-type]
    if text is not None:
        path.write_text(text)
    bars, notes = read_file(path, symbol=symbol, timeframe=MINUTE, layout=layout, **options)  # type: ignore[arg-type]
    return bars, tuple(note for note in notes if "--stamp close" not in note)  # said wherever the default is used


def table(n: int = 20) -> pd.DataFrame:
    random = np.random.default_rng(3)
    close = random.uniform(1000, 9000, n)
    return pd.DataFrame(
        {
            "time": pd.to_datetime(START + 60 * np.arange(n), unit="s", utc=True),
            "open": close + 1,
            "high": close + random.uniform(2, 3, n),
            "low": close - random.uniform(2, 3, n),
            "close": close,
            "volume": random.uniform(0, 9, n),
        }
    )


def same(bars: Bars, other: Bars) -> bool:
    return all(getattr(bars, name).tolist() == getattr(other, name).tolist() for name in COLUMNS)


@pytest.fixture
def plain(tmp_path: Path) -> Bars:
    table().to_parquet(tmp_path / "plain.parquet")
    return read(tmp_path / "plain.parquet")[0]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_of_any_name_give_the_same_bars(tmp_path, plain, suffix):
    path = tmp_path / f"a.{suffix}"
    # What was not named stays out of the way, even where its own name would have been taken.
    named = table().rename(columns=GERMAN).assign(open_time=7, close=0.0, Timestamp="x", Symbol="BTC/USD")
    named.to_csv(path, index=False) if suffix == "csv" else named.to_parquet(path)
    bars, _ = read(path, columns=GERMAN)
    assert same(bars, plain)
    small = {ours: theirs.lower() for ours, theirs in GERMAN.items()}
    assert same(read(path, columns=small)[0], plain), "case does not count"


def test_an_index_may_be_named_too(tmp_path, plain):
    table().rename(columns=GERMAN).set_index("Datum").to_parquet(tmp_path / "a.parquet")
    assert same(read(tmp_path / "a.parquet", columns=GERMAN)[0], plain)


@pytest.mark.parametrize("thousands", ["", ".", " "])
@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas_are_recognised_and_exact(tmp_path, plain, separator, thousands):
    def written(value: float) -> str:
        whole, _, fraction = repr(float(value)).partition(".")
        return f"{int(whole):,}".replace(",", thousands) + f",{fraction}"

    rows = [separator.join(GERMAN.values())]
    for row in table().itertuples(index=False):
        rows.append(separator.join([f"{row[0]:%Y-%m-%d %H:%M}", *map(written, row[1:])]))
    bars, notes = read(tmp_path / "a.csv", "\n".join(rows) + "\n", columns=GERMAN)
    assert same(bars, plain)
    assert notes == ("numbers have a decimal comma", READ_AS_UTC)
    assert same(read(tmp_path / "a.csv", columns=GERMAN, separator=separator, decimal=",")[0], plain)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=20))
def test_a_decimal_comma_loses_no_bit(tmp_path_factory, prices):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    rows = []
    for number, price in enumerate(prices):
        text = repr(price).replace(".", ",")
        rows.append(f"{START + 60 * number};{text};{text};{text};{text};1,0")
    bars, _ = read(path, "\n".join([HEADER.replace(",", ";"), *rows]) + "\n")
    assert bars.close.tolist() == prices
    assert bars.open_time[0] == START * 10**9


def test_a_point_among_decimal_commas_is_no_fraction(tmp_path):
    text = HEADER.replace(",", ";") + f"\n{START};1,5;1,5;1,5;1,5;1\n{START + 60};1,5;1,5;1,5;{{}};1\n"
    with pytest.raises(BadInput, match=r"row 1 has '1\.25' in column close, .* not a number with a decimal comma"):
        read(tmp_path / "a.csv", text.format("1.25"), decimal=",")
    with pytest.raises(BadInput, match=r"row 1 has 'dear' in column close, .* not a number with a decimal comma"):
        read(tmp_path / "a.csv", text.format("dear"), decimal=",")
    # A point that parts thousands does so: 1.250 is twelve hundred and fifty, which its low and high do not allow.
    with pytest.raises(BadData, match=r"has a high below its open or close.*close 1250"):
        read(tmp_path / "a.csv", text.format("1.250"), decimal=",")


def test_quoted_decimal_commas_between_commas_have_to_be_said(tmp_path):
    text = f'{HEADER}\n{START},"2,5","3,5","1,5","2,5","7"\n'
    with pytest.raises(BadInput, match=r"row 0 at .* has '2,5' in column open, which is not a number"):
        read(tmp_path / "a.csv", text)
    assert read(tmp_path / "a.csv", decimal=",")[0].open.tolist() == [2.5]


@pytest.mark.parametrize(
    ("form", "times", "zone"),
    [
        ("%d.%m.%Y %H:%M", ["14.11.2023 22:14", "14.11.2023 22:15"], None),
        ("%m/%d/%Y %I:%M %p", ["11/14/2023 10:14 PM", "11/14/2023 10:15 PM"], None),
        ("%Y%m%d%H%M", ["202311142214", "202311142215"], None),
        ("%d.%m.%Y %H:%M", ["14.11.2023 23:14", "14.11.2023 23:15"], "Europe/Berlin"),
        ("%d.%m.%Y %H:%M %z", ["14.11.2023 23:14 +0100", "14.11.2023 22:15 +0000"], None),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_times_in_a_form_that_is_said(tmp_path, form, times, zone, suffix):
    frame = pd.DataFrame({"when": times, "open": 2.5, "high": 3.0, "low": 1.0, "close": 2.0, "volume": 1})
    path = tmp_path / f"a.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    bars, _ = read(path, columns={"time": "when"}, time_format=form, stamps=Stamps(timezone=zone))
    assert bars.open_time.tolist() == [START * 10**9, (START + 60) * 10**9]
    assert bars.open.tolist() == [2.5, 2.5]


def test_capitals_are_the_files_own_business(tmp_path):
    text = (
        "Date;Open;High;Low;Close;Volume\n14.11.2023 22:14;2,5;3,5;1,5;2,0;1,0\n14.11.2023 22:15;2,5;3,5;1,5;2,0;1,0\n"
    )
    bars, _ = read(tmp_path / "a.csv", text, time_format="%d.%m.%Y %H:%M")
    assert bars.open_time.tolist() == [START * 10**9, (START + 60) * 10**9]
    assert bars.open.tolist() == [2.5, 2.5]


def test_a_time_in_another_form_is_named(tmp_path):
    text = f"{HEADER}\n14.11.2023,1,1,1,1,1\n11/14/2023,1,1,1,1,1\n"
    with pytest.raises(BadInput, match=r"row 1 has '11/14/2023', which does not match the format %d\.%m\.%Y"):
        read(tmp_path / "a.csv", text, time_format="%d.%m.%Y")
    with pytest.raises(BadInput, match=r"the time format '%Q' is not valid"):
        read(tmp_path / "a.csv", text, time_format="%Q")


def test_a_date_and_a_time_of_day_may_stand_apart(tmp_path):
    text = f"Tag;Zeit;{HEADER.replace(',', ';')[5:]}\n14.11.2023;22:14;1;1;1;1;1\n14.11.2023;22:15;1;1;1;1;1\n"
    bars, _ = read(tmp_path / "a.csv", text, columns={"time": "Tag+Zeit"}, time_format="%d.%m.%Y %H:%M")
    assert bars.open_time.tolist() == [START * 10**9, (START + 60) * 10**9]


def test_a_close_time_and_an_absent_volume(tmp_path):
    text = f"ende,open,high,low,close\n{START},1,1,1,1\n"
    bars, _ = read(tmp_path / "a.csv", text, columns={"close_time": "ende", "volume": ""})
    assert (bars.close_time.tolist(), bars.volume.tolist()) == ([START * 10**9], [0.0])


def test_columns_that_are_not_there_are_named_with_those_that_are(tmp_path):
    with pytest.raises(BadInput, match="no column 'Erster' for open; found time, open, high, low, close"):
        read(tmp_path / "a.csv", f"{HEADER}\n{START},1,1,1,1,1\n", columns={"open": "Erster"})
    with pytest.raises(BadInput, match="no column 'Zeit' for time"):
        read(tmp_path / "a.csv", columns={"time": "time+Zeit"})


def test_what_a_layout_can_be():
    assert parse_columns(["time=Datum, open=Erster", "VOLUME="]) == {"time": "Datum", "open": "Erster", "volume": ""}
    assert parse_columns(["time=a,b,open=c"]) == {"time": "a,b", "open": "c"}
    for text, said in (("time", "NAME=COLUMN"), ("=x", "NAME=COLUMN"), ("open=a,open=b", "open twice")):
        with pytest.raises(BadInput, match=said):
            parse_columns([text])
    with pytest.raises(Unknown, match="unknown column 'clse': did you mean 'close'"):
        Layout(columns={"clse": "x"})
    for wrong, said in (
        ({"columns": {"open": ""}}, "only volume and symbol may be absent"),
        ({"columns": {"time": "a", "close_time": "b"}}, "both time and close_time"),
        ({"separator": ":"}, "the separator is"),
        ({"decimal": ";"}, "the decimal sign is"),
    ):
        with pytest.raises(BadInput, match=said):
            Layout(**wrong)
    assert Layout(separator="tab").separator == "\t"


def test_a_layout_that_is_said_overrules_the_vendor(tmp_path):
    rows = [f"2024-01-{day:02},1,1,1,1,2,5" for day in range(10, 30)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["Date,Open,High,Low,Close,Adj Close,Volume", *rows]) + "\n")
    day = parse_timeframe("1d")
    assert read_file(path, symbol="SPY", timeframe=day)[1][0] == "recognised as Yahoo"
    bars, notes = read_file(
        path, symbol="SPY", timeframe=day, layout=Layout(columns={"close": "Adj Close", "high": "Adj Close"})
    )
    assert (bars.close[0], len(notes), notes[0]) == (2.0, 2, READ_AS_UTC)
    assert "times are read as the open of a bar" in notes[1]


# -- the symbol that a file tells --------------------------------------------------------------------------------------


def with_symbol(column: str, value: str) -> str:
    return f"{HEADER},{column}\n{START},1,1,1,1,1,{value}\n"


@pytest.mark.parametrize("column", ["symbol", "Ticker", "product_id", "pair", "instrument"])
def test_a_column_tells_the_symbol(tmp_path, column):
    bars, notes = read(tmp_path / "a.csv", with_symbol(column, "XBT/USD"), symbol=None)
    assert bars.symbol == "BTC-USD"
    assert notes == (f"the symbol is BTC-USD, from column {column.lower()}",)
    assert read(tmp_path / "a.csv", symbol="BTC-USD")[1] == ()
    bars, notes = read(tmp_path / "a.csv", symbol="btcusd")
    assert (bars.symbol, notes) == ("BTC-USD", ("symbol btcusd is stored as BTC-USD",))


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("ETH/USD", "BTC-USD"),
        ("BTC/EUR", "BTC-USD"),
        ("SPY", "QQQ"),
        ("AAPL", "BTC-USD"),
        ("BTC/USDT:USDT", "BTC-USDT"),
        ("BTCUSDT.P", "BTC-USD"),
        ("BTCUSDT", "BTC-USDT-PERP"),
    ],
)
def test_another_market_is_refused_with_both_ways_out(tmp_path, told, asked):
    path = tmp_path / "a.csv"
    with pytest.raises(
        BadInput, match=f"column symbol holds {told}, which is a different market from {asked}: omit --symbol"
    ):
        read(path, with_symbol("symbol", told), symbol=asked)
    bars, notes = read(path, symbol=asked, columns={"symbol": ""})
    assert (bars.symbol, notes) == (asked, ())


@pytest.mark.parametrize(("told", "asked"), [("BTCUSDT", "BTC-USD"), ("6EH4", "6E")])
def test_a_market_that_may_stand_for_it_is_taken_and_said(tmp_path, told, asked):
    bars, notes = read(tmp_path / "a.csv", with_symbol("symbol", told), symbol=asked)
    assert (bars.symbol, notes) == (asked, (f"column symbol holds {told}; stored as {asked}",))


def test_a_column_of_full_names_tells_nothing(tmp_path):
    assert read(tmp_path / "a.csv", with_symbol("name", "Apple Inc."), symbol="AAPL")[1] == ()
    with pytest.raises(BadInput, match="does not name its market: pass --symbol"):
        read(tmp_path / "a.csv", symbol=None)


def test_a_files_name_tells_a_pair(tmp_path):
    text = f"{HEADER}\n{START},1,1,1,1,1\n"
    bars, notes = read(tmp_path / "Bitstamp_ETHUSD_1m.csv", text, symbol=None)
    assert (bars.symbol, notes) == ("ETH-USD", ("the symbol is ETH-USD, from the name of the file",))
    bars, notes = read(tmp_path / "Bitstamp_ETHUSD_1m.csv", symbol="BTC-USD")
    assert notes == ("the name of the file says ETH-USD; stored as BTC-USD",)
    with pytest.raises(BadInput, match="pass --symbol"):
        read(tmp_path / "spy.csv", text, symbol=None)


def test_a_mapped_column_tells_the_symbol(tmp_path):
    bars, _ = read(tmp_path / "a.csv", with_symbol("Wertpapier", "spy"), symbol=None, columns={"symbol": "Wertpapier"})
    assert bars.symbol == "SPY"


def test_vendors_tell_their_symbols(tmp_path):
    price = {"o": "1", "h": "1", "l": "1", "c": "1"}
    candles = {"instrument": "EUR_USD", "candles": [{"time": "2024-01-10T15:00:00Z", "mid": price, "complete": True}]}
    assert read(tmp_path / "candles.json", json.dumps(candles), symbol=None)[0].symbol == "EUR-USD"
    with pytest.raises(BadInput, match="column instrument holds EUR_USD, which is a different market from GBP-USD"):
        read(tmp_path / "candles.json", symbol="GBP-USD")
    assert (
        read(tmp_path / "20240110_spy_minute_trade.csv", "34200000,10000,10000,10000,10000,5\n", symbol=None)[0].symbol
        == "SPY"
    )


def test_real_files_tell_their_symbols(shared_data):
    raw = shared_data / "raw"
    if not raw.is_dir():
        pytest.skip("vendors' own files are absent: there is no folder shared/data/raw beside the repository")
    for path, timeframe, symbol in (
        ("coinbase_cryptodatadownload/Bitstamp_BTCUSD_d.csv", "1d", "BTC-USD"),
        ("histdata/HISTDATA_COM_ASCII_SPXUSD_M12019.zip", "1m", "SPX-USD"),
        ("binance/NEARUSDT-1m-2026-02.csv", "1m", "NEAR-USDT"),
        ("metatrader/EURUSD60.csv", "1h", "EUR-USD"),
    ):
        assert read_file(raw / path, symbol=None, timeframe=parse_timeframe(timeframe))[0].symbol == symbol
