"""Fetching from exchanges: a real HTTP server on this machine answers as Binance and Coinbase do, well and badly."""

from __future__ import annotations

import datetime
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.errors import BadData, BadInput, Transient, Unknown
from tradesieve.market.sources.exchanges.ccxt_client import ExchangeMarket, open_market
from tradesieve.market.sources.exchanges.download import FetchResult, fetch_bars
from tradesieve.market.sources.exchanges.retries import RetryPolicy
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import parse_timeframe

MINUTE = parse_timeframe("1m")
MS = 1_000_000


def silent(done: int, total: int, detail: str) -> None:
    """Say nothing."""


class Sleeper:
    """Remembers for how long it was to sleep, and sleeps for hardly anything."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "bars")


def opened(server: Any, sleeper: Sleeper, *, vendor: str = "binance", **options: Any) -> ExchangeMarket:
    usual = {"binance": {"symbol": "BTC-USDT"}, "coinbaseexchange": {"symbol": "BTC-USD"}}[vendor]
    policy = RetryPolicy(timeout=options.pop("timeout", 5.0), tries=options.pop("tries", 8), sleep=sleeper)
    options = {"timeframe": MINUTE, "url": server.url, "retry_policy": policy, **usual} | options
    market = open_market(vendor, **options)
    market._client.rateLimit = 1  # the pace of a real exchange would be a minute of waiting here
    return market


def fetch(
    market: ExchangeMarket, store: BarStore, start: int | None, end: int | None = None, report: Any = silent
) -> FetchResult:
    times = [None if at is None else at * MS for at in (start, end)]
    return fetch_bars(market, store, start=times[0], end=times[1], report=report)


def check(store: BarStore, server: Any, start: int, stop: int, *, symbol: str = "BTC-USDT") -> Bars:
    """Hold what is stored against what the server has, bit for bit."""
    bars = store.load(symbol, MINUTE)
    there = {at: row for at, row in server.candles.items() if start <= at < stop}
    assert (bars.open_time // MS).tolist() == sorted(there)
    expected = np.array([[float(text) for text in there[at]] for at in sorted(there)])
    for place, name in enumerate(COLUMNS[1:]):
        assert getattr(bars, name).tolist() == expected[:, place].tolist(), name
    return bars


@pytest.mark.parametrize(("vendor", "symbol"), [("binance", "BTC-USDT"), ("coinbaseexchange", "BTC-USD")])
def test_every_bar_comes_bit_for_bit_over_many_pages_and_an_empty_stretch(exchange, sleeper, store, vendor, symbol):
    server = exchange(n=4000, empty=(1200, 2900))
    told: list[tuple[int, int, str]] = []
    market = opened(server, sleeper, vendor=vendor)
    assert market.page_size == {"binance": 1000, "coinbaseexchange": 300}[vendor]
    fetched = fetch(market, store, server.start, report=lambda *said: told.append(said))
    bars = check(store, server, server.start, server.now // 60_000 * 60_000, symbol=symbol)
    assert (fetched.n_new, fetched.notes) == (len(bars), ())
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (4000, 4000)
    assert "1m 2023-11-" in told[-1][2]
    assert sleeper.slept == []


@pytest.mark.parametrize("vendor", ["binance", "coinbaseexchange"])
def test_the_bar_that_is_not_complete_is_not_stored(exchange, sleeper, store, vendor):
    server = exchange(n=50)
    server.now = server.start + 40 * 60_000 + 59_999
    assert max(server.candles) > server.now
    symbol = "BTC-USDT" if vendor == "binance" else "BTC-USD"
    fetch(opened(server, sleeper, vendor=vendor), store, server.start)
    check(store, server, server.start, server.start + 40 * 60_000, symbol=symbol)
    server.now += 1
    assert fetch(opened(server, sleeper, vendor=vendor), store, None).n_new == 1


def test_a_server_whose_clock_is_ahead_does_not_make_a_bar_complete(exchange, sleeper, store):
    now = int(time.time() * 1000) // 60_000 * 60_000
    server = exchange(n=30, start=now - 20 * 60_000)
    server.now = now + 3_600_000
    fetch(opened(server, sleeper), store, server.start)
    assert store.span("BTC-USDT", MINUTE)[1] <= time.time_ns()


@pytest.mark.parametrize("vendor", ["binance", "coinbaseexchange"])
def test_ragged_pages_leave_nothing_out(exchange, sleeper, store, vendor):
    server = exchange(n=2500)
    server.ragged = np.random.default_rng(4)
    fetch(opened(server, sleeper, vendor=vendor), store, server.start)
    check(store, server, server.start, server.now, symbol="BTC-USDT" if vendor == "binance" else "BTC-USD")


FAULTS = ["429", "500", "503", "418", "cut", "drop", "html", "slow"]


@pytest.mark.parametrize("vendor", ["binance", "coinbaseexchange"])
def test_what_a_retry_can_cure_is_tried_again(exchange, sleeper, store, vendor):
    server = exchange(n=2500)
    faults = [fault for fault in FAULTS if vendor == "binance" or fault != "418"]
    market = opened(server, sleeper, vendor=vendor, timeout=0.5)
    server.faults = [fault for first in faults for fault in (first, None)]
    fetch(market, store, server.start)
    check(store, server, server.start, server.now, symbol="BTC-USDT" if vendor == "binance" else "BTC-USD")
    assert len(sleeper.slept) >= min(len(faults), server.n_candle_requests // 2) - 1
    assert set(sleeper.slept) <= {0.5, 7.0}, "a success begins anew, and the server asked for seven seconds once"
    assert 7.0 in sleeper.slept


def test_waits_grow_and_end(exchange, sleeper, store):
    server = exchange(n=2500)
    market = opened(server, sleeper)
    server.faults = [None, *["500"] * 100]
    with pytest.raises(Transient, match=r"binance does not answer, tried 8 times: .*500.*continues from there"):
        fetch(market, store, server.start)
    assert sleeper.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    check(store, server, server.start, server.start + 1000 * 60_000)
    server.faults = []
    assert fetch(market, store, server.start).n_new == 1500
    check(store, server, server.start, server.now)


def test_a_refusal_is_not_tried_again(exchange, sleeper, store):
    server = exchange(n=100)
    market = opened(server, sleeper)
    for fault, said in (("451", "451"), ("400", "Illegal characters")):
        server.faults = [fault]
        with pytest.raises(BadInput, match=f"binance refuses: .*{said}"):
            fetch(market, store, server.start)
    assert sleeper.slept == []
    assert store.list() == []


def test_a_server_that_is_not_there_is_one_line(sleeper):
    class Nowhere:
        url = "http://127.0.0.1:1"

    with pytest.raises(Transient, match="binance does not answer, tried 3 times: NetworkError") as caught:
        opened(Nowhere, sleeper, tries=3)
    assert "\n" not in str(caught.value)
    assert sleeper.slept == [0.5, 1.0]


def test_it_goes_on_from_what_is_stored_and_asks_no_more(exchange, sleeper, store):
    server = exchange(n=3000)
    market = opened(server, sleeper)
    middle = server.start + 1500 * 60_000
    assert fetch(market, store, server.start, middle).n_new == 1500
    check(store, server, server.start, middle)
    server.asked.clear()
    assert fetch(market, store, server.start).n_new == 1500
    overlap = market.page_size // 10 * 60_000
    assert min(since for since in server.asked) == middle - overlap, "the last stored bars are looked at again"
    check(store, server, server.start, server.now)
    server.asked.clear()
    assert fetch(market, store, None).n_new == 0
    assert server.asked == []


@pytest.mark.parametrize("vendor", ["binance", "coinbaseexchange"])
@pytest.mark.parametrize("empty", [None, (300, 900)])
def test_an_earlier_start_is_fetched_backwards_and_survives_a_failure(exchange, sleeper, store, vendor, empty):
    server = exchange(n=3000, empty=empty)
    symbol = "BTC-USDT" if vendor == "binance" else "BTC-USD"
    late = server.start + 2500 * 60_000
    market = opened(server, sleeper, vendor=vendor, tries=1)
    fetch(market, store, late)
    server.faults = [None, "500"]
    with pytest.raises(Transient):
        fetch(market, store, server.start)
    first = int(store.load(symbol, MINUTE).open_time[0]) // MS
    assert server.start < first < late
    check(store, server, first, server.now, symbol=symbol)
    server.faults = []
    fetch(market, store, server.start)
    check(store, server, server.start, server.now, symbol=symbol)


def test_no_hole_is_left_before_a_later_start_or_after_an_earlier_end(exchange, sleeper, store):
    server = exchange(n=3000)
    market = opened(server, sleeper)
    at = [server.start + row * 60_000 for row in (1000, 1200, 2000, 2200, 500, 700)]
    fetch(market, store, at[0], at[1])
    fetched = fetch(market, store, at[2], at[3])
    assert "where the stored bars end, to leave no gap" in fetched.notes[0]
    check(store, server, at[0], at[3])
    fetched = fetch(market, store, at[4], at[5])
    assert "where the stored bars begin, to leave no gap" in fetched.notes[0]
    check(store, server, at[4], at[3])


def test_gaps_in_the_middle_are_filled_when_the_stretch_is_asked_for_again(exchange, sleeper, store):
    server = exchange(n=3000)
    market = opened(server, sleeper)
    fetch(market, store, server.start)
    every = store.load("BTC-USDT", MINUTE)
    gone = np.isin(np.arange(3000), [*range(40, 45), *range(900, 1400), 2500])
    for row in np.flatnonzero(gone):
        store.remove("BTC-USDT", MINUTE, int(every.open_time[row]), int(every.close_time[row]))
    assert fetch(market, store, None).n_new == 0, "without a start, a download continues from the end"
    late = server.start + 1000 * 60_000
    assert fetch(market, store, late).n_new == 401, "the gaps from the start on"
    server.asked.clear()
    fetched = fetch(market, store, server.start)
    assert (fetched.n_new, fetched.notes) == (105, ())
    assert len(server.asked) <= 2, "near gaps are requested together"
    check(store, server, server.start, server.now)
    server.asked.clear()
    fetch(market, store, server.start)
    assert server.asked == []


def test_what_the_exchange_corrects_later_is_said_and_the_stored_values_stay(exchange, sleeper, store):
    server = exchange(n=3000)
    market = opened(server, sleeper)
    fetch(market, store, server.start, server.start + 2000 * 60_000)
    before = store.load("BTC-USDT", MINUTE)
    rows = [1900, 1950, 1999]
    for row in rows:
        at = server.start + row * 60_000
        *prices, volume = server.candles[at]
        server.candles[at] = (*prices, repr(float(volume) + 1.0))
    fetched = fetch(market, store, None)
    assert fetched.n_new == 1000
    (note,) = fetched.notes
    first = format_time(int(before.close_time[1900]))
    assert note.startswith(f"binance gives other values for 3 stored bars now: {first} volume ")
    old = before.volume[1900]
    assert f"volume {old:.10g} -> {old + 1:.10g}; " in note
    after = store.load("BTC-USDT", MINUTE)
    assert after[:2000].fingerprint == before.fingerprint, "never mixed"
    remove = f"data remove --symbol BTC-USDT --timeframe 1m --from {format_time(int(before.open_time[1900]))} --to "
    assert f"{remove}{format_time(int(before.close_time[1999]))}" in note
    store.remove("BTC-USDT", MINUTE, int(before.open_time[1900]), int(before.close_time[1999]))
    assert fetch(market, store, server.start).notes == ()
    check(store, server, server.start, server.now)


def test_bars_that_were_repaired_are_held_against_what_the_exchange_gave(exchange, sleeper, store):
    server = exchange(n=300)
    market = opened(server, sleeper)
    fetch(market, store, server.start, server.start + 200 * 60_000)
    kept = store.load("BTC-USDT", MINUTE)
    store.repair(
        "BTC-USDT", MINUTE, lambda bars: (replace(bars, volume=bars.volume * 2), [{"fix": "x", "changes": []}])
    )
    assert fetch(market, store, None).notes == ()
    assert store.before_repairs("BTC-USDT", MINUTE)[:200].fingerprint == kept.fingerprint


def test_a_market_that_is_younger_than_asked_is_said(exchange, sleeper, store):
    server = exchange(n=100)
    market = opened(server, sleeper)
    fetched = fetch(market, store, server.start - 5_000_000_000)
    (note,) = fetched.notes
    assert note.startswith("binance has nothing before 2023-11-14T22:14:00Z: the market is younger")
    server.asked.clear()
    assert fetch(market, store, server.start - 5_000_000_000).n_new == 0
    assert len(server.asked) <= 3, "an exchange that passes over empty stretches is not asked for each of them"


def test_a_batch_grows_with_the_store_and_what_waited_is_stored_at_an_end(exchange, sleeper, store, monkeypatch):
    server = exchange(n=3000)
    market = opened(server, sleeper, tries=1)
    object.__setattr__(market, "page_size", 10)
    kept: list[int] = []
    append = BarStore.append
    monkeypatch.setattr(BarStore, "append", lambda *given: kept.append(len(given[1])) or append(*given))
    server.faults = [None] * 250 + ["500"]
    with pytest.raises(Transient):
        fetch(market, store, server.start)
    assert kept[:40] == [10] * 40
    assert max(kept) > 30
    assert len(kept) < 150
    assert sum(kept) == 2500
    check(store, server, server.start, server.start + 2500 * 60_000)


def test_a_candle_that_breaks_a_law_is_named(exchange, sleeper, store):
    server = exchange(n=100)
    at = server.start + 7 * 60_000
    server.candles[at] = ("2", "1", "1", "1", "1")
    with pytest.raises(BadData, match=r"BTC-USDT: row 7 at 2023-11-14T22:22:00Z has a high below"):
        fetch(opened(server, sleeper), store, server.start)
    assert store.list() == []


def test_the_market_is_found_or_named(exchange, sleeper):
    server = exchange(n=10)
    assert opened(server, sleeper, symbol="btcusdt").name == "BTC/USDT"
    assert opened(server, sleeper, symbol="btcusdt").symbol == "BTC-USDT"
    market = opened(server, sleeper, symbol="BTC-USD", market="BTC/USDT")
    assert (market.name, market.symbol) == ("BTC/USDT", "BTC-USD")
    assert opened(server, sleeper, symbol=None, market="ETH/BTC").symbol == "ETH-BTC"
    perpetual = opened(server, sleeper, symbol="BTC-USDT-PERP")
    assert perpetual.name == "BTC/USDT:USDT"
    with pytest.raises(BadInput, match=r"no market BTC-USD; similar ones: BTC/USDT, BTC/USDC.*--market BTC/USDT"):
        opened(server, sleeper, symbol="BTC-USD")
    with pytest.raises(Unknown, match="unknown market of binance 'ETHER-BTC': did you mean 'ETH-BTC'"):
        opened(server, sleeper, symbol="ETHER-BTC")
    with pytest.raises(Unknown, match="unknown market of binance 'BTC/USDX': did you mean 'BTC/USD"):
        opened(server, sleeper, market="BTC/USDX")
    with pytest.raises(BadInput, match="ETH/BTC is a different market from BTC-USD; omit --symbol"):
        opened(server, sleeper, symbol="BTC-USD", market="ETH/BTC")
    with pytest.raises(BadInput, match="choose a market with --symbol"):
        opened(server, sleeper, symbol=None)


def test_exchanges_timeframes_and_addresses_are_checked(exchange, sleeper):
    server = exchange(n=10)
    with pytest.raises(Unknown, match="unknown exchange 'binanc': did you mean 'binance'"):
        open_market("binanc", symbol="BTC-USD", timeframe=MINUTE)
    with pytest.raises(BadInput, match="coinbaseexchange has no bars of 3m; it has 1m, 5m, 15m, 1h, 6h, 1d; fetch 1m,"):
        opened(server, sleeper, vendor="coinbaseexchange", timeframe=parse_timeframe("3m"))
    with pytest.raises(BadInput, match=r"has no bars of 30s; it has 1m, 5m, 15m, 1h, 6h, 1d$"):
        opened(server, sleeper, vendor="coinbaseexchange", timeframe=parse_timeframe("30s"))
    assert opened(server, sleeper, timeframe=parse_timeframe("60m"))._interval == "1h"
    for timeframe in ("1w", "1M"):
        with pytest.raises(BadInput, match=rf"weeks and months are not fetched; fetch 1d, .* resample to {timeframe}"):
            opened(server, sleeper, timeframe=parse_timeframe(timeframe))
    for url in ("localhost:80", "ftp://x", ""):
        with pytest.raises(BadInput, match="--url is"):
            open_market("binance", symbol="BTC-USD", timeframe=MINUTE, url=url)
    with pytest.raises(BadInput, match="tried at least once"):
        RetryPolicy(tries=0)


def test_a_start_is_needed_once_and_lies_before_the_end(exchange, sleeper, store):
    server = exchange(n=10)
    market = opened(server, sleeper)
    with pytest.raises(BadInput, match="no bars are stored to continue from: pass --from"):
        fetch(market, store, None)
    with pytest.raises(BadInput, match="no bar of 1m closes between 2023-11-14T23:"):
        fetch(market, store, server.now + 3_600_000)
    with pytest.raises(BadInput, match="no bar of 1m closes between"):
        fetch(market, store, server.start + 30_000, server.start + 89_000)


def test_a_start_off_the_grid_begins_with_the_next_bar(exchange, sleeper, store):
    server = exchange(n=10)
    fetch(opened(server, sleeper), store, server.start + 30_000, server.start + 200_000)
    check(store, server, server.start + 60_000, server.start + 180_000)


def test_the_servers_data_are_what_they_are_said_to_be(exchange):
    server = exchange(n=10)
    stamp = datetime.datetime.fromtimestamp(server.start / 1000, datetime.UTC)
    assert (f"{stamp:%Y-%m-%dT%H:%M}", len(server.candles)) == ("2023-11-14T22:14", 12)
