from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import DAY, parse_timeframe

MINUTE = parse_timeframe("1m")
AGGREGATE = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def minutes(kept: list[int], *, start: int = 1_700_000_040_000_000_000, seed: int = 0) -> Bars:
    """Make minute bars of those minutes only."""
    random = np.random.default_rng(seed)
    n = len(kept)
    open_, close = random.uniform(90, 110, n), random.uniform(90, 110, n)
    return Bars(
        "X",
        MINUTE,
        close_time=start + MINUTE.duration * (1 + np.array(kept, dtype=np.int64)),
        open=open_,
        high=np.maximum(open_, close) + random.uniform(0, 3, n),
        low=np.minimum(open_, close) - random.uniform(0, 3, n),
        close=close,
        volume=random.uniform(0, 10, n),
    )


def by_pandas(bars: Bars, rule: str) -> pd.DataFrame:
    """The `Equals:` line of the docstring, and its two exceptions."""
    frame = pd.DataFrame(
        {name: getattr(bars, name) for name in AGGREGATE}, index=pd.to_datetime(bars.close_time, utc=True)
    )
    long = frame.resample(rule, label="right", closed="right", origin="epoch").agg(AGGREGATE).dropna()
    return long[long.index <= frame.index[-1]]


def assert_equal(ours: Bars, theirs: pd.DataFrame) -> None:
    assert ours.close_time.tolist() == theirs.index.as_unit("ns").asi8.tolist()
    for name in ("open", "high", "low", "close"):
        assert getattr(ours, name).tolist() == theirs[name].tolist()
    np.testing.assert_allclose(ours.volume, theirs["volume"], rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    kept=st.lists(st.integers(0, 400), min_size=1, max_size=120, unique=True).map(sorted),
    rule=st.sampled_from(["5m", "15m", "1h", "7m"]),
    offset=st.integers(0, 90),
    seed=st.integers(0, 5),
)
def test_resampling_is_that_of_pandas_whatever_is_missing(kept, rule, offset, seed):
    bars = minutes(kept, start=2800 * DAY + offset * MINUTE.duration, seed=seed)
    expected = by_pandas(bars, rule.replace("m", "min"))
    assert_equal(resample(bars, parse_timeframe(rule)), expected)


def test_real_minutes_with_real_gaps(shared_data):
    path = shared_data / "dev" / "crypto_1m" / "bitfinex_BTCUSD_1m.parquet"
    bars = read_file(path, symbol="BTC-USD", timeframe=MINUTE)[0][:30_000]
    assert np.diff(bars.close_time).max() > 3 * MINUTE.duration, "these bars have gaps"
    for text, rule in (("5m", "5min"), ("1h", "1h"), ("1d", "24h")):
        assert_equal(resample(bars, parse_timeframe(text)), by_pandas(bars, rule))


def test_a_last_bar_that_is_not_complete_has_not_happened():
    whole = minutes(list(range(10)), start=1_700_000_100_000_000_000)  # on the five-minute grid
    five = parse_timeframe("5m")
    assert len(resample(whole, five)) == 2
    assert len(resample(whole[:9], five)) == 1
    assert len(resample(whole[:4], five)) == 0
    # What is complete never changes when more comes.
    for stop in range(1, 11):
        part = resample(whole[:stop], five)
        for name in COLUMNS:
            assert getattr(part, name).tolist() == getattr(resample(whole, five), name)[: len(part)].tolist()


def test_resampling_in_two_steps_is_resampling_in_one():
    bars = minutes(list(range(0, 300, 1)), start=1_699_999_200_000_000_000)
    once = resample(bars, parse_timeframe("1h"))
    twice = resample(resample(bars, parse_timeframe("15m")), parse_timeframe("1h"))
    assert len(once) > 3
    for name in COLUMNS:
        np.testing.assert_allclose(getattr(once, name), getattr(twice, name), rtol=1e-12)


@pytest.mark.parametrize("text", ["90s", "30s", "59s"])
def test_what_is_no_whole_multiple_is_refused(text):
    for bars in (minutes([0, 1, 2]), minutes([])):
        with pytest.raises(BadInput, match=f"1m bars cannot be resampled to {text}"):
            resample(bars, parse_timeframe(text))


def test_the_same_timeframe_and_no_bars_are_the_borders():
    bars = minutes([0, 3])
    assert resample(bars, MINUTE) is bars
    empty = resample(minutes([]), parse_timeframe("1h"))
    assert (len(empty), empty.timeframe) == (0, parse_timeframe("1h"))
