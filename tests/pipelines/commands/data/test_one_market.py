"""Any files of one market give the series of one clean file, or are refused; through `tradesieve data import`."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.storage.bar_store import BarStore
from tradesieve.market.timeframes import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Timeframe, parse_timeframe
from tradesieve.pipelines.commands.data import data

MONDAY = int(pd.Timestamp("2023-03-20").value)
N_BARS = 60

SHIFTS = (0, 0, MILLISECOND, 5 * MILLISECOND, SECOND, 30 * SECOND, MINUTE, 15 * MINUTE, HOUR, DAY)
PIECES = st.tuples(
    st.tuples(st.integers(0, 40), st.integers(10, N_BARS)),
    st.sampled_from(SHIFTS),
    st.sampled_from(["open", "close"]),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.booleans(),
)


def market(timeframe: Timeframe) -> Bars:
    close = 100.0 + np.round(np.random.default_rng(7).normal(size=N_BARS).cumsum() / 10, 2)
    first = np.append(100.0, close[:-1])
    time = MONDAY + timeframe.duration * np.arange(1, N_BARS + 1)
    volume = np.arange(1.0, N_BARS + 1)
    return Bars("X-USD", timeframe, time, first, np.maximum(first, close), np.minimum(first, close), close, volume)


def write_csv(path: Path, bars: Bars, shift: int, stamp: str, zone: str, *, newest_first: bool) -> None:
    time = pd.DatetimeIndex(getattr(bars, f"{stamp}_time") + shift, tz="UTC").tz_convert(ZoneInfo(zone))
    table = pd.DataFrame(
        {"time": time.strftime("%Y-%m-%d %H:%M:%S.%f")} | {name: getattr(bars, name) for name in COLUMNS[1:]}
    )
    (table[::-1] if newest_first else table).to_csv(path, index=False)


def imported(path: Path, timeframe: str, *options: str) -> bool:
    given = [str(path), "--symbol", "X-USD", "--timeframe", timeframe, *options]
    ended = CliRunner().invoke(data, ["import", *given])
    if ended.exit_code:
        assert isinstance(ended.exception, BadData | BadInput), ended.exception
    return ended.exit_code == 0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(timeframe=st.sampled_from(["1m", "15m", "1h", "4h", "1d", "1w"]), pieces=st.tuples(PIECES, PIECES))
def test_two_files_of_one_market_give_the_clean_series_or_a_refusal(tmp_path, monkeypatch, timeframe, pieces):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    parsed, store = parse_timeframe(timeframe), BarStore(tmp_path / "bars")
    store.path("X-USD", parsed).unlink(missing_ok=True)
    whole, kept = market(parsed), np.zeros(N_BARS, np.bool_)
    for (first, n), shift, stamp, zone, newest_first in pieces:
        write_csv(tmp_path / "part.csv", whole[first : first + n], shift, stamp, zone, newest_first=newest_first)
        if imported(tmp_path / "part.csv", timeframe, "--stamp", stamp, "--timezone", zone):
            kept[first : first + n] = True
    if not kept.any():
        return
    stored = store.load("X-USD", parsed)
    steps = np.diff(stored.close_time)
    an_hour_less = (parsed.duration >= DAY) & (steps == parsed.duration - HOUR)
    assert ((steps >= parsed.duration) | an_hour_less).all()
    if all(shift <= MILLISECOND for _, shift, *_ in pieces):
        # Days written in a time zone remember it, so not the fingerprint but every value and every open is the same.
        clean = whole.where(kept)
        for name in (*COLUMNS, "open_time"):
            np.testing.assert_array_equal(getattr(stored, name), getattr(clean, name), err_msg=name)


def write_binance(path: Path, bars: Bars) -> None:
    start, end = bars.open_time // MILLISECOND, bars.close_time // MILLISECOND - 1
    rows = zip(start, *(getattr(bars, name) for name in COLUMNS[1:]), end, strict=True)
    path.write_text("\n".join(",".join(map(str, [*row, 1.0, 1, 1.0, 1.0, 0])) for row in rows))


def write_coinbase(path: Path, bars: Bars) -> None:
    columns = [bars.open_time // SECOND, bars.low, bars.high, bars.open, bars.close, bars.volume]
    rows = [[int(start), *map(float, values)] for start, *values in zip(*columns, strict=True)]
    path.write_text(json.dumps(rows[::-1]))


def write_metatrader(path: Path, bars: Bars) -> None:
    time = pd.DatetimeIndex(bars.open_time, tz="UTC").tz_convert("Europe/Athens")
    names = ("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<TICKVOL>")
    table = pd.DataFrame({"<DATE>": time.strftime("%Y.%m.%d"), "<TIME>": time.strftime("%H:%M:%S")})
    table = table.assign(**{name: getattr(bars, column) for name, column in zip(names, COLUMNS[1:], strict=True)})
    table.assign(**{"<VOL>": 0, "<SPREAD>": 1}).to_csv(path, sep="\t", index=False)


def write_yahoo(path: Path, bars: Bars) -> None:
    time = pd.DatetimeIndex(bars.open_time, tz="UTC")
    whole_days = bars.timeframe.duration == DAY
    table = pd.DataFrame({"Date": time.strftime("%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S+00:00")})
    table = table.assign(**{name.capitalize(): getattr(bars, name) for name in COLUMNS[1:5]})
    table.assign(**{"Adj Close": bars.close, "Volume": bars.volume}).to_csv(path, index=False)


@pytest.mark.parametrize("timeframe", ["1h", "1d"])
def test_four_vendors_stamps_of_one_market_are_the_same_closes_at_the_same_times(tmp_path, monkeypatch, timeframe):
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    bars = market(parse_timeframe(timeframe))[:24]
    writers = {
        write_binance: (),
        write_coinbase: (),
        write_metatrader: ("--timezone", "Europe/Athens"),
        write_yahoo: (),
    }
    for write, options in writers.items():
        path = tmp_path / ("candles.json" if write is write_coinbase else "bars.csv")
        write(path, bars)
        assert imported(path, timeframe, *options, "--replace"), write.__name__
        stored = BarStore(tmp_path / "bars").load("X-USD", bars.timeframe)
        assert stored.fingerprint == bars.fingerprint, write.__name__
