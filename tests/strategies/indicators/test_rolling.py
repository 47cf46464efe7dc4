"""Moving windows against pandas and TA-Lib, and against themselves with another history: equal to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.strategies.indicators.rolling import (
    average_true_range,
    decayed_sum,
    lagged,
    moving_maximum,
    moving_mean,
    moving_minimum,
    moving_moments,
    moving_sum,
    true_range,
)

FUNCTIONS = {
    "sum": moving_sum,
    "mean": moving_mean,
    "maximum": moving_maximum,
    "minimum": moving_minimum,
    "deviation": lambda values, window: moving_moments(values, window)[1],
    "decayed": lambda values, window: decayed_sum(values, window, 0.9),
}
WINDOWS = [1, 2, 3, 7, 8, 20, 63, 64, 100, 1000]


def prices(n: int = 20_000, seed: int = 1) -> np.ndarray:
    """Give prices near 60,000 that move by little."""
    return 60_000 + np.cumsum(np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_equal_pandas(window):
    values = prices()
    rolling = pd.Series(values).rolling(window)
    np.testing.assert_allclose(moving_sum(values, window), rolling.sum(), rtol=1e-12)
    np.testing.assert_array_equal(moving_maximum(values, window), rolling.max())
    np.testing.assert_array_equal(moving_minimum(values, window), rolling.min())
    mean, deviation = moving_moments(values, window)
    np.testing.assert_allclose(mean, rolling.mean(), rtol=1e-13)
    np.testing.assert_array_equal(np.isnan(deviation), np.isnan(mean))
    for i in range(window - 1, len(values), 997):
        assert deviation[i] == pytest.approx(values[i + 1 - window : i + 1].std(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("window", [2, 14, 50])
def test_windows_equal_talib(window, market_bars):
    close = market_bars.close
    np.testing.assert_allclose(moving_mean(close, window), talib.SMA(close, window), rtol=1e-11)
    np.testing.assert_array_equal(moving_maximum(market_bars.high, window), talib.MAX(market_bars.high, window))
    np.testing.assert_array_equal(moving_minimum(market_bars.low, window), talib.MIN(market_bars.low, window))
    expected = talib.TRANGE(market_bars.high, market_bars.low, close)
    np.testing.assert_array_equal(true_range(market_bars), expected)
    np.testing.assert_allclose(average_true_range(market_bars, window), pd.Series(expected).rolling(window).mean())


@pytest.mark.parametrize("window", [w for w in WINDOWS if w < 1000])
def test_a_decayed_sum_is_a_convolution(window):
    values = np.random.default_rng(1).normal(size=3000)
    expected = np.convolve(values, 0.9 ** np.arange(window))[: len(values)]
    expected[: window - 1] = np.nan
    np.testing.assert_allclose(decayed_sum(values, window, 0.9), expected, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_value_follows_from_its_window_alone_bit_for_bit(name, data):
    window = data.draw(st.integers(1, 300))
    last = data.draw(st.integers(window, 20_000))
    values = prices()
    whole = FUNCTIONS[name](values, window)[last - 1]
    longer = data.draw(st.integers(0, min(500, last - window)))
    assert FUNCTIONS[name](values[last - window : last].copy(), window)[-1] == whole
    assert FUNCTIONS[name](values[last - window - longer : last].copy(), window)[-1] == whole


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_missing_spoils_its_own_windows_only(name):
    values = prices(50)
    values[20] = np.nan
    found = np.isnan(FUNCTIONS[name](values, 5))
    assert np.flatnonzero(found).tolist() == [0, 1, 2, 3, *range(20, 25)]
    assert np.isnan(FUNCTIONS[name](values[:4], 5)).all()
    assert len(FUNCTIONS[name](values[:0], 5)) == 0


def test_the_value_before():
    assert lagged(np.array([1.0, 2.0, 3.0])).tolist()[1:] == [1.0, 2.0]
    assert np.isnan(lagged(np.array([1.0, 2.0]), 5)).all()
    assert len(lagged(np.array([1.0, 2.0]), 5)) == 2
