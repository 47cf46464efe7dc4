"""How long factors take: batches over many bars, one live decision, and tsfresh on the same windows in the same run.

Each number is taken after the values were found correct, and is the best of several runs on one core.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_names import parse_features
from tradesieve.features.feature_sets import SETS
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import Bars
from tradesieve.market.sources.reading import read_file
from tradesieve.market.timeframes import parse_timeframe

ONE = parse_timeframe("1m")
N_BARS, N_DECISIONS = 1_600_000, 100_000
N_ROUNDS = 20

TSFRESH = (
    "mean_abs_change",
    "cid_ce__normalize_True",
    "autocorrelation__lag_1",
    "ratio_beyond_r_sigma__r_1.5",
    "skewness",
    "kurtosis",
    'linear_trend__attr_"slope"',
    'linear_trend__attr_"rvalue"',
    "absolute_sum_of_changes",
    "longest_strike_above_mean",
    "number_crossing_m__m_60000",
)


def best(call: Callable[[], object], *, n_runs: int = 3) -> float:
    """Time a call; the shortest of some runs, in seconds."""
    seconds = []
    for _ in range(n_runs):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def synthetic() -> Bars:
    random = np.random.default_rng(0)
    close = 60_000 * np.exp(0.0005 * np.cumsum(random.standard_normal(N_BARS)))
    open_ = np.append(close[0], close[:-1])
    reach = 1 + 0.0004 * random.random((2, N_BARS))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    times = ONE.duration * np.arange(1, N_BARS + 1)
    return Bars("BTC-USD", ONE, times, open_, high, low, close, random.exponential(5.0, N_BARS))


def real() -> Bars:
    data = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    path = data / "dev" / "crypto_1m" / "bitfinex_BTCUSD_1m.parquet"
    if not path.exists():
        pytest.skip("real one-minute bars are absent")
    return read_file(path, symbol="BTC-USD", timeframe=ONE)[0][:N_BARS]


@pytest.fixture(scope="module", params=["synthetic", "real"])
def bars(request: pytest.FixtureRequest) -> Bars:
    return synthetic() if request.param == "synthetic" else real()


@pytest.mark.parametrize(("name", "limit"), [("minimal", 10.0), ("standard", 10.0), ("aligned", 15.0), ("wide", 60.0)])
def test_a_set_for_many_decisions(bars, name, limit):
    features = SETS[name]
    needed = requirements_of(parse_features(features), ONE).bars
    random = np.random.default_rng(1)
    at = np.sort(random.choice(bars.close_time, N_DECISIONS, replace=False))
    side = random.choice([-1.0, 1.0], N_DECISIONS)
    matrix = compute(bars, Decisions(at, side), features)
    for row in random.choice(np.arange(N_DECISIONS // 2, N_DECISIONS), 5):
        stop = int(np.searchsorted(bars.close_time, at[row], side="right"))
        alone = compute(bars[stop - needed : stop], Decisions(at[[row]], side[[row]]), features)[0]
        np.testing.assert_array_equal(alone, matrix[row])
    seconds = best(lambda: compute(bars, Decisions(at, side), features), n_runs=2)
    print(f"\n{name}: {len(features)} features, {N_DECISIONS:,} decisions, {len(bars):,} bars: {seconds:.2f} s")
    each = {feature: best(lambda f=feature: compute(bars, Decisions(at, side), [f]), n_runs=1) for feature in features}
    slowest = sorted(each.items(), key=lambda pair: -pair[1])[:6]
    print("  slowest: " + ", ".join(f"{feature} {taken:.2f} s" for feature, taken in slowest))
    assert seconds < limit


@pytest.mark.parametrize(("name", "limit"), [("standard", 300e-6), ("aligned", 450e-6), ("wide", 1e-3)])
def test_one_live_decision(name, limit):
    features = parse_features(SETS[name])
    window = synthetic()[: requirements_of(features, ONE).bars]
    at, side = window.close_time[-1:], np.ones(1)
    assert np.isfinite(compute(window, Decisions(at, side), features)).mean() > 0.98
    clock, processor = np.empty((N_ROUNDS, 50)), np.empty((N_ROUNDS, 50))
    for place in np.ndindex(clock.shape):
        start = time.perf_counter(), time.thread_time()
        compute(window, Decisions(at, side), features)
        clock[place], processor[place] = time.perf_counter() - start[0], time.thread_time() - start[1]
    # A round holds typical decisions, and the best round those that no other work slowed down: what makes `compute`
    # itself slower makes every round slower.
    taken = float(np.median(processor, axis=1).min())
    print(
        f"\none decision, {name}: {1e6 * taken:.0f} us of the processor in the best of {N_ROUNDS} rounds; "
        f"of all, by the clock: median {1e6 * np.median(clock):.0f} us, p99 {1e6 * np.quantile(clock, 0.99):.0f} us"
    )
    assert taken < limit


def test_tsfresh_on_the_same_windows():
    from tsfresh import extract_features
    from tsfresh.feature_extraction.settings import from_columns

    bars, n, n_windows = synthetic(), 50, 3000
    rows = np.sort(np.random.default_rng(2).choice(np.arange(n, N_BARS), n_windows, replace=False))
    names = [f"close__tsfresh_{name}__window_{n}" for name in TSFRESH]
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n_windows), n),
            "close": np.concatenate([bars.close[row - n + 1 : row + 1] for row in rows]),
        }
    )
    settings = from_columns([f"close__{name}" for name in TSFRESH])

    def extract() -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return extract_features(
                frame, column_id="id", kind_to_fc_parameters=settings, n_jobs=0, disable_progressbar=True
            )

    at = bars.close_time[rows]
    expected = extract()[[f"close__{name}" for name in TSFRESH]].to_numpy(float)
    np.testing.assert_allclose(compute(bars, at, names), expected, rtol=1e-9, atol=1e-12)
    ours, theirs = best(lambda: compute(bars, at, names), n_runs=20), best(extract, n_runs=2)
    print(f"\n{len(names)} tsfresh features, {n_windows:,} windows of {n}: {1e3 * ours:.1f} ms, tsfresh {theirs:.2f} s")
    print(f"  {theirs / ours:,.0f} times as fast")
    assert theirs / ours > 500


def test_a_cold_import():
    program = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
    for what in (
        "import tradesieve.features",
        "import tradesieve.features.engine.compute",
        "import tradesieve.features.families, tradesieve.features.engine.compute, tradesieve.features.feature_sets",
    ):
        runs = [
            float(subprocess.run([sys.executable, "-c", program.format(what)], capture_output=True, check=True).stdout)
            for _ in range(3)
        ]
        print(f"\n{what}: {min(runs):.3f} s")
        assert min(runs) < 0.6
