"""Digits and memory: two million bars near 60,000, where sums of squares fail, and no more memory for more bars."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS, SERIES_INPUTS
from tradesieve.features.feature_names import parse_feature
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.timeframes import parse_timeframe

parse_feature("trade__side")  # registers the families
FIVE = parse_timeframe("5m")
N_BARS = 2_000_000
N_WINDOWS = 6

VALUES = {
    "window": 100, "fast": 12, "slow": 50, "signal": 9, "smooth": 3, "past": 10, "days": 5, "threshold": 0.1,
}  # fmt: skip
TSFRESH = (
    "mean", "variance", "standard_deviation", "absolute_sum_of_changes", "mean_abs_change", "cid_ce__normalize_True",
    "autocorrelation__lag_1", "ratio_beyond_r_sigma__r_1.5", "skewness", "kurtosis", 'linear_trend__attr_"slope"',
    'linear_trend__attr_"rvalue"', "longest_strike_above_mean", "number_crossing_m__m_60000",
)  # fmt: skip


def features() -> list[str]:
    """Name a feature of each factor of bars, on closes, and on volumes where these are looked at as well."""
    names = [f"close__tsfresh_{name}__window_{window}" for name in TSFRESH for window in (100, 300)]
    for name, factor in FACTORS.items():
        if factor.kind in ("series", "bars"):
            pieces = [f"{parameter}_{VALUES[parameter]}" for parameter in factor.parameters]
            inputs = ("close", "volume") if factor.kind == "series" else ("bars",)
            names += ["__".join([given, name, *pieces]) for given in inputs]
    return names


@pytest.fixture(scope="module")
def long_bars() -> Bars:
    """A random walk of two million bars that begins, and stays near, 60,000."""
    random = np.random.default_rng(11)
    steps = 2e-5 * random.standard_normal(N_BARS)
    close = 60_000 * np.exp(np.cumsum(steps))
    open_ = np.append(close[0], close[:-1]) * (1 + 2e-6 * random.standard_normal(N_BARS))
    reach = 1 + 2e-5 * random.random((2, N_BARS))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    times = FIVE.duration * np.arange(1, N_BARS + 1)
    return Bars("X", FIVE, times, open_, high, low, close, random.exponential(5.0, N_BARS) + 1e-3)


class WideNumpy:
    """Numpy, but for arrays that a kernel makes: these hold longer numbers."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, n: int) -> np.ndarray:
        return np.empty(n, np.longdouble)

    def zeros(self, n: int) -> np.ndarray:
        return np.zeros(n, np.longdouble)


def in_plain_python(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Undo the compilation of a kernel and of what it calls: it takes numbers of any precision then."""
    plain = kernel.py_func if isinstance(kernel, Dispatcher) else kernel
    called = {name: plain.__globals__[name] for name in plain.__code__.co_names if name in plain.__globals__}
    others = {
        name: in_plain_python(value)
        for name, value in called.items()
        if name.endswith("_nb") and getattr(value, "py_func", value) is not plain
    }
    made = FunctionType(
        plain.__code__, {**plain.__globals__, **others, "np": WideNumpy()}, plain.__name__, plain.__defaults__
    )
    made.__globals__[plain.__name__] = made  # a function that calls itself
    return made


def in_more_digits(bars: Bars, stop: int, name: str) -> float:
    """Compute a feature of the bars before `stop` by its formula, in numbers of 64 binary digits instead of 53."""
    feature = parse_feature(name)
    part = bars[stop - feature.lookback(FIVE) : stop]
    wide = {column: getattr(part, column).astype(np.longdouble) for column in SERIES_INPUTS}
    parameters = np.array([value for _, value in feature.values])
    kernel = in_plain_python(feature.factor.kernel)
    if feature.factor.kind == "series":
        return kernel(wide[str(feature.input)], parameters)
    return kernel(part.close_time, *(wide[column] for column in COLUMNS[1:]), parameters)


def test_no_kernel_loses_digits_after_two_million_bars(long_bars):
    assert np.finfo(np.longdouble).nmant > 60, "this platform has no longer numbers to compare with"
    assert 50_000 < long_bars.close[-200_000:].min() < long_bars.close[-200_000:].max() < 75_000
    stops = np.sort(np.random.default_rng(1).choice(np.arange(N_BARS - 200_000, N_BARS), N_WINDOWS, replace=False))
    names = features()
    found = compute(long_bars, long_bars.close_time[stops - 1], names)
    assert np.isfinite(found).mean() > 0.95
    wrong = {}
    for column, name in enumerate(names):
        with np.errstate(all="ignore"):
            expected = np.array([in_more_digits(long_bars, int(stop), name) for stop in stops], dtype=np.longdouble)
        np.testing.assert_array_equal(np.isnan(found[:, column]), ~np.isfinite(expected), err_msg=name)
        # A value near zero is the difference of larger ones: it is known to their digits, so its usual size counts.
        size = np.maximum(np.abs(expected), np.nanmedian(np.abs(expected)) if np.isfinite(expected).any() else 0)
        error = np.abs(found[:, column] - expected) / np.where(size > 0, size, 1)
        if np.nanmax(np.append(error, 0)) > 1e-9:
            wrong[name] = float(np.nanmax(error))
    assert wrong == {}


def test_a_running_sum_of_squares_would_be_caught(long_bars):
    close = long_bars.close
    exact = np.var(close[-100:].astype(np.longdouble))
    squares, sums = np.cumsum(close * close), np.cumsum(close)
    running = (squares[-1] - squares[-101]) / 100 - ((sums[-1] - sums[-101]) / 100) ** 2
    assert abs(running - exact) / exact > 1e-6


MEASURE = """
import sys, tracemalloc
import numpy as np, psutil
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_sets import STANDARD
from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import parse_timeframe
n, one = int(sys.argv[1]), parse_timeframe("1m")
random = np.random.default_rng(0)
close = 60_000 * np.exp(1e-4 * np.cumsum(random.standard_normal(n)))
bars = Bars("X", one, one.duration * np.arange(1, n + 1), close, close * 1.001, close / 1.001, close, np.ones(n))
at, side = np.sort(random.choice(bars.close_time[10_000:], 5000, replace=False)), np.ones(5000)
compute(bars, Decisions(at, side), STANDARD)  # compiled and warm
before = psutil.Process().memory_info().rss
tracemalloc.start()
for _ in range(3):
    compute(bars, Decisions(at, side), STANDARD)
print(tracemalloc.get_traced_memory()[1], psutil.Process().memory_info().rss - before)
"""


def test_computing_takes_no_more_memory_for_more_bars():
    taken = []
    for n in (100_000, 2_000_000):
        done = subprocess.run([sys.executable, "-c", MEASURE, str(n)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        taken.append([int(number) for number in done.stdout.split()])
    peak, growth = np.array(taken).T
    assert abs(peak[1] - peak[0]) < 500_000, "bytes; two million bars are 96 million"
    assert peak[1] < 20_000_000
    assert growth[1] < growth[0] + 8_000_000
