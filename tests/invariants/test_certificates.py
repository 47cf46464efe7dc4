"""No factor that comes with the project is ever flagged: every set, and views of longer bars and other symbols."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve import factor
from tradesieve.features.factor import FACTORS
from tradesieve.features.feature_names import parse_features
from tradesieve.features.feature_sets import SETS, SETS_OF_SYMBOLS, expand
from tradesieve.features.invariants.features import INVARIANTS, check_features
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadData
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.pipelines.runs.factor_checks import check_on, invented_decisions

EVERY = list(dict.fromkeys(name for names in SETS.values() for name in names))
SOME = [name for name in EVERY if "window_10" in name and name.startswith(("close__", "bars__"))][::4]
VIEWS = [
    name.replace("__", f"{view}__", 1)
    for name in SOME
    for view in (
        "_1h", "_1h_so_far", "_4h_so_far", "_of_OTHER", "_1h_of_OTHER", "_1h_so_far_of_OTHER",
        "_aligned", "_1h_so_far_aligned", "_4h_aligned_of_OTHER", "_beside_OTHER", "_1h_so_far_aligned_beside_OTHER",
    )
]  # fmt: skip


@pytest.mark.parametrize("market", ["synthetic", "real"])
def test_no_factor_of_ours_is_flagged(market, request, bars_maker):
    bars = request.getfixturevalue("market_bars" if market == "synthetic" else "real_bars")[:8000]
    # Another symbol's bars lag behind and have gaps of their own.
    other = replace(bars_maker("ETH-USD", n_days=30), symbol="OTHER")
    kept = np.flatnonzero(np.random.default_rng(5).random(len(other)) < 0.9)
    columns = {name: getattr(other, name)[kept] for name in ("close_time", "open", "high", "low", "close", "volume")}
    shift = bars.close_time[0] - other.close_time[0]
    other = Bars("OTHER", other.timeframe, **{**columns, "close_time": columns["close_time"] + shift})
    beside = expand(list(SETS_OF_SYMBOLS), symbols=[bars.symbol, "OTHER"])
    assert len(beside) == 20
    assert check_on(bars, [*EVERY, *VIEWS, *beside], others={"OTHER": other}, times=10, seed=1) == []


def test_no_factor_of_ours_is_flagged_on_longer_bars(real_bars):
    for timeframe in ("15m", "1h"):
        assert check_on(resample(real_bars, parse_timeframe(timeframe)), EVERY, others={}, times=8, seed=2) == []


def test_what_is_invented_for_the_check_is_all_that_a_factor_may_need(market_bars):
    decisions = invented_decisions(market_bars, 50, seed=1)
    for term in requirements_of(parse_features(EVERY), market_bars.timeframe).terms:
        assert getattr(decisions, term) is not None, term
    assert np.all((decisions.target - decisions.stop) * decisions.side > 0)


def test_a_look_ahead_in_longer_bars_and_other_symbols_is_caught_too(market_bars, bars_maker):
    @factor(of="frame")
    def peeks(frame, window=10):
        """Take the next close."""
        return frame["close"].shift(-1) / frame["close"]

    try:
        others = {"ETH-USD": bars_maker("ETH-USD")}
        bars = market_bars[:3400]
        at = bars.close_time[200::31]
        views = ("_1h", "_1h_so_far", "_of_ETH-USD", "_1h_of_ETH-USD", "_beside_ETH-USD", "_1h_beside_ETH-USD")
        names = [f"bars{view}__peeks__window_10" for view in views]
        found = check_features(bars, at, [*names, *SOME], others=others, n_samples=8, seed=1)
        assert {one.feature for one in found} == set(names)
        assert {one.invariant for one in found} <= set(INVARIANTS)
        for name in names:
            assert {"truncation", "perturbation"} <= {one.invariant for one in found if one.feature == name}, name
    finally:
        FACTORS.pop("peeks")


def test_a_frame_factor_beside_a_symbol_with_gaps_is_no_violation(market_bars, bars_maker):
    @factor(of="frame")
    def above(frame, window=10):
        """Stand above the mean."""
        return frame["close"] / frame["close"].rolling(window).mean() - 1

    try:
        bars, other = market_bars[:3400], bars_maker("ETH-USD")
        others = {"ETH-USD": other.where(np.random.default_rng(5).random(len(other)) < 0.7)}
        names = [f"bars{view}_beside_{symbol}__above__window_10"
                 for view in ("", "_1h") for symbol in (bars.symbol, "ETH-USD")]  # fmt: skip
        assert check_features(bars, bars.close_time[200::31], names, others=others, n_samples=30, seed=1) == []
    finally:
        FACTORS.pop("above")


def test_a_market_imported_twice_on_two_grids_never_reaches_a_certificate(market_bars):
    bars = market_bars[:200]
    columns = {
        name: np.repeat(getattr(bars, name), 2) for name in ("close_time", "open", "high", "low", "close", "volume")
    }
    columns["close_time"][1::2] += bars.timeframe.duration // 2
    with pytest.raises(BadData, match="opens before the row before it has closed"):
        check_on(Bars(bars.symbol, bars.timeframe, **columns), SOME, others={}, times=5, seed=1)
