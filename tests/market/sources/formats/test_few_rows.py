"""Few rows are held against the timeframe too: refused where gaps cannot explain their steps, else it is said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.errors import WrongTimeframe
from tradesieve.market.sources.formats.few_rows import longer_timeframe
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import DAY, HOUR, MINUTE, parse_timeframe

START = int(pd.Timestamp("2024-01-05").value)  # a Friday


def read(folder, time, timeframe):
    columns = {"open": 2.0, "high": 3.0, "low": 1.0, "close": 2.0, "volume": 1.0}
    pd.DataFrame({"time": time, **columns}).to_parquet(folder / "a.parquet")
    return read_file(folder / "a.parquet", symbol="X", timeframe=parse_timeframe(timeframe))


@pytest.mark.parametrize(
    ("days", "timeframe", "right"),
    [((0, 1, 2), "1h", "1d"), ((0, 3, 4), "1h", "1d"), ((0, 1, 2), "1m", "1d"), ((0, 7, 14, 21, 28), "1d", "7d"),
     ((3, 10, 17), "1h", "1w"), ((27, 56, 87), "1d", "1M"), ((27, 56, 87), "1h", "1M")],
)  # fmt: skip
def test_steps_that_gaps_cannot_explain_are_refused(tmp_path, days, timeframe, right):
    with pytest.raises(WrongTimeframe, match=f"pass --timeframe {right}$"):
        read(tmp_path, START + DAY * np.array(days), timeframe)


@pytest.mark.parametrize(
    ("steps", "timeframe", "said"),
    [((DAY,), "1h", "no two rows are 1h apart: the commonest step is 1d"),
     ((4 * HOUR, 4 * HOUR), "1h", "the commonest step is 4h"),
     ((3 * MINUTE, 7 * MINUTE), "1m", "the commonest step is 3m")],
)  # fmt: skip
def test_steps_that_may_be_gaps_are_read_and_said(tmp_path, steps, timeframe, said):
    bars, notes = read(tmp_path, START + np.cumsum((0, *steps)), timeframe)
    assert len(bars) == len(steps) + 1
    assert said in " ".join(notes)


def test_nothing_is_said_where_rows_follow_each_other(tmp_path):
    for time in (START + HOUR * np.array([0, 24, 25]), np.array([START])):
        assert not any("apart" in note for note in read(tmp_path, time, "1h")[1])


def test_cuts_of_real_sparse_minutes_are_hardly_ever_refused(shared_data):
    path = shared_data / "dev" / "crypto_1m" / "bitfinex_BTCUSD_1m.parquet"
    minutes = pd.read_parquet(path, columns=["time"])["time"].head(100_000).astype("int64").to_numpy()
    if minutes[0] < 10**18:
        minutes = minutes * 1000
    random, refused, timeframe = np.random.default_rng(1), 0, parse_timeframe("1m")
    sparse = np.sort(random.choice(minutes, 8_000, replace=False))
    for row in range(0, 7_000, 2):
        steps = np.diff(sparse[row : row + int(random.integers(2, 9))])
        refused += longer_timeframe(steps, timeframe) is not None
    assert refused <= 7


def test_the_timeframe_that_a_file_states_is_held_against_the_given_one(tmp_path):
    prices = {"o": "1.1", "h": "1.2", "l": "1.0", "c": "1.1"}
    candle = {"complete": True, "volume": 5, "time": "2024-01-05T10:00:00.000000000Z", "mid": prices}
    oanda, okx = tmp_path / "oanda.json", tmp_path / "okx.json"
    for stated, given, right in (("H4", "1h", "4h"), ("S5", "1m", "5s"), ("M", "1m", "1M"), ("D", "1h", "1d")):
        oanda.write_text(json.dumps({"instrument": "EUR_USD", "granularity": stated, "candles": [candle]}))
        with pytest.raises(WrongTimeframe, match=f"states that its bars last {right}, .* pass --timeframe {right}$"):
            read_file(oanda, symbol=None, timeframe=parse_timeframe(given))
        if right != "1M":
            assert len(read_file(oanda, symbol=None, timeframe=parse_timeframe(right))[0]) == 1
    row = [str(START // 10**6), "2", "3", "1", "2", "5", "10", "10", "1"]
    for channel, given, right in (
        ("candle4H", "1h", "4h"),
        ("candle1Dutc", "1m", "1d"),
        ("mark-price-candle1M", "1m", "1M"),
    ):
        okx.write_text(json.dumps({"arg": {"channel": channel, "instId": "BTC-USDT"}, "data": [row]}))
        with pytest.raises(WrongTimeframe, match=f"states that its bars last {right}, .* pass --timeframe {right}$"):
            read_file(okx, symbol=None, timeframe=parse_timeframe(given))
