"""The kernels of the wide set against pandas, scipy and statsmodels, and Wilder's against loops as he wrote them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.tsa.stattools import acf

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_feature
from tradesieve.features.feature_sets import SETS
from tradesieve.features.invariants.features import check_features
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.timeframes import DAY, parse_timeframe

parse_feature("trade__side")  # registers the families
FIVE = parse_timeframe("5m")

Frame, Series = pd.DataFrame, pd.Series


def share(part: Series, whole: Series, *, flat: float) -> Series:
    return (part / whole).where(whole > 0, flat)


def true_range(f: Frame) -> Series:
    parts = [f.high - f.low, (f.high - f.close.shift()).abs(), (f.low - f.close.shift()).abs()]
    return pd.concat(parts, axis=1).max(axis=1).where(f.close.shift().notna())


def typical(f: Frame) -> Series:
    return (f.high + f.low + f.close) / 3


def returns(x: Series) -> Series:
    return np.log(x.where(x > 0)).diff()


def overlap(f: Frame) -> Series:
    high, low = f.high.shift(), f.low.shift()
    shared = (np.minimum(f.high, high) - np.maximum(f.low, low)).clip(lower=0)
    return share(shared, np.maximum(f.high, high) - np.minimum(f.low, low), flat=1.0).where(high.notna())


def each(x: Series, n: int, function: Callable[[np.ndarray], float]) -> Series:
    return x.rolling(n).apply(function, raw=True)


def rescaled_range(r: np.ndarray) -> float:
    walk = np.cumsum(r - r.mean())
    return np.log((max(walk.max(), 0) - min(walk.min(), 0)) / r.std()) / np.log(len(r))


def crossing_age(x: np.ndarray) -> float:
    side = np.sign(np.round(x - x.mean(), 12 - int(np.log10(abs(x).max() + 1))))
    other = np.flatnonzero(side != side[-1])
    return side[-1] * (len(x) - 1 - (other[-1] if len(other) else -1)) / len(x)


def on_balance_slope(close: np.ndarray, volume: np.ndarray) -> float:
    balance = np.append(0.0, np.cumsum(np.sign(np.diff(close)) * volume[1:]))
    return stats.linregress(np.arange(len(close)), balance).slope / volume.mean()


def amihud(close: np.ndarray, volume: np.ndarray) -> float:
    turnover = (close * volume)[1:]
    moves = np.abs(np.diff(close) / close[:-1])[turnover > 0]
    return np.mean(moves / turnover[turnover > 0]) * np.mean(turnover[turnover > 0])


def windows(f: Frame, n: int, function: Callable[..., float], *columns: str) -> Series:
    out = pd.Series(np.nan, f.index)
    for stop in range(n, len(f) + 1):
        part = f.iloc[stop - n : stop]
        out.iloc[stop - 1] = function(*(part[name].to_numpy() for name in columns))
    return out


def wilder(values: list[float], n: int) -> list[float]:
    """Smooth as the book does: the mean of the first n, then one n-th of the way to each that follows."""
    out = [sum(values[:n]) / n]
    for value in values[n:]:
        out.append((out[-1] * (n - 1) + value) / n)
    return out


def rsi(close: np.ndarray) -> float:
    n = len(close) // 4
    changes = np.diff(close)
    rises, falls = (wilder(list(part), n)[-1] for part in (changes.clip(min=0), (-changes).clip(min=0)))
    return 100 - 100 / (1 + rises / falls) if falls else 100.0 if rises else np.nan


def directional(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> tuple[list[float], list[float]]:
    n = len(high) // 4
    rise, fall = np.diff(high), -np.diff(low)
    before = close[:-1]
    ranges = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    smooth = [
        np.array(wilder(list(part), n))
        for part in (
            np.where((rise > fall) & (rise > 0), rise, 0),
            np.where((fall > rise) & (fall > 0), fall, 0),
            ranges,
        )
    ]
    return list(smooth[0] / smooth[2]), list(smooth[1] / smooth[2])


def adx(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> float:
    plus, minus = directional(high, low, close)
    index = [100 * abs(p - m) / (p + m) if p + m > 0 else 0.0 for p, m in zip(plus, minus, strict=True)]
    return wilder(index, len(high) // 4)[-1]


def balance(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> float:
    plus, minus = (part[-1] for part in directional(high, low, close))
    return (plus - minus) / (plus + minus)


def macd(x: np.ndarray) -> float:
    n = len(x) // 4
    fast, signal = max(1, int(n * 12 / 26 + 0.5)), max(1, int(n * 9 / 26 + 0.5))
    values = pd.Series(x)
    line = values.ewm(span=fast).mean() - values.ewm(span=n).mean()
    return (line - line.ewm(span=signal).mean()).iloc[-1] / x[-1]


def yang_zhang(f: Frame, n: int) -> Series:
    gap, body = np.log(f.open / f.close.shift()), np.log(f.close / f.open)
    up, down = np.log(f.high / f.open), np.log(f.low / f.open)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    inside = (up * (up - body) + down * (down - body)).rolling(n).mean()
    return np.sqrt(
        each(gap, n, lambda v: v.var(ddof=1)) + k * each(body, n, lambda v: v.var(ddof=1)) + (1 - k) * inside
    )


def money_flow(high: np.ndarray, low: np.ndarray, close: np.ndarray, volume: np.ndarray) -> float:
    price = high + low + close
    flow, change = (price * volume)[1:], np.diff(price)
    rises, falls = flow[change > 0].sum(), flow[change < 0].sum()
    return 100 * rises / (rises + falls)


def wide_share(high: np.ndarray, low: np.ndarray, volume: np.ndarray) -> float:
    reach = high - low
    return volume[reach - reach[0] > (reach - reach[0]).mean()].sum() / volume.sum()


def three_bar_gaps(high: np.ndarray, low: np.ndarray) -> float:
    return np.clip(low[2:] - high[:-2], 0, None).sum() - np.clip(low[:-2] - high[2:], 0, None).sum()


Expression = Callable[[Frame, Series, int], Series]
LOG2 = np.log(2)

# The frame of bars, the series that is looked at, the window.
EQUALS: dict[str, Expression] = {
    "gap": lambda f, x, n: windows(f, n, three_bar_gaps, "high", "low") / f.close,
    "gap_less_body": lambda f, x, n: ((f.open - f.close.shift()) - (f.close - f.open)).rolling(n - 1).mean() / f.close,
    "upper_shadow": lambda f, x, n: (
        share(f.high - np.maximum(f.open, f.close), f.high - f.low, flat=0).rolling(n).mean()
    ),
    "lower_shadow": lambda f, x, n: (
        share(np.minimum(f.open, f.close) - f.low, f.high - f.low, flat=0).rolling(n).mean()
    ),
    "overlap": lambda f, x, n: overlap(f).rolling(n - 1).mean(),
    "from_high": lambda f, x, n: f.close / f.high.rolling(n).max() - 1,
    "from_low": lambda f, x, n: f.close / f.low.rolling(n).min() - 1,
    "since_high": lambda f, x, n: each(f.high, n, lambda v: np.argmax(v[::-1])) / (n - 1),
    "since_low": lambda f, x, n: each(f.low, n, lambda v: np.argmin(v[::-1])) / (n - 1),
    "direction": lambda f, x, n: x.diff(n - 1) / x.diff().abs().rolling(n - 1).sum(),
    "mean_distance": lambda f, x, n: (f.close - f.close.rolling(n).mean()) / true_range(f).rolling(n - 1).mean(),
    "crossing_age": lambda f, x, n: each(x, n, crossing_age),
    "mean_crossing": lambda f, x, n: x.rolling(max(1, n // 5)).mean() / x.rolling(n).mean() - 1,
    "adx_wilder": lambda f, x, n: windows(f, 4 * n, adx, "high", "low", "close"),
    "directional_balance": lambda f, x, n: windows(f, 4 * n, balance, "high", "low", "close"),
    "hurst": lambda f, x, n: each(returns(f.close), n, rescaled_range),
    "parkinson": lambda f, x, n: np.sqrt((np.log(f.high / f.low) ** 2).rolling(n).mean() / (4 * LOG2)),
    "garman_klass": lambda f, x, n: np.sqrt(
        (np.log(f.high / f.low) ** 2 / 2 - (2 * LOG2 - 1) * np.log(f.close / f.open) ** 2).rolling(n).mean()
    ),
    "yang_zhang": lambda f, x, n: yang_zhang(f, n),
    "downside_deviation": lambda f, x, n: np.sqrt((returns(x).clip(upper=0) ** 2).rolling(n - 1).mean()),
    "downside_share": lambda f, x, n: (
        (returns(x).clip(upper=0) ** 2).rolling(n - 1).sum() / (returns(x) ** 2).rolling(n - 1).sum()
    ),
    "volatility_change": lambda f, x, n: np.sqrt(
        (returns(x) ** 2).rolling(max(1, (n - 1) // 5)).mean() / (returns(x) ** 2).rolling(n - 1).mean()
    ),
    "volatility_of_volatility": lambda f, x, n: (
        each(f.high - f.low, n, lambda v: v.std()) / (f.high - f.low).rolling(n).mean()
    ),
    "on_balance_slope": lambda f, x, n: windows(f, n, on_balance_slope, "close", "volume"),
    "vwap_distance": lambda f, x, n: (
        f.close / ((typical(f) * f.volume).rolling(n).sum() / f.volume.rolling(n).sum()) - 1
    ),
    "illiquidity_amihud": lambda f, x, n: windows(f, n, amihud, "close", "volume"),
    "volume_move_share": lambda f, x, n: windows(f, n, wide_share, "high", "low", "volume"),
    "rsi_wilder": lambda f, x, n: each(x, 4 * n, rsi),
    "stochastic": lambda f, x, n: (
        (100 * (f.close - f.low.rolling(n).min()) / (f.high.rolling(n).max() - f.low.rolling(n).min()))
        .rolling(3)
        .mean()
    ),
    "cci": lambda f, x, n: each(typical(f), n, lambda v: (v[-1] - v.mean()) / (0.015 * np.abs(v - v.mean()).mean())),
    "macd_histogram": lambda f, x, n: each(x, 4 * n, macd),
    "money_flow": lambda f, x, n: windows(f, n + 1, money_flow, "high", "low", "close", "volume"),
    "autocorrelation": lambda f, x, n: each(returns(x), n, lambda v: acf(v, adjusted=False, nlags=1, fft=False)[1]),
    "skewness": lambda f, x, n: each(returns(x), n, stats.skew),
    "kurtosis": lambda f, x, n: each(returns(x), n, stats.kurtosis),
    "entropy": lambda f, x, n: each(returns(x), n, lambda v: stats.entropy(np.histogram(v, 10)[0]) / np.log(10)),
    "jump_share": lambda f, x, n: returns(x).abs().rolling(n).max() / returns(x).abs().rolling(n).sum(),
}


def assert_equals(name: str, bars: Bars, window: int, *, column: str = "close", rtol: float = 1e-7) -> np.ndarray:
    """Hold a factor to its expression wherever that has a value; return the factor's values."""
    feature = f"{column if FACTORS[name].kind == 'series' else 'bars'}__{name}__window_{window}"
    frame = pd.DataFrame({column: getattr(bars, column) for column in COLUMNS})
    with np.errstate(all="ignore"):
        expected = EQUALS[name](frame, frame[column], window).to_numpy(dtype=np.float64).copy()
    found = compute(bars, bars.close_time, [feature])[:, 0]
    short = parse_feature(feature).lookback(bars.timeframe) - 1
    assert np.isnan(found[:short]).all()
    expected[~np.isfinite(expected)] = np.nan
    np.testing.assert_allclose(found[short:], expected[short:], rtol=rtol, atol=1e-8, err_msg=feature)
    return found[short:]


