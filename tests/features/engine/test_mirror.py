"""The mirrored market keeps the laws of bars, and is the mirror of its own mirror, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tradesieve.features.engine.mirror import mirrored_bars
from tradesieve.market.bars import COLUMNS, PRICES, Bars
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe

prices = st.floats(1e-300, 1e300)


@given(prices)
@example(math.sqrt(2.0))
@example(np.nextafter(math.sqrt(2.0), 2.0))
@example(np.nextafter(2.0, 1.0))
def test_the_third_reciprocal_is_the_first(price):
    assert 1.0 / (1.0 / (1.0 / price)) == 1.0 / price


@given(prices, prices)
def test_a_reciprocal_turns_the_order_of_prices(one, other):
    low, high = sorted([one, other])
    assert 1.0 / high <= 1.0 / low


def test_reciprocals_of_every_kind_of_fraction_come_back(real_bars):
    fractions = 1.0 + np.random.default_rng(0).random(1_000_000)
    once = 1.0 / fractions
    assert np.mean(1.0 / once != fractions) > 0.1, "the second is not always the number that it began with"
    np.testing.assert_array_equal(1.0 / (1.0 / once), once)


@pytest.mark.parametrize("market", ["market_bars", "real_bars"])
def test_mirrored_bars_keep_the_laws_and_come_back(market, request):
    bars = request.getfixturevalue(market)
    once = mirrored_bars(bars)  # which `Bars` checks
    assert (once.symbol, once.timeframe) == (bars.symbol, bars.timeframe)
    np.testing.assert_array_equal(once.high, 1.0 / bars.low)
    np.testing.assert_array_equal(once.volume, bars.volume)
    assert mirrored_bars(mirrored_bars(once)).fingerprint == once.fingerprint
    for name in PRICES:
        np.testing.assert_allclose(getattr(mirrored_bars(once), name), getattr(bars, name), rtol=2.0**-52)


def test_longer_mirrored_bars_are_mirrored_longer_bars(real_bars):
    hour = parse_timeframe("1h")
    first, second = resample(mirrored_bars(real_bars), hour), mirrored_bars(resample(real_bars, hour))
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_no_bars_have_no_mirror(market_bars):
    nothing: Bars = mirrored_bars(market_bars[:0])
    assert len(nothing) == 0
