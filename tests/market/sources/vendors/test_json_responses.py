"""Responses of exchanges: bars that have not closed, volumes of contracts, markets, and pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.market.sources.shapes import json_shapes as write
from tradesieve.market.bars import COLUMNS, PRICES, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.reading import read_file
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
BARS = SyntheticMarket(n_days=1, timeframe=MINUTE).generate("BTC-USD")[0][:60]


def read(path: Path, content: Any, **options: Any) -> tuple[Bars, tuple[str, ...]]:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_file(path, **({"symbol": None, "timeframe": MINUTE} | options))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "response.json"


def test_the_bar_of_binance_that_closes_after_the_present_is_left_out(path):
    now = int(BARS.close_time[-1]) - 1_000_000_000
    bars, notes = read(path, write.binance(BARS), symbol="BTC-USDT", now=now)
    assert bars.close_time.tolist() == BARS.close_time[:-1].tolist()
    assert any(note.startswith("left out 1 bar not closed at ") for note in notes)


@pytest.mark.parametrize("size", [100, 10])
def test_contracts_of_binance_that_are_settled_in_their_coin_are_stored_in_it(path, size):
    prices = Bars("X", MINUTE, BARS.close_time, *(400 * getattr(BARS, name) for name in PRICES), BARS.volume)
    rows = write.binance(prices)
    for row, price, coins in zip(rows, prices.close.tolist(), BARS.volume.tolist(), strict=True):
        row[5], row[7] = str(round(coins * price / size)), str(coins)
    bars, notes = read(path, rows, symbol="BTCUSD_PERP")
    assert (bars.symbol, bars.volume.tolist()) == ("BTC-USD-PERP.BTC", BARS.volume.tolist())
    assert any("volumes are in contracts of dollars" in note for note in notes)
    for row, price, coins in zip(rows, prices.close.tolist(), BARS.volume.tolist(), strict=True):
        row[5], row[7] = str(coins), str(coins * price)
    bars, notes = read(path, rows, symbol="BTCUSDT")
    assert bars.volume.tolist() == BARS.volume.tolist()
    assert not any("contracts" in note for note in notes)


@pytest.mark.parametrize("response", [write.kraken, write.okx])
def test_the_bar_that_is_under_way_is_left_out_and_counted(path, response):
    bars, notes = read(path, response(BARS), symbol="BTC-USD")
    assert bars.close_time.tolist() == BARS.close_time.tolist()
    assert any(note.startswith("left out 1 bar: not closed by column ") for note in notes)


def test_the_last_row_of_kraken_is_left_out_without_its_word_too(path):
    response = write.kraken(BARS)
    del response["result"]["last"]
    assert len(read(path, response)[0]) == len(BARS)


def test_a_bar_that_was_under_way_on_one_page_is_read_from_the_next(path):
    pages = [write.kraken(BARS[:30]), write.kraken(BARS[30:])]
    bars, notes = read(path, "\n".join(map(json.dumps, pages)))
    assert bars.close.tolist() == BARS.close.tolist()
    assert any(note.startswith("left out 2 bars: not closed") for note in notes)


@pytest.mark.parametrize(
    ("category", "symbol", "stored"),
    [
        ("spot", "BTCUSDT", "BTC-USDT"),
        ("linear", "BTCUSDT", "BTC-USDT-PERP"),
        ("linear", "BTCPERP", "BTC-USDC-PERP"),
        ("inverse", "BTCUSD", "BTC-USD-PERP.BTC"),
        ("inverse", "BTCUSDH24", "BTCUSDH24"),
    ],
)
def test_bybit_says_whether_a_pair_is_spot(path, category, symbol, stored):
    response = write.bybit(BARS, category)
    response["result"]["symbol"] = symbol
    bars, notes = read(path, response)
    assert bars.symbol == stored
    assert bars.volume.tolist() == BARS.volume.tolist()
    assert ("in dollars" in " ".join(notes)) == (category == "inverse")


def test_a_perpetual_of_bybit_is_not_stored_as_spot(path):
    with pytest.raises(BadInput, match="a different market from BTC-USDT: omit --symbol"):
        read(path, write.bybit(BARS, "linear"), symbol="BTCUSDT")
    assert read(path, write.bybit(BARS, "linear"), symbol="BTCUSDT.P")[0].symbol == "BTC-USDT-PERP"


def test_the_symbol_of_bitmex_is_a_perpetual_and_its_volume_in_bitcoin(path):
    bars, notes = read(path, write.bitmex(BARS))
    assert (bars.symbol, bars.volume.tolist()) == ("BTC-USD-PERP.BTC", BARS.volume.tolist())
    assert any("homeNotional, is stored" in note for note in notes)
    rows = [{name: value for name, value in row.items() if name != "homeNotional"} for row in write.bitmex(BARS)]
    bars, notes = read(path, rows)
    assert set(bars.volume) == {100.0}
    assert any("volumes are in contracts, as the file does not hold" in note for note in notes)


def test_volumes_in_contracts_are_said(path):
    bars, notes = read(path, write.okx(BARS, contracts=True), symbol="BTC-USDT-SWAP")
    assert (bars.symbol, bars.volume.tolist()) == ("BTC-USDT-PERP", BARS.volume.tolist())
    assert any("volumes are in contracts: the volume in the base currency is stored" in note for note in notes)
    _, notes = read(path, write.kucoin_futures(BARS), symbol="XBTUSDTM")
    assert any("volumes are in contracts, as the file does not state" in note for note in notes)


def test_candles_of_an_index_have_no_volume(path):
    rows = [[*row[:5], "1"] for row in write.rows_of(BARS, "ohlcv", write.MILLISECOND, text=True)]
    bars, notes = read(path, {"code": "0", "msg": "", "data": rows[::-1]}, symbol="BTC-USD")
    assert (bars.close.tolist(), set(bars.volume)) == (BARS.close.tolist(), {0.0})
    assert any("no column volume" in note for note in notes)


def test_flat_bars_are_the_same_in_any_order_of_prices(path):
    price = np.full(10, 5.0)
    flat = Bars("X", MINUTE, BARS.close_time[:10], price, price, price, price, BARS.volume[:10])
    bars, _ = read(path, write.bitfinex(flat), symbol="X")
    assert (bars.close.tolist(), bars.volume.tolist()) == (flat.close.tolist(), flat.volume.tolist())


def test_pages_that_disagree_are_refused(path):
    first, second = write.polygon(BARS[:30]), write.polygon(BARS[29:])
    second["results"][0]["c"] = second["results"][0]["h"]
    with pytest.raises(ValueError, match="same time as the row before"):
        read(path, [first, second])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"error": ["EQuery:Unknown asset pair"]}, "JSON in an unknown layout"),
        ({"retCode": 10001, "retMsg": "params error", "result": {}}, "JSON in an unknown layout"),
        ({"jsonrpc": "2.0", "result": {"ticks": [1_700_000_000_000], "open": [1.0], "volume": []}}, "no list high"),
        (
            {"result": {name: [1.0] for name in COLUMNS[1:]} | {"ticks": [1.7e12, 1.8e12]}},
            "the lists of a response differ in length: 2 ticks, 1 open",
        ),
        ({"bars": [{"t": "2024-01-01T00:00:00Z", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}, {"t": 1}]}, "it has no o, h"),
        ('{"code":"200000","data":[["1719961200","1","1","1","1","1","1"]]} {', "not valid JSON"),
    ],
)
def test_a_response_without_bars_gets_one_clear_line(tmp_path, content, message):
    path = tmp_path / "response.csv"
    with pytest.raises(BadInput, match=message) as caught:
        read(path, content, symbol="BTC-USD")
    assert "\n" not in str(caught.value)