def some_bars(n: int, *, level: float, seed: int, tick: float = 0.0) -> Bars:
    """Make bars near a price, with gaps, on a price grid when a tick is given."""
    random = np.random.default_rng(seed)
    path = level * np.exp(0.002 * np.cumsum(random.standard_normal(4 * n))).reshape(n, 4)
    if tick:
        path = np.maximum(np.round(path / tick), 1) * tick
    time = FIVE.duration * np.cumsum(random.choice([1, 1, 1, 2, 30], n))
    volume = random.exponential(5.0, n) + 1e-3
    return Bars("X", FIVE, time, path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3], volume)


@pytest.mark.parametrize("name", EQUALS)
@pytest.mark.parametrize("window", [2, 7, 26])
def test_kernels_on_real_bars(name, window, real_bars):
    assert real_bars.close[0] > 50_000, "prices near 60,000, where sums of squares fail"
    values = assert_equals(name, real_bars[300:620], window)
    assert np.isfinite(values).mean() > 0.9


@settings(max_examples=6, deadline=None)
@given(
    level=st.sampled_from([1e-6, 1.0, 60_000.0, 1e9]),
    window=st.integers(2, 12),
    seed=st.integers(0, 1000),
)
def test_kernels_on_random_bars(level, window, seed):
    bars = some_bars(60, level=level, seed=seed)
    for name in EQUALS:
        for column in ("close", "volume") if FACTORS[name].kind == "series" else ("close",):
            assert_equals(name, bars, window, column=column)


