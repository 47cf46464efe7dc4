"""Candles, pairs, regimes and the indicators that traders name, against pandas, scipy, tsfresh and TA-Lib."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib
from scipy import stats
from tsfresh.feature_extraction import feature_calculators

from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_feature
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.timeframes import parse_timeframe

parse_feature("trade__side")  # registers the families
FIVE = parse_timeframe("5m")
Frame, Series = pd.DataFrame, pd.Series
Expression = Callable[..., Series]

PARAMETERS = {
    ("window",): ((2,), (7,), (26,)),
    ("fast", "slow"): ((1, 2), (3, 10), (12, 26), (10, 4)),
    ("fast", "slow", "signal"): ((3, 10, 4), (12, 26, 9)),
    ("window", "smooth", "signal"): ((5, 3, 3), (14, 1, 3), (14, 3, 1), (8, 1, 1), (9, 2, 5)),
    ("window", "past"): ((5, 10), (20, 3), (2, 1)),
    ("window", "threshold"): ((7, 0.3), (20, 0.2), (20, 0)),
    (): ((),),
}


def each(x: Series, n: int, function: Callable[[np.ndarray], float]) -> Series:
    return x.rolling(n).apply(function, raw=True)


def last_of_ewm(x: Series, n: int, span: int) -> Series:
    return each(x, n, lambda v: pd.Series(v).ewm(span=span).mean().iloc[-1])


def macd(v: np.ndarray, fast: int, slow: int, signal: int) -> float:
    values = pd.Series(v)
    line = values.ewm(span=fast).mean() - values.ewm(span=slow).mean()
    return (line - line.ewm(span=signal).mean()).iloc[-1] / v[-1]


def crossing(v: np.ndarray, fast: int, slow: int) -> float:
    values = pd.Series(v)
    side = np.sign(values.rolling(fast).mean() - values.rolling(slow).mean()).dropna().to_numpy()
    other = np.flatnonzero(side != side[-1])
    return side[-1] * (len(side) - 1 - (other[-1] if len(other) else -1)) / len(side)


def squares(v: np.ndarray, window: int) -> np.ndarray:
    return ((np.diff(v) / v[:-1]) ** 2).reshape(-1, window).sum(axis=1)


def rank(v: np.ndarray, window: int) -> float:
    sums = squares(v, window)
    return stats.percentileofscore(sums[:-1], sums[-1], kind="mean") / 100


def reach(f: Frame) -> Series:
    return f.high - f.low


def direction(x: Series, n: int) -> Series:
    return x.diff(n - 1) / x.diff().abs().rolling(n - 1).sum()


def engulfing(f: Frame) -> Series:
    body = f.close - f.open
    top, bottom = f[["open", "close"]].max(axis=1), f[["open", "close"]].min(axis=1)
    is_one = (top >= top.shift()) & (bottom <= bottom.shift()) & (np.sign(body) == -np.sign(body.shift()))
    return (body / (body.abs() + body.abs().shift())).where(is_one & (body != 0), 0.0)


# The frame of bars, the series that is looked at, the parameters.
EQUALS: dict[str, Expression] = {
    "engulfing": lambda f, x: engulfing(f),
    "hammer": lambda f, x: (
        ((f[["open", "close"]].min(axis=1) - f.low - f.high + f[["open", "close"]].max(axis=1)) / reach(f)).fillna(0)
    ),
    "doji": lambda f, x: (1 - (f.close - f.open).abs() / reach(f)).fillna(1),
    "inside_bar": lambda f, x: (1 - reach(f) / reach(f).shift()).where(
        (f.high <= f.high.shift()) & (f.low >= f.low.shift()), 0
    ),
    "outside_bar": lambda f, x: (1 - reach(f).shift() / reach(f)).where(
        (f.high >= f.high.shift()) & (f.low <= f.low.shift()), 0
    ),
    "mean_pair": lambda f, x, fast, slow: x.rolling(fast).mean() / x.rolling(slow).mean() - 1,
    "crossing_pair": lambda f, x, fast, slow: each(x, 2 * max(fast, slow), lambda v: crossing(v, fast, slow)),
    "volatility_pair": lambda f, x, fast, slow: np.sqrt(
        (np.log(x).diff() ** 2).rolling(fast).mean() / (np.log(x).diff() ** 2).rolling(slow).mean()
    ),
    "change_pair": lambda f, x, fast, slow: (
        np.log(x).diff().rolling(fast).sum() / np.sqrt(fast * (np.log(x).diff() ** 2).rolling(slow).mean())
    ),
    "range_pair": lambda f, x, fast, slow: reach(f).rolling(fast).mean() / reach(f).rolling(slow).mean(),
    "volatility_rank": lambda f, x, n, past: each(x, n * (past + 1) + 1, lambda v: rank(v, n)),
    "volatility_state": lambda f, x, n, past: each(x, n * (past + 1) + 1, lambda v: np.sign(rank(v, n) - 0.5)),
    "trend_state": lambda f, x, n, least: np.sign(direction(x, n)) * (direction(x, n).abs() >= least),
    "from_exponential_mean": lambda f, x, n: x / last_of_ewm(x, 4 * n, n) - 1,
    "macd": lambda f, x, *spans: each(x, 4 * max(spans), lambda v: macd(v, *spans)),
    "macd_line": lambda f, x, fast, slow: (
        (last_of_ewm(x, 4 * max(fast, slow), fast) - last_of_ewm(x, 4 * max(fast, slow), slow)) / x
    ),
    "stochastic_smoothed": lambda f, x, n, smooth, signal: (
        (100 * (f.close - f.low.rolling(n).min()) / (f.high.rolling(n).max() - f.low.rolling(n).min()))
        .rolling(smooth).mean().rolling(signal).mean()
    ),
    "permutation_entropy": lambda f, x, n: each(
        x, n + 2, lambda v: feature_calculators.permutation_entropy(v, 1, 3) / np.log(6)
    ),
}  # fmt: skip


def feature_of(name: str, values: tuple[float, ...], column: str = "close") -> str:
    factor = FACTORS[name]
    pieces = [f"{parameter}_{value}" for parameter, value in zip(factor.parameters, values, strict=True)]
    return "__".join([column if factor.kind == "series" else "bars", name, *pieces])


def assert_equals(name: str, bars: Bars, values: tuple[float, ...], *, column: str = "close") -> np.ndarray:
    feature = feature_of(name, values, column)
    frame = pd.DataFrame({name: getattr(bars, name) for name in COLUMNS})
    with np.errstate(all="ignore"):
        expected = EQUALS[name](frame, frame[column], *values).to_numpy(dtype=np.float64).copy()
    found = compute(bars, bars.close_time, [feature])[:, 0]
    short = parse_feature(feature).lookback(bars.timeframe) - 1
    assert np.isnan(found[:short]).all()
    expected[~np.isfinite(expected)] = np.nan
    np.testing.assert_allclose(found[short:], expected[short:], rtol=1e-7, atol=1e-9, err_msg=feature)
    return found[short:]


def some_bars(n: int, *, level: float, seed: int) -> Bars:
    random = np.random.default_rng(seed)
    path = level * np.exp(0.002 * np.cumsum(random.standard_normal(4 * n))).reshape(n, 4)
    time = FIVE.duration * np.arange(1, n + 1)
    volume = random.exponential(5.0, n) + 1e-3
    return Bars("X", FIVE, time, path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3], volume)


@pytest.mark.parametrize("name", EQUALS)
def test_kernels_on_real_bars(name, real_bars):
    for values in PARAMETERS[FACTORS[name].parameters]:
        found = assert_equals(name, real_bars[300:620], values)
        assert np.isfinite(found).mean() > 0.95
        assert len(np.unique(found)) > 1 or values in ((2,), (1, 2)), (name, values)


@pytest.mark.parametrize("level", [1e-6, 60_000.0, 1e9])
@pytest.mark.parametrize("name", EQUALS)
def test_kernels_at_any_price(name, level):
    bars = some_bars(160, level=level, seed=3)
    for values in PARAMETERS[FACTORS[name].parameters][-2:]:
        for column in ("close", "volume") if FACTORS[name].kind == "series" else ("close",):
            assert_equals(name, bars, values, column=column)


@pytest.mark.parametrize("price", [1.0, 60_000.1, 1.1e-7])
def test_flat_bars_have_the_value_of_flat_bars_or_none(price):
    flat = np.full(300, price)
    bars = Bars("X", FIVE, FIVE.duration * np.arange(1, 301), flat, flat, flat, flat, np.zeros(300))
    expected = {
        "engulfing": 0, "hammer": 0, "doji": 1, "inside_bar": 0, "outside_bar": 0, "mean_pair": 0, "crossing_pair": 0,
        "volatility_rank": 0.5, "volatility_state": 0, "from_exponential_mean": 0, "macd": 0, "macd_line": 0,
        "permutation_entropy": 0,
    }  # fmt: skip
    for name in EQUALS:
        for values in PARAMETERS[FACTORS[name].parameters]:
            value = compute(bars, bars.close_time[-1:], [feature_of(name, values)])[0, 0]
            np.testing.assert_equal(value, expected.get(name, np.nan), err_msg=name)


def test_indicators_are_those_of_talib_where_a_window_is_enough(real_bars):
    bars = real_bars[:1500]
    high, low, close, volume = bars.high, bars.low, bars.close, bars.volume
    pairs = {
        "bars__cci__window_20": talib.CCI(high, low, close, 20),
        "bars__money_flow__window_14": talib.MFI(high, low, close, volume, 14),
        "bars__stochastic_smoothed__window_14__smooth_3__signal_3": talib.STOCH(high, low, close, 14, 3, 0, 3, 0)[1],
        "bars__stochastic_smoothed__window_14__smooth_3__signal_1": talib.STOCH(high, low, close, 14, 3, 0, 3, 0)[0],
        "bars__stochastic__window_14": talib.STOCH(high, low, close, 14, 3, 0, 3, 0)[0],
        "close__mean_pair__fast_10__slow_50": talib.SMA(close, 10) / talib.SMA(close, 50) - 1,
        "close__change__window_11": talib.ROCP(close, 10),
        "bars__true_range__window_21": talib.SMA(np.nan_to_num(talib.TRANGE(high, low, close)), 20) / close,
    }
    found = compute(bars, bars.close_time, list(pairs))
    for column, (name, expected) in enumerate(pairs.items()):
        both = np.isfinite(found[:, column]) & np.isfinite(expected)
        assert both.mean() > 0.95
        np.testing.assert_allclose(found[both, column], expected[both], rtol=1e-7, atol=1e-7, err_msg=name)


def test_the_relative_strength_is_talibs_begun_with_the_window(real_bars):
    rows = np.arange(500, 2000, 111)
    found = compute(real_bars, real_bars.close_time[rows], ["close__rsi_wilder__window_14"])[:, 0]
    expected = [talib.RSI(real_bars.close[row - 4 * 14 + 1 : row + 1], 14)[-1] for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_finite_window_makes_little_of_a_difference_to_recursive_indicators(real_bars):
    bars = real_bars[:3000]
    high, low, close = bars.high, bars.low, bars.close
    line, _, histogram = talib.MACD(close, 12, 26, 9)
    plus, minus = talib.PLUS_DI(high, low, close, 14), talib.MINUS_DI(high, low, close, 14)
    # What 104 bars leave of the weights of an average of 26 is 3e-4; of Wilder's 14 and a seed, 42 bars leave 4e-2.
    pairs = {
        "close__macd__fast_12__slow_26__signal_9": (histogram / close, 0.01),
        "close__macd_histogram__window_26": (histogram / close, 0.01),
        "close__macd_line__fast_12__slow_26": (line / close, 0.01),
        "close__from_exponential_mean__window_26": (close / talib.EMA(close, 26) - 1, 0.01),
        "close__rsi_wilder__window_14": (talib.RSI(close, 14), 0.15),
        "bars__adx_wilder__window_14": (talib.ADX(high, low, close, 14), 0.5),
        "bars__directional_balance__window_14": ((plus - minus) / (plus + minus), 0.15),
    }
    found = compute(bars, bars.close_time, list(pairs))
    for column, (name, (expected, share)) in enumerate(pairs.items()):
        difference = np.abs(found[1000:, column] - expected[1000:])
        assert np.sqrt(np.mean(difference**2)) < share * expected[1000:].std(), name


def test_three_parameters_are_the_usual_macd_of_one(real_bars):
    names = ["close__macd__fast_12__slow_26__signal_9", "close__macd_histogram__window_26"]
    found = compute(real_bars[:400], real_bars.close_time[200:400], names)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_the_sign_of_an_engulfing_bar_is_talibs(real_bars):
    bars = some_bars(4000, level=100.0, seed=1)
    found = compute(bars, bars.close_time, ["bars__engulfing"])[2:, 0]
    expected = np.sign(talib.CDLENGULFING(bars.open, bars.high, bars.low, bars.close))[2:]
    np.testing.assert_array_equal(np.sign(found), expected)
    assert {-1.0, 0.0, 1.0} == set(np.sign(found))
    assert np.abs(found[found != 0]).min() >= 0.5
