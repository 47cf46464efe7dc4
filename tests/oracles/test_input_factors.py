"""What a feature reads, against pandas: a higher timeframe, the forming bar, other symbols, results, terms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_names import parse_feature, parse_features
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import Timeframe, parse_timeframe

HOUR, FOUR, DAY = (parse_timeframe(text) for text in ("1h", "4h", "1d"))
SLOPE, RANGE, REACH = "slope__window_10", "range__window_5", "tsfresh_maximum__window_7"


def with_gaps(bars: Bars, *, seed: int = 0) -> Bars:
    """Leave out a tenth of the bars, and a day, and all from half past to the hour of some hours."""
    random = np.random.default_rng(seed)
    kept = random.random(len(bars)) > 0.1
    kept[2000:2300] = False
    kept[np.isin(np.arange(len(bars)) // 6, random.integers(0, len(bars) // 6, 100))] = False
    return Bars(bars.symbol, bars.timeframe, *(getattr(bars, name)[kept] for name in COLUMNS))


def joined(bars: Bars, timeframe: Timeframe, time: int, *, so_far: bool) -> Bars:
    """Join what is known at a time by pandas, with the bar that is forming or without it."""
    known = bars.between(end_time=time)
    frame = pd.DataFrame({name: getattr(known, name) for name in COLUMNS}, index=pd.to_datetime(known.close_time))
    rule = pd.Timedelta(timeframe.duration)
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    table = frame.resample(rule, label="right", closed="right", origin="epoch").agg(how).dropna()
    ends = table.index.as_unit("ns").asi8
    kept = np.ones(len(table), bool) if so_far else ends <= time
    return Bars(bars.symbol, timeframe, ends[kept], *(table[name].to_numpy()[kept] for name in how))


@pytest.fixture(scope="module", params=["synthetic", "real"])
def bars(request: pytest.FixtureRequest) -> Bars:
    return with_gaps(request.getfixturevalue("market_bars" if request.param == "synthetic" else "real_bars")[:6000])


@pytest.mark.parametrize("so_far", [False, True])
@pytest.mark.parametrize("timeframe", [HOUR, FOUR, DAY])
def test_a_longer_bar_is_that_of_pandas(bars, timeframe, so_far):
    inputs = [f"{column}_{timeframe}{'_so_far' if so_far else ''}" for column in ("close", "bars", "volume")]
    names = [
        f"{inputs[0]}__{SLOPE}",
        f"{inputs[1]}__{RANGE}",
        f"{inputs[0]}__{REACH}",
        f"{inputs[2]}__change__window_3",
    ]
    own = [name.replace(f"_{timeframe}", "").replace("_so_far", "") for name in names]
    rows = np.sort(np.random.default_rng(1).choice(len(bars), 60, replace=False))
    found = compute(bars, bars.close_time[rows], names)
    n_checked = 0
    for row, values in zip(rows, found, strict=True):
        time = int(bars.close_time[row])
        table = joined(bars, timeframe, time, so_far=so_far)
        for name, own_name, value in zip(names, own, values, strict=True):
            if row + 1 < parse_feature(name).lookback(bars.timeframe):
                assert np.isnan(value)
                continue
            expected = compute(table, table.close_time[-1:], [own_name])[0, 0]
            np.testing.assert_allclose(value, expected, rtol=1e-12)
            n_checked += 1
    assert n_checked > (40 if timeframe == DAY else 150)


def test_closed_longer_bars_are_those_that_are_resampled_bit_for_bit(bars):
    ends = resample(bars, HOUR)
    seen = np.isin(bars.close_time, ends.close_time)
    at = bars.close_time[seen][50:]
    longer = compute(ends, at, [f"bars__{RANGE}", f"close__{SLOPE}", "bars__volume_balance__window_10"])
    names = [f"bars_1h__{RANGE}", f"close_1h__{SLOPE}", "bars_1h__volume_balance__window_10"]
    # Volumes are added in another order there, pair by pair.
    np.testing.assert_array_equal(compute(bars, at, names)[:, :2], longer[:, :2])
    np.testing.assert_allclose(compute(bars, at, names), longer, rtol=1e-9)
    so_far = [name.replace("_1h", "_1h_so_far") for name in names]
    np.testing.assert_array_equal(compute(bars, at, so_far), compute(bars, at, names))  # whole at its close


def test_the_bar_that_is_forming_is_not_the_one_that_closed(bars):
    inside = bars.close_time[(bars.close_time % HOUR.duration != 0)][500:700]
    both = compute(bars, inside, [f"close_1h__{SLOPE}", f"close_1h_so_far__{SLOPE}"])
    assert np.mean(both[:, 0] != both[:, 1]) > 0.9


def test_another_symbol_is_seen_up_to_its_last_closed_bar(bars):
    other = with_gaps(bars, seed=1)
    other = Bars("SPY", other.timeframe, *(getattr(other, name) for name in COLUMNS))
    names = [f"close_of_SPY__{SLOPE}", f"bars_1h_of_SPY__{RANGE}", f"close_1h_so_far_of_SPY__{REACH}"]
    own = [name.replace("_of_SPY", "") for name in names]
    at = bars.close_time[1500::97]
    found = compute(bars, at, names, others={"SPY": other})
    for time, values in zip(at, found, strict=True):
        last = other.between(end_time=int(time)).close_time[-1]
        seen = compute(other, np.array([last]), own)[0]
        if time // HOUR.duration == last // HOUR.duration:  # else the hour closed without a last bar
            np.testing.assert_array_equal(values, seen)
        np.testing.assert_array_equal(values[0], seen[0])
    np.testing.assert_array_equal(
        compute(bars, at, [f"close_of_{bars.symbol}__{SLOPE}"]), compute(bars, at, [f"close__{SLOPE}"])
    )


def test_a_symbol_beside_is_read_only_where_its_bar_closes_at_the_decision(bars):
    other = with_gaps(bars, seed=1)
    other = Bars("SPY", other.timeframe, *(getattr(other, name) for name in COLUMNS))
    names = [
        f"close_of_SPY__{SLOPE}", f"bars_1h_of_SPY__{RANGE}", f"close_1h_so_far_of_SPY__{REACH}",
        f"close_aligned_of_SPY__{SLOPE}", f"bars_1h_so_far_aligned_of_SPY__{RANGE}",
    ]  # fmt: skip
    beside = [name.replace("_of_", "_beside_") for name in names]
    times = bars.close_time[1500::7]
    at = Decisions(times, np.where(np.arange(len(times)) % 2, 1.0, -1.0))
    found, latest = (compute(bars, at, each, others={"SPY": other}) for each in (beside, names))
    closes = np.isin(times, other.close_time)
    assert 0.05 < np.mean(~closes) < 0.3
    np.testing.assert_array_equal(found[closes], latest[closes])
    assert np.isnan(found[~closes]).all()
    assert np.isfinite(latest[~closes]).all()


def test_a_symbol_has_none_beside_itself_and_needs_no_bars_for_it(bars):
    names = [f"close_beside_{bars.symbol}__{SLOPE}", f"bars_1h_aligned_beside_{bars.symbol}__{RANGE}"]
    at = Decisions(bars.close_time[1500::97], np.ones(len(bars.close_time[1500::97])))
    assert np.isnan(compute(bars, at, names)).all()
    features = parse_features([*names, f"close__{SLOPE}"])
    own = requirements_of(features, bars.timeframe, symbol=bars.symbol)
    assert (own.bars, own.others) == (10, {})
    assert requirements_of(features, bars.timeframe, symbol="SPY").others == {bars.symbol: 71}


def test_what_is_missing_is_named(bars):
    at = bars.close_time[2000:2001]
    with pytest.raises(BadInput, match="reads SPY, whose bars are missing"):
        compute(bars, at, [f"close_of_SPY__{SLOPE}"])
    hours = resample(bars, HOUR)
    with pytest.raises(BadInput, match="bars of SPY are of 1h, those of BTC-USD of 5m"):
        compute(bars, at, [f"close_of_SPY__{SLOPE}"], others={"SPY": hours})
    with pytest.raises(BadInput, match="a multiple of that of the bars, at least twice it"):
        compute(hours, hours.close_time[-1:], [f"close_30m__{SLOPE}"])
    for name, missing in (
        ("trade__stop_distance__window_5", "side"),
        ("trade__agreeing", "agreeing"),
        ("results__win_share__window_5", "results of closed trades"),
    ):
        with pytest.raises(BadInput, match=missing):
            compute(bars, at, [name])


def test_requirements_are_enough_and_no_more_than_enough(bars):
    names = [
        f"close__{SLOPE}",
        f"bars_1h__{RANGE}",
        f"close_of_SPY__{REACH}",
        f"close_1d_so_far_of_GLD__{SLOPE}",
    ]
    every = parse_features([*names, "results__win_share__window_9", "trade__stop_distance__window_3"])
    found = requirements_of(every, bars.timeframe)
    assert (found.bars, found.others, found.results) == (12 * 6 - 1, {"GLD": 2880, "SPY": 7}, 9)
    assert found.terms == {"side", "stop", "results"}
    own = requirements_of(parse_features(names), bars.timeframe, symbol="SPY")
    assert (own.bars, own.others) == (71, {"GLD": 2880})
    # One bar fewer, and there is a time at which a value is missing its first hour.
    window = bars[:71]
    assert np.isfinite(compute(window, window.close_time[-1:], [names[1]])).all()
    assert np.isnan(compute(window[1:], window.close_time[-1:], [names[1]])).all()


RESULTS = pd.Series(np.random.default_rng(5).normal(0.0, 0.01, 300))

# The results up to the decision, and the window.
EQUALS: dict[str, Callable[..., pd.Series]] = {
    "win_share": lambda r, n: (r > 0).rolling(n).mean(),
    "mean_result": lambda r, n: r.rolling(n).mean(),
    "result_quality": lambda r, n: r.rolling(n).mean() / r.rolling(n).std(ddof=0),
    "win_streak": lambda r, n: (r > 0).rolling(n).apply(
        lambda won: (1 if won[-1] else -1) * next((i for i in range(n) if won[-1 - i] != won[-1]), n), raw=True
    ),
    "result_drawdown": lambda r, n: r.rolling(n).apply(
        lambda w: np.cumsum(w)[-1] - max(0.0, np.cumsum(w).max()), raw=True
    ),
    # The frame of bars, side, stop and target, and the window.
    "stop_distance": lambda f, side, stop, target, n: side * (f.close - stop) / true_range(f).rolling(n).mean(),
    "target_distance": lambda f, side, stop, target, n: side * (target - f.close) / true_range(f).rolling(n).mean(),
    "reward_to_risk": lambda f, side, stop, target: (target - f.close) / (f.close - stop),
}  # fmt: skip
RECORD = [name for name in EQUALS if name not in ("stop_distance", "target_distance", "reward_to_risk")]
TRADE = [name for name in EQUALS if name not in RECORD]


def true_range(f: pd.DataFrame) -> pd.Series:
    return pd.concat([f.high - f.low, (f.high - f.close.shift()).abs(), (f.low - f.close.shift()).abs()], axis=1).max(
        axis=1
    )


@pytest.mark.parametrize("window", [2, 10, 40])
@pytest.mark.parametrize("name", RECORD)
def test_a_factor_of_results_is_that_of_pandas(bars, name, window):
    ends = np.arange(0, 101, 5)
    for first, own in ((0, RESULTS[:100]), (100, RESULTS[100:200])):
        given = Decisions(
            bars.close_time[: len(ends)], results=RESULTS.to_numpy(),
            first_result=np.full(len(ends), first), end_result=first + ends,
        )  # fmt: skip
        found = compute(bars, given, [f"results__{name}__window_{window}"])[:, 0]
        expected = EQUALS[name](own, window).to_numpy()
        assert np.isnan(found[ends < window]).all(), "another's results are not its own"
        late = ends >= window
        np.testing.assert_allclose(found[late], expected[ends[late] - 1], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", TRADE)
def test_a_factor_of_the_trade_is_that_of_pandas(bars, name):
    random = np.random.default_rng(2)
    rows = np.sort(random.choice(np.arange(100, len(bars)), 200))  # some at one time
    frame = pd.DataFrame({column: getattr(bars, column)[:] for column in COLUMNS})
    side = random.choice([-1.0, 1.0], 200)
    stop, target = (bars.close[rows] * (1 + sign * side * random.uniform(0.001, 0.02, 200)) for sign in (-1, 1))
    stop[7] = target[9] = np.nan
    windows = [] if name == "reward_to_risk" else [14]
    feature = f"trade__{name}" + "".join(f"__window_{window}" for window in windows)
    found = compute(bars, Decisions(bars.close_time[rows], side, stop, target), [feature])[:, 0]
    expected = [
        EQUALS[name](frame[row - 50 : row + 1], *terms, *windows).iloc[-1]
        for row, *terms in zip(rows, side, stop, target, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert 1 <= np.isnan(found).sum() <= 2


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"side": [1.0]}, "side has shape"),
        ({"side": [1.0, 0.0]}, r"side is 0 at 1970-01-01T00:00:02Z, but has to be \+1 or -1"),
        ({"stop": [1.0, -2.0]}, "stop is -2 .* a price, or NaN for none"),
        ({"target": [np.inf, 2.0]}, "target is inf"),
        ({"agreeing": [0.5, 1.5]}, "agreeing is 1.5 .* a share"),
        ({"results": [0.1]}, "results need first_result and end_result"),
        (
            {"results": [0.1, np.nan], "first_result": [0, 0], "end_result": [0, 1]},
            r"results\[1\] is not a finite number",
        ),
        ({"results": [0.1], "first_result": [0, 0], "end_result": [0, 2]}, "results 0 to 2 .*: there are 1"),
        ({"results": [0.1], "first_result": [1, 1], "end_result": [1, 0]}, "results 1 to 0 .*: there are 1"),
    ],
)
def test_decisions_that_do_not_fit_say_where(given, match):
    with pytest.raises((BadInput, BadData), match=match):
        Decisions(np.array([1, 2]) * 10**9, **given)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("close_60m__slope__window_10", "write close_1h, not close_60m"),
        ("close_of_btcusd__slope__window_10", "write close_of_BTC-USD, not close_of_btcusd"),
        ("close_beside_btcusd__slope__window_10", "write close_beside_BTC-USD, not close_beside_btcusd"),
        ("close_so_far__slope__window_10", "name it, as in close_1h_so_far"),
        ("close_1y__slope__window_10", "'close_1y' is not an input"),
        ("results_1h__win_share__window_10", "not an input"),
        ("close__win_share__window_10", "win_share reads results, not 'close'"),
        ("results__slope__window_10", "slope reads close or open"),
        ("bars__stop_distance__window_10", "stop_distance reads trade"),
    ],
)
def test_text_that_is_no_input_says_why(name, match, bars):
    with pytest.raises(BadInput, match=match):
        compute(bars, bars.close_time[:1], [name])