# What a factor says of bars at one price without volume: where its formula divides by nothing, nothing.
FLAT = {
    "gap": 0, "gap_less_body": 0, "upper_shadow": 0, "lower_shadow": 0, "overlap": 1, "from_high": 0, "from_low": 0,
    "since_high": 0, "since_low": 0, "crossing_age": 0, "mean_crossing": 0, "adx_wilder": 0,
    "parkinson": 0, "garman_klass": 0, "yang_zhang": 0, "downside_deviation": 0, "macd_histogram": 0,
}  # fmt: skip


@pytest.mark.parametrize("price", [1.0, 60_000.1, 1.1e-7])
@pytest.mark.parametrize("window", [2, 7, 30])
def test_flat_bars_have_the_value_of_flat_bars_or_none(price, window):
    flat = np.full(130, price)
    bars = Bars("X", FIVE, FIVE.duration * np.arange(1, 131), flat, flat, flat, flat, np.zeros(130))
    for name in EQUALS:
        given_input = "close" if FACTORS[name].kind == "series" else "bars"
        value = compute(bars, bars.close_time[-1:], [f"{given_input}__{name}__window_{window}"])[0, 0]
        if name in FLAT:
            assert value == pytest.approx(FLAT[name], abs=1e-15), name
        else:
            assert np.isnan(value), name


