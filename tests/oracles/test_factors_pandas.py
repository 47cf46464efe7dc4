"""Every kernel against the pandas or scipy expression in the `Equals:` line of its docstring."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_feature
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.timeframes import DAY, parse_timeframe

parse_feature("trade__side")  # registers the families
FIVE = parse_timeframe("5m")


def regression(values: pd.Series, window: int) -> tuple[pd.Series, pd.Series]:
    """Slope and signed r squared of each window, by scipy."""
    slope, fit = (pd.Series(np.nan, values.index) for _ in range(2))
    for stop in range(window, len(values) + 1):
        line = linregress(np.arange(window), values.iloc[stop - window : stop])
        slope.iloc[stop - 1], fit.iloc[stop - 1] = line.slope, np.sign(line.slope) * line.rvalue**2
    return slope, fit


def true_range(frame: pd.DataFrame) -> pd.Series:
    before = frame.close.shift()
    parts = [frame.high - frame.low, (frame.high - before).abs(), (frame.low - before).abs()]
    return pd.concat(parts, axis=1).max(axis=1).where(before.notna())


def day_of(frame: pd.DataFrame) -> pd.Series:
    return (frame.close_time - 1) // DAY


def sign_of_busiest(frame: pd.DataFrame, window: int) -> pd.Series:
    """Return whether the bar with the window's largest volume rose (1), fell (-1) or neither (0)."""
    first = np.arange(len(frame)) - window + 1
    busiest = frame.volume.rolling(window).apply(np.argmax, raw=True) + first
    return busiest.map(np.sign(frame.close - frame.open))


Expression = Callable[[pd.DataFrame, pd.Series, int], pd.Series]

