"""Aligned features: for a long the feature itself, for a short that of the market quoted the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tradesieve import factor
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import example_of, parse_feature, parse_features
from tradesieve.features.feature_sets import ALIGNED, STANDARD
from tradesieve.features.invariants.features import check_features
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput

N = 400


def upside_down(bars: Bars) -> Bars:
    """Quote the market the other way round, as EURUSD becomes USDEUR."""
    return replace(bars, open=1 / bars.open, high=1 / bars.low, low=1 / bars.high, close=1 / bars.close)


@pytest.fixture(scope="module", params=["market_bars", "real_bars"])
def bars(request: pytest.FixtureRequest) -> Bars:
    return request.getfixturevalue(request.param)[:6000]


@pytest.fixture(scope="module")
def others(bars: Bars) -> dict[str, Bars]:
    """Another symbol, without every seventh bar."""
    kept = np.arange(len(bars)) % 7 > 0
    return {"SPY": replace(bars, symbol="SPY", close=0.5 * (bars.high + bars.low)).where(kept)}


@pytest.fixture(scope="module")
def decisions(bars: Bars) -> Decisions:
    """Decisions in any order, some of both sides at one close."""
    random = np.random.default_rng(1)
    return Decisions(random.choice(bars.close_time[3000:4000], size=N), random.choice([-1.0, 1.0], size=N))


@pytest.fixture
def own() -> Iterator[None]:
    @factor
    def closing_strength(bars, window=20):
        """Average where each bar closes between its low and its high."""
        reach = np.maximum(bars.high - bars.low, 1e-300)
        return np.mean((bars.close - bars.low) / reach)

    @factor(of="frame")
    def above(frame, window=20):
        """Stand above the mean."""
        return frame["close"] / frame["close"].rolling(window).mean() - 1

    yield
    for name in ("closing_strength", "above"):
        del FACTORS[name]


RAW = (
    *(name for name in STANDARD if name.startswith(("close__", "bars__"))),
    "open__tsfresh_maximum__window_30",
    'close__tsfresh_agg_linear_trend__attr_"slope"__chunk_len_5__f_agg_"mean"__window_30',
    "high__change__window_9",
    "close_1h__slope__window_20",
    "bars_1h__position_in_range__window_5",
    "bars_1h_so_far__position_in_range__window_3",
    "close_4h_so_far__tsfresh_minimum__window_3",
    "close_of_SPY__slope__window_20",
    "bars_1h_so_far_of_SPY__body_share__window_4",
    "bars_1h_of_SPY__from_low__window_4",
    "bars__closing_strength__window_20",
    "bars_1h_so_far_of_SPY__closing_strength__window_5",
    "bars__above__window_10",
)


def aligned(name: str) -> str:
    before, of, symbol = name.partition("__")[0].partition("_of_")
    return f"{before}_aligned{of}{symbol}__{name.partition('__')[2]}"


@pytest.mark.usefixtures("own")
def test_a_long_reads_the_market_and_a_short_the_market_upside_down(bars, others, decisions):
    found = compute(bars, decisions, [aligned(name) for name in RAW], others=others)
    long = compute(bars, decisions, RAW, others=others)
    mirror = {symbol: upside_down(other) for symbol, other in others.items()}
    short = compute(upside_down(bars), decisions, RAW, others=mirror)
    is_long = (decisions.side > 0)[:, None]
    np.testing.assert_array_equal(found, np.where(is_long, long, short))
    assert np.isfinite(found).mean() > 0.98


@pytest.mark.usefixtures("own")
def test_raw_features_do_not_change_beside_aligned_ones(bars, others, decisions):
    names = [name for pair in zip(RAW, map(aligned, RAW), strict=True) for name in pair]
    both = compute(bars, decisions, names, others=others)
    np.testing.assert_array_equal(both[:, ::2], compute(bars, decisions, RAW, others=others))
    np.testing.assert_array_equal(both[:, 1::2], compute(bars, decisions, names[1::2], others=others))
    one_by_one = [compute(bars, decisions[row : row + 1], names, others=others)[0] for row in range(0, N, 20)]
    np.testing.assert_array_equal(both[::20], one_by_one)


@pytest.mark.usefixtures("own")
def test_they_keep_the_invariants(bars, others, decisions):
    names = [aligned(name) for name in RAW]
    in_order = decisions[np.argsort(decisions.time, kind="stable")]
    assert check_features(bars, in_order, names, others=others, n_samples=10, seed=1) == []
    longs = replace(in_order, side=np.ones(N))
    for one_sided in (longs, replace(longs, side=-longs.side)):
        assert check_features(bars, one_sided, names[::5], others=others, n_samples=4, seed=1) == []


def test_a_look_ahead_is_found_in_the_mirrored_market_too(bars, decisions):
    @factor(of="frame")
    def peeks(frame, window=10):
        """Take the next close."""
        return frame["close"].shift(-1) / frame["close"]

    try:
        shorts = replace(decisions, side=-np.ones(N))[np.argsort(decisions.time, kind="stable")]
        found = check_features(bars, shorts, ["bars_1h_aligned__peeks__window_10"], n_samples=8, seed=1)
    finally:
        del FACTORS["peeks"]
    assert {"truncation", "perturbation"} <= {one.invariant for one in found}


def test_a_long_and_a_short_at_one_close_have_a_value_each(bars):
    at = np.repeat(bars.close_time[[900, 800]], 2)
    sides = Decisions(at, np.array([1.0, -1.0, 1.0, 1.0]))
    values = compute(bars, sides, ["close_aligned__change__window_9", "close__change__window_9"])
    assert values[0, 0] == values[0, 1] == values[1, 1]
    close = 1.0 / bars.close[[892, 900]]
    assert values[1, 0] == close[1] / close[0] - 1.0
    assert values[2].tolist() == values[3].tolist()


def test_the_side_is_required(bars):
    features = parse_features(["close_aligned__slope__window_20", "close_1h_aligned_of_SPY__slope__window_5"])
    required = requirements_of(features, bars.timeframe)
    assert (required.terms, required.bars, required.others) == ({"side"}, 20, {"SPY": 71})
    with pytest.raises(BadInput, match="feature 'close_aligned__slope__window_20' requires the side of the trade"):
        compute(bars, bars.close_time[-1:], features[:1])


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("volume_aligned__relative__window_20", "'volume_aligned': volume is the same for both sides; leave out _alig"),
        ("volume_1h_aligned_of_SPY__relative__window_20", "leave out _aligned"),
        ("close_aligned_1h__slope__window_20", "'close_aligned_1h' is not an input"),
        ("close_of_SPY_aligned__slope__window_20", "SPY_aligned"),
        ("close_aligned_so_far__slope__window_20", "is not an input"),
        ("close_so_far_aligned__slope__window_20", "only a bar of a higher timeframe can be forming"),
        ("trade_aligned__side", "'trade_aligned' is not an input"),
        ("clock_aligned__day_sine", "'clock_aligned' is not an input"),
        ("results_aligned__win_share__window_20", "as in close_1h, bars_1d_so_far, close_1h_aligned, close_of_SPY"),
    ],
)
def test_what_has_no_side_is_refused(name, match):
    with pytest.raises(BadInput, match=match):
        parse_feature(name)


def test_every_factor_of_bars_can_be_aligned():
    for definition in FACTORS.values():
        feature = example_of(definition)
        if feature is not None and feature.input.column in ("close", "bars"):
            assert parse_feature(aligned(feature.name)).input.aligned


def test_the_aligned_set_turns_what_differs_between_a_market_and_its_mirror(bars):
    """By rank correlation over many closes; what describes both alike is computed once, as it is."""
    names = [name for name in ALIGNED if name.startswith(("close", "bars"))]
    raw = [name.replace("_aligned", "") for name in names]
    at = bars.close_time[1000::7]
    market, mirror = compute(bars, at, raw), compute(upside_down(bars), at, raw)
    ranks = [np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0) for values in (market, mirror)]
    unturned = {f"close__slope__window_{window}" for window in (20, 50, 100, 200)}
    for column, name in enumerate(names):
        alike = np.corrcoef(ranks[0][:, column], ranks[1][:, column])[0, 1]
        assert (alike < 0.6) == ("_aligned" in name or name in unturned), f"{name}: {alike:.3f}"


def test_the_aligned_set_holds_the_standard_one_and_long_windows():
    assert {name.replace("_aligned", "") for name in ALIGNED} > set(STANDARD)
    assert "trade__side" in ALIGNED
    for window in (150, 200, 300):
        assert f"close_aligned__slope__window_{window}" in ALIGNED
        assert f"close__volatility__window_{window}" in ALIGNED