def test_no_price_level_loses_digits():
    # One market at 60,000 and at 1: the same ratios to the last digits that the prices themselves have.
    low, high = some_bars(450, level=1.0, seed=4), some_bars(450, level=65_536.0, seed=4)
    names = [f"{'close' if FACTORS[n].kind == 'series' else 'bars'}__{n}__window_100" for n in EQUALS]
    found = [compute(bars, bars.close_time[-40:], names) for bars in (low, high)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-7, atol=1e-10)


def test_the_wide_set_is_causal_and_needs_no_more_than_its_lookback(real_bars, market_bars):
    names = SETS["wide"]
    assert len(names) >= 90
    random = np.random.default_rng(3)
    for bars in (real_bars[:4000], market_bars[:4000]):
        at = np.sort(random.choice(bars.close_time[500:], 60, replace=False))
        side = random.choice([-1.0, 1.0], 60)
        assert check_features(bars, Decisions(at, side), names, n_samples=8, seed=1) == []
        assert np.isfinite(compute(bars, Decisions(at, side), names)).mean() > 0.99


def test_the_minute_of_the_hour_and_the_end_of_the_month():
    moments = ["2024-02-28T12:00", "2024-02-29T18:00", "2024-03-01T00:00", "2024-03-01T00:15", "2023-12-31T23:45"]
    at = np.array(moments, dtype="datetime64[ns]").astype(np.int64)
    order = np.argsort(at)
    one = np.ones(len(at))
    bars = Bars("X", FIVE, at[order], one, one, one, one, one)
    found = compute(bars, at, ["clock__hour_sine", "clock__hour_cosine", "clock__month_end"])
    minute = pd.to_datetime(at).minute.to_numpy() / 60
    np.testing.assert_allclose(found[:, 0], np.sin(2 * np.pi * minute), atol=1e-12)
    np.testing.assert_allclose(found[:, 1], np.cos(2 * np.pi * minute), atol=1e-12)
    assert found[:, 2].tolist() == [1.5, 0.25, 0.0, 31 - 15 / (24 * 60), 15 / (24 * 60)]
    assert at[0] // DAY == pd.Timestamp("2024-02-28").value // DAY