# The frame of bars, the series that is looked at, the window.
EQUALS: dict[str, Expression] = {
    "highest": lambda f, x, n: f.high.rolling(n).max(),
    "lowest": lambda f, x, n: f.low.rolling(n).min(),
    "range": lambda f, x, n: (f.high.rolling(n).max() - f.low.rolling(n).min()) / f.close,
    "position_in_range": lambda f, x, n: (
        (f.close - f.low.rolling(n).min()) / (f.high.rolling(n).max() - f.low.rolling(n).min())
    ),
    "change": lambda f, x, n: x.pct_change(n - 1),
    "body_share": lambda f, x, n: ((f.close - f.open) / (f.high - f.low)).fillna(0).rolling(n).mean(),
    "trendiness": lambda f, x, n: x.diff(n - 1).abs() / x.diff().abs().rolling(n - 1).sum(),
    "slope": lambda f, x, n: regression(x, n)[0] / x.rolling(n).mean(),
    # scipy calls the fit of a flat window 0; to us it has none.
    "fit": lambda f, x, n: regression(x, n)[1].where(x.rolling(n).max() > x.rolling(n).min()),
    "volatility": lambda f, x, n: np.log(x).diff().rolling(n - 1).std(ddof=0),
    "true_range": lambda f, x, n: true_range(f).rolling(n - 1).mean() / f.close,
    "volatility_ratio": lambda f, x, n: (
        (f.high - f.low).rolling(max(1, n // 5)).mean() / (f.high - f.low).rolling(n).mean()
    ),
    "relative": lambda f, x, n: x / x.rolling(n).mean(),
    "volume_balance": lambda f, x, n: (
        (f.volume * np.sign(f.close - f.open)).rolling(n).sum() / f.volume.rolling(n).sum()
    ),
    "busiest_bar": lambda f, x, n: f.volume.rolling(n).max() / f.volume.rolling(n).mean() * sign_of_busiest(f, n),
    "from_day_open": lambda f, x, n: f.close / f.open.groupby(day_of(f)).transform("first") - 1,
    "from_day_high": lambda f, x, n: f.close / f.high.groupby(day_of(f)).cummax() - 1,
    "from_day_low": lambda f, x, n: f.close / f.low.groupby(day_of(f)).cummin() - 1,
}


def assert_equals(name: str, bars: Bars, window: int, *, given_input: str = "close", rtol: float = 1e-7) -> np.ndarray:
    """Hold a factor to its expression at every bar; return its values."""
    kind, stem = FACTORS[name].kind, f"__{name}"
    stem = (given_input if kind == "series" else "bars") + stem
    feature = f"{stem}__window_{window}" if "window" in FACTORS[name].parameters else stem
    frame = pd.DataFrame({column: getattr(bars, column) for column in COLUMNS})
    with np.errstate(all="ignore"):
        expected = EQUALS[name](frame, frame[given_input], window).to_numpy(dtype=np.float64).copy()
    found = compute(bars, bars.close_time, [feature])[:, 0]
    short = parse_feature(feature).lookback(bars.timeframe) - 1
    assert np.isnan(found[:short]).all()
    expected[~np.isfinite(expected)] = np.nan
    np.testing.assert_allclose(found[short:], expected[short:], rtol=rtol, atol=1e-9, err_msg=feature)
    return found[short:]


def some_bars(n: int, *, level: float, seed: int, tick: float = 0.0, move: float = 0.002) -> Bars:
    """Make bars near a price, some of them without volume or without a range."""
    random = np.random.default_rng(seed)
    path = level * np.exp(move * np.cumsum(random.standard_normal((n, 4)), axis=None).reshape(n, 4))
    path[random.random(n) < 0.1] = path[random.random(n).argmin()]  # flat bars
    if tick:
        path = np.maximum(np.round(path / tick), 1) * tick
    volume = np.where(random.random(n) < 0.1, 0.0, random.exponential(5.0, n))
    time = DAY * 19_000 + FIVE.duration * np.cumsum(random.choice([1, 1, 1, 2, 30], n))
    return Bars("X", FIVE, time, path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3], volume)


@pytest.mark.parametrize("name", EQUALS)
@pytest.mark.parametrize("window", [2, 3, 11, 50])
def test_kernels_on_real_bars(name, window, real_bars):
    assert real_bars.close[0] > 50_000, "prices near 60,000, where sums of squares fail"
    values = assert_equals(name, real_bars[300:1100], window)
    assert np.isfinite(values).mean() > 0.95


@settings(max_examples=60, deadline=None)
@given(
    level=st.sampled_from([1e-6, 1.0, 60_000.0, 1e9]),
    window=st.integers(2, 30),
    seed=st.integers(0, 1000),
    tick=st.sampled_from([0.0, 0.01]),
)
def test_kernels_on_random_bars(level, window, seed, tick):
    bars = some_bars(60, level=level, seed=seed, tick=tick * level)
    for name in EQUALS:
        if FACTORS[name].family == "day":
            continue
        inputs = ("close", "volume") if FACTORS[name].kind == "series" else ("close",)
        for given_input in inputs:
            if given_input == "volume" and name in ("volatility", "fit", "slope", "trendiness"):
                continue  # zeros: see below
            assert_equals(name, bars, window, given_input=given_input)


@pytest.mark.parametrize("name", ["from_day_open", "from_day_high", "from_day_low"])
def test_the_day_so_far_with_gaps_over_many_days(name):
    bars = some_bars(2500, level=60_000.0, seed=3)
    days = np.diff(np.unique((bars.close_time - 1) // DAY, return_counts=True)[1])
    assert len(days) > 10
    assert_equals(name, bars, 0)


@pytest.mark.parametrize("price", [0.1, 3.3, 100.0, 59_999.99, 60_000.1])
@pytest.mark.parametrize("window", [2, 7, 20, 30])
def test_a_flat_window_is_flat_at_any_price(price, window):
    n = 40
    column = np.full(n, price)
    bars = Bars("X", FIVE, DAY * 19_000 + FIVE.duration * np.arange(1, n + 1), *[column] * 4, np.zeros(n))
    expected = {
        "bars__range": 0.0,
        "bars__position_in_range": np.nan,
        "close__change": 0.0,
        "bars__body_share": 0.0,
        "close__trendiness": np.nan,
        "close__slope": 0.0,
        "close__fit": np.nan,
        "close__volatility": 0.0,
        "bars__true_range": 0.0,
        "bars__volatility_ratio": np.nan,
        "volume__relative": np.nan,
        "bars__volume_balance": np.nan,
        "bars__busiest_bar": np.nan,
        "volume__slope": np.nan,
        "volume__volatility": np.nan,
        "volume__change": np.nan,
    }
    names = [f"{name}__window_{window}" for name in expected]
    np.testing.assert_array_equal(compute(bars, bars.close_time[-1:], names)[0], list(expected.values()))


@pytest.mark.parametrize("level", [1.0, 60_000.0])
def test_a_straight_line_is_straight(level):
    n = 120
    close = level * (1 + 0.001 * np.arange(n))
    open_ = np.append(close[0], close[:-1])
    bars = Bars("X", FIVE, FIVE.duration * np.arange(1, n + 1), open_, close, open_, close, np.ones(n))
    names = ["close__trendiness", "close__fit", "bars__position_in_range", "bars__body_share", "bars__volume_balance"]
    for window in (5, 50, 100):
        values = compute(bars, bars.close_time[-1:], [f"{name}__window_{window}" for name in names])[0]
        np.testing.assert_allclose(values, 1.0, atol=1e-9)
        slope = compute(bars, bars.close_time[-1:], [f"close__slope__window_{window}"])[0, 0]
        assert slope == pytest.approx(0.001 * level / close[-window:].mean(), rel=1e-9)
    falling = Bars("X", FIVE, bars.close_time, close[::-1], close[::-1], close[::-1], close[::-1], np.ones(n))
    assert compute(falling, bars.close_time[-1:], ["close__fit__window_50"])[0, 0] == pytest.approx(-1.0)


def test_a_tiny_variance_at_a_high_price_is_not_lost():
    # Where running sums of squares are wrong by more than the value itself, and negative.
    random = np.random.default_rng(0)
    close = 60_000 * np.exp(1e-9 * np.cumsum(random.standard_normal(400)))
    bars = Bars("X", FIVE, FIVE.duration * np.arange(1, 401), close, close, close, close, np.ones(400))
    found = compute(bars, bars.close_time[-1:], ["close__volatility__window_300"])[0, 0]
    assert found == pytest.approx(np.std(np.diff(np.log(close[-300:].astype(np.longdouble)))), rel=1e-3)


def test_the_clock_is_a_circle_from_midnight_and_from_monday():
    monday_noon = np.datetime64("2024-01-01T12:00", "ns").astype(np.int64)
    bars = some_bars(3, level=1.0, seed=0)
    at = int(monday_noon) + DAY * np.arange(3)
    bars = Bars("X", FIVE, at, bars.open, bars.high, bars.low, bars.close, bars.volume)
    names = [f"clock__{name}" for name in ("day_sine", "day_cosine", "week_sine", "week_cosine")]
    values = compute(bars, at, names)
    times = pd.to_datetime(at, utc=True)
    day = (times.hour + times.minute / 60) / 24
    week = (times.day_of_week + day) / 7
    for column, (turn, wave) in enumerate([(day, np.sin), (day, np.cos), (week, np.sin), (week, np.cos)]):
        np.testing.assert_allclose(values[:, column], wave(2 * np.pi * turn), atol=1e-12)
    assert compute(bars, Decisions(at, np.array([1.0, -1.0, 1.0])), ["trade__side"])[:, 0].tolist() == [1.0, -1.0, 1.0]
