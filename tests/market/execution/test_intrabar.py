"""Intrabar data: finer bars settle a bar only when they make it up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.intrabar import NO_FINER_BARS, align_finer
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

MINUTES = SyntheticMarket(n_days=1, timeframe=parse_timeframe("1m")).generate("BTC-USD")[0]
BARS = resample(MINUTES, parse_timeframe("5m"))


def without(bars: Bars, row: int) -> Bars:
    return Bars(bars.symbol, bars.timeframe, **{name: np.delete(getattr(bars, name), row) for name in COLUMNS})


def test_each_bar_has_its_own_finer_bars():
    aligned = align_finer(BARS, MINUTES)
    assert aligned.covered_rate == 1.0
    assert aligned.n_finer == 5
    for row in (0, 1, len(BARS) - 1):
        own = aligned.ranges[aligned.first[row] : aligned.first[row] + 5]
        assert (own["high"].max(), own["low"].min()) == (BARS.high[row], BARS.low[row])


@pytest.mark.parametrize("missing", [10, 12, 14])
def test_a_missing_finer_bar_settles_nothing(missing):
    first = align_finer(BARS, without(MINUTES, missing)).first
    assert np.flatnonzero(first < 0).tolist() == [2]


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_another_price_settles_nothing(name):
    prices = getattr(BARS, name).copy()
    prices[3] *= 1.01 if name == "high" else 0.99 if name == "low" else 1.0
    if name in ("open", "close"):
        prices[3] = (BARS.high[3] + BARS.low[3]) / 2
    first = align_finer(replace(BARS, **{name: prices}), MINUTES).first
    assert np.flatnonzero(first < 0).tolist() == [3]


def test_without_finer_bars_none_are_aligned():
    assert align_finer(BARS, None) is NO_FINER_BARS
    assert align_finer(BARS, NO_FINER_BARS) is NO_FINER_BARS
    assert math.isnan(NO_FINER_BARS.covered_rate)


def test_what_was_aligned_is_returned_for_its_own_bars_alone():
    aligned = align_finer(BARS, MINUTES)
    assert align_finer(BARS, aligned) is aligned
    with pytest.raises(BadInput, match="BTC-USD 5m: the finer bars were aligned with other bars"):
        align_finer(BARS[1:], aligned)


def test_bars_that_cannot_settle_are_refused():
    with pytest.raises(BadInput, match="finer bars of ETH-USD cannot settle bars of BTC-USD"):
        align_finer(BARS, replace(MINUTES, symbol="ETH-USD"))
    with pytest.raises(BadInput, match="5m bars do not divide 5m bars evenly"):
        align_finer(BARS, BARS)
    with pytest.raises(BadInput, match="2m bars do not divide 5m bars evenly"):
        align_finer(BARS, resample(MINUTES, parse_timeframe("2m")))
