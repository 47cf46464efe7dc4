"""The kernels that stand for tsfresh's calculators give tsfresh's value, in every window that we can think of."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_sets import STANDARD
from tradesieve.features.tsfresh.calculators import PREFIX, _calculator, needs_tsfresh, tsfresh_feature
from tradesieve.features.tsfresh.kernels import sum_nb
from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import parse_timeframe

NATIVE = (
    "mean",
    "variance",
    "standard_deviation",
    "absolute_sum_of_changes",
    "mean_abs_change",
    "cid_ce__normalize_True",
    "cid_ce__normalize_False",
    "autocorrelation__lag_0",
    "autocorrelation__lag_1",
    "autocorrelation__lag_5",
    "ratio_beyond_r_sigma__r_0.5",
    "ratio_beyond_r_sigma__r_1",
    "ratio_beyond_r_sigma__r_1.5",
    "ratio_beyond_r_sigma__r_2",
    "skewness",
    "kurtosis",
    'linear_trend__attr_"slope"',
    'linear_trend__attr_"rvalue"',
    "longest_strike_above_mean",
    "longest_strike_below_mean",
    "number_crossing_m__m_0",
    "number_crossing_m__m_-1.5",
    "number_crossing_m__m_60000.1",
)
FIVE = parse_timeframe("5m")


def assert_same(window: np.ndarray, names: tuple[str, ...] = NATIVE) -> None:
    """Hold each kernel, by way of the engine, to tsfresh's own calculator on one window."""
    n = len(window)
    one = np.ones(n)
    bars = Bars("X", FIVE, FIVE.duration * np.arange(1, n + 1), one, one, one, one, one)
    object.__setattr__(bars, "close", window)  # negative values too, which are no prices
    features = [f"close__{PREFIX}{name}__window_{n}" for name in names]
    found = compute(bars, bars.close_time[-1:], features)[0]
    for name, feature, value in zip(names, features, found, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = _calculator(feature, name, n)(window.copy())
        if not np.isfinite(expected):
            assert np.isnan(value), (name, window)
            continue
        # A sum whose terms cancel is known to the rounding of its terms, and not to a share of what is left.
        terms = np.abs(window).max() if name == 'linear_trend__attr_"slope"' else 1.0
        bound = 1e-9 * abs(expected) + (1e-12 * terms if name.startswith(("linear", "skew", "kurt")) else 0.0)
        assert abs(value - expected) <= bound, (name, value, expected, window)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 300),
    seed=st.integers(0, 10_000),
    level=st.sampled_from([0.0, 1.0, 60_000.0]),
    move=st.sampled_from([1.0, 0.01]),
)
def test_random_windows(n, seed, level, move):
    random = np.random.default_rng(seed)
    assert_same(level + move * random.standard_normal(n))
    assert_same(level * (1 + 0.001 * move * np.cumsum(random.standard_normal(n))))
    assert_same(level + np.round(random.standard_normal(n)))  # many equal values


@pytest.mark.parametrize("n", [2, 3, 4, 7, 8, 10, 50, 100, 129, 300])
@pytest.mark.parametrize("price", [0.0, 1.0, 0.1, 3.3, 60_000.1, 1.1e-7])
def test_windows_without_variation_or_nearly(n, price):
    flat = np.full(n, price)
    assert_same(flat)
    for place in (0, n // 2, n - 1):
        one_off = flat.copy()
        one_off[place] += 0.01 * (price or 1.0)
        assert_same(one_off)
    assert_same(np.where(np.arange(n) % 2, price, price * 1.5 + 0.25))
    assert_same(price + 0.5 * np.arange(n))


def test_windows_of_real_bars(real_bars):
    for n in (10, 50, 200):
        for stop in (300, 1234, 9999):
            assert_same(real_bars.close[stop - n : stop])
            assert_same(real_bars.volume[stop - n : stop])


@given(st.lists(st.floats(-1e12, 1e12), max_size=700))
@settings(max_examples=60, deadline=None)
def test_a_sum_is_numpys_bit_for_bit(values):
    given_values = np.array(values, dtype=np.float64)
    assert sum_nb(given_values) == np.sum(given_values)


def test_what_has_a_kernel_loads_no_tsfresh():
    assert not any(
        needs_tsfresh(name) for name in (*STANDARD, *(f"close__tsfresh_{name}__window_9" for name in NATIVE))
    )
    for name in ("c3__lag_1", 'linear_trend__attr_"pvalue"', "cid_ce__normalize_1", "autocorrelation__lag_-1"):
        assert needs_tsfresh(f"close__tsfresh_{name}__window_9")
    program = (
        "import sys; from tradesieve.features.feature_names import parse_feature;"
        "from tradesieve.features.feature_sets import SETS;"
        "[parse_feature(name) for names in SETS.values() for name in names];"
        "sys.exit(' '.join({'tsfresh', 'pandas', 'statsmodels', 'mlflow', 'bentoml'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_name_that_no_kernel_understands_goes_to_tsfresh():
    assert tsfresh_feature("close__tsfresh_autocorrelation__lag_2__window_20").factor.compiled
    assert not tsfresh_feature("close__tsfresh_c3__lag_2__window_20").factor.compiled
