"""Every factor keeps its invariants, and factors that break one are caught."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine import history
from tradesieve.features.engine.compute import compute
from tradesieve.features.factor import FACTORS, Factor, Feature
from tradesieve.features.families import FAMILIES
from tradesieve.features.feature_names import parse_feature, parse_features
from tradesieve.features.feature_sets import SETS, STANDARD, expand
from tradesieve.features.inputs import FeatureInput
from tradesieve.features.invariants.features import Violation, check_features
from tradesieve.features.requirements import requirements_of
from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput, Unknown

TSFRESH = (
    "close__tsfresh_cid_ce__normalize_True__window_50",
    "volume__tsfresh_autocorrelation__lag_1__window_20",
    'close__tsfresh_agg_linear_trend__attr_"slope"__chunk_len_5__f_agg_"mean"__window_30',
)


VALUES = {
    "window": (2, 7, 50), "fast": (2, 3, 10), "slow": (4, 9, 50), "signal": (2, 3, 9), "smooth": (1, 2, 3),
    "past": (2, 5, 12), "days": (1, 2, 5), "threshold": (0, 0.3, 0.1), "session_minute": (0, 570, 810),
}  # fmt: skip


def every_feature() -> list[str]:
    """Name each factor on each of its inputs, over short and long windows; weeks and months are another test's."""
    names = []
    for name, factor in FACTORS.items():
        for given in factor.inputs if factor.family != "week" else ():
            parts = [[f"{parameter}_{VALUES[parameter][n]}" for parameter in factor.parameters] for n in range(3)]
            names += list(dict.fromkeys("__".join([given, name, *part]) for part in parts))
    return [*names, *TSFRESH]


OTHER = "ETH-USD"
VIEWS = (
    "close_15m__slope__window_20", "close_15m_so_far__slope__window_20", "bars_1h__adx_wilder__window_14",
    "bars_1h_so_far__adx_wilder__window_14", "bars_1h__from_last_day_high", "bars_4h_so_far__range__window_2",
    f"close_of_{OTHER}__trendiness__window_50", f"bars_30m_of_{OTHER}__true_range__window_7",
    f"volume_30m_so_far_of_{OTHER}__relative__window_5", "close_1h_so_far__tsfresh_maximum__window_3",
    f"close_1h_of_{OTHER}__tsfresh_maximum__window_3", "close_of_BTC-USD__slope__window_20",
)  # fmt: skip

SESSIONS = [
    f"clock__{name}__session_{market}"
    for name in ("since_open", "to_close")
    for market in ("XNYS", "CMES", "forex", "0930_America.New_York")
]

RAW = [*every_feature(), *VIEWS, *SESSIONS]
ALIGNED = [
    re.sub(r"^(.+?)(_of_.+?)?__", r"\1_aligned\2__", name, count=1)
    for name in RAW
    if name.startswith(("close", "bars"))
]
EVERY = [*RAW, *ALIGNED]
WEEK = [f"bars__{name}" for name, factor in FACTORS.items() if factor.family == "week"]


def decisions(bars: Bars, n: int = 400, *, seed: int = 0) -> Decisions:
    """Make decisions of two strategies, all their terms known, some without a stop, a target or others."""
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(bars), size=n, replace=False))
    close, side = bars.close[rows], random.choice([-1.0, 1.0], size=n)
    first, most = random.choice([0, 100], size=n), rows // 60
    return Decisions(
        bars.close_time[rows],
        side,
        stop=np.where(random.random(n) < 0.9, close * (1 - side * random.uniform(0.001, 0.01, n)), np.nan),
        target=np.where(random.random(n) < 0.9, close * (1 + side * random.uniform(0.001, 0.02, n)), np.nan),
        agreeing=np.where(random.random(n) < 0.9, random.random(n), np.nan),
        results=random.normal(0.0, 0.01, 200),
        first_result=first,
        end_result=first + np.minimum(most, 100),
    )


def beside(bars: Bars) -> dict[str, Bars]:
    """Make another symbol's bars: not all of those of the first, and a few of the first's absent ones."""
    random = np.random.default_rng(3)
    walk = np.exp(np.cumsum(random.normal(0.0, 1e-3, len(bars))))
    columns = {name: getattr(bars, name) * walk for name in ("open", "high", "low", "close")}
    other = Bars(OTHER, bars.timeframe, bars.close_time, volume=bars.volume + 1.0, **columns)
    kept = np.flatnonzero(random.random(len(bars)) < 0.8)
    return {OTHER: Bars(OTHER, bars.timeframe, *(getattr(other, name)[kept] for name in COLUMNS))}


@pytest.mark.parametrize("market", ["synthetic", "real"])
def test_every_factor_is_causal_and_needs_no_more_than_its_lookback(market, request):
    bars = request.getfixturevalue("market_bars" if market == "synthetic" else "real_bars")[:6000]
    at = decisions(bars)
    for names in (EVERY, STANDARD):
        assert check_features(bars, at, names, others=beside(bars), n_samples=16, seed=1) == []


@pytest.mark.parametrize("market", ["synthetic", "real"])
def test_every_factor_has_values_on_ordinary_bars(market, request):
    bars = request.getfixturevalue("market_bars" if market == "synthetic" else "real_bars")[:6000]
    at = decisions(bars)
    matrix = compute(bars, at, EVERY, others=beside(bars))
    early = np.array([[parse_feature(name).lookback(bars.timeframe) for name in EVERY]])
    known = np.searchsorted(bars.close_time, at.time, side="right")[:, None] >= early
    other = np.searchsorted(beside(bars)[OTHER].close_time, at.time, side="right")[:, None] >= early
    known = np.where([f"_of_{OTHER}__" in name for name in EVERY], other, known)
    assert np.isnan(matrix[~known]).all(), "no value where history is shorter than the lookback"
    # A position or trendiness within two flat bars has none; nor has a trade without a stop, or without enough results.
    of_trades = np.array([name.startswith(("trade__", "results__")) for name in EVERY])
    assert np.mean(np.isnan(matrix[:, ~of_trades][known[:, ~of_trades]])) < 0.01
    assert np.mean(np.isnan(matrix[:, of_trades])) < 0.3
    for column, name in enumerate(EVERY):
        raw = name.replace("_aligned", "")
        if "window_2" in name or raw == "bars__daily_volatility__days_1":
            continue  # two points are always a straight line, and one return does not vary
        if raw == "bars__day_gap" and market == "synthetic":
            continue  # bars there open at the close before them
        assert len(np.unique(matrix[:, column][known[:, column]])) > 1, f"{name} says something"


def test_the_week_and_the_month_are_causal_and_need_no_more_than_their_lookback(bars_maker):
    bars = bars_maker("BTC-USD", timeframe="4h", n_days=160)
    at = decisions(bars, 300)
    assert len(WEEK) == 12
    aligned = [name.replace("bars__", "bars_aligned__") for name in WEEK]
    assert check_features(bars, at, [*WEEK, *aligned], n_samples=40, seed=1) == []
    matrix = compute(bars, bars.close_time[lookback(WEEK, bars) :], WEEK)
    assert np.isfinite(matrix).all()
    assert min(len(np.unique(column)) for column in matrix.T) > 100


def test_a_factor_does_not_know_the_decisions_beside_it(market_bars):
    at = decisions(market_bars[:6000], 60)
    others = beside(market_bars)
    together = compute(market_bars, at, EVERY, others=others)
    order = np.random.default_rng(1).permutation(60)
    np.testing.assert_array_equal(compute(market_bars, at[order], EVERY, others=others), together[order])
    twice = compute(market_bars, at[np.repeat(np.arange(60), 2)], EVERY, others=others)
    np.testing.assert_array_equal(twice[::2], together)
    np.testing.assert_array_equal(twice[1::2], together)
    one_by_one = [compute(market_bars, at, [name], others=others)[:, 0] for name in EVERY]
    np.testing.assert_array_equal(np.column_stack(one_by_one), together)


def test_returns_do_not_depend_on_the_unit_of_price(market_bars):
    # Every factor of bars and closes is a ratio: bitcoin in cents has the features of bitcoin in dollars.
    at = decisions(market_bars[:6000], 100)
    columns = {name: getattr(market_bars, name) * 4.0 for name in ("open", "high", "low", "close")}
    other = Bars("BTC-USD", market_bars.timeframe, market_bars.close_time, volume=market_bars.volume * 2.0, **columns)
    prices = [name for name in EVERY if parse_feature(name).factor.name in ("highest", "lowest")]
    names = [name for name in EVERY if "tsfresh" not in name and name not in prices]
    dear = replace(at, stop=at.stop * 4.0, target=at.target * 4.0)
    others = beside(market_bars)
    np.testing.assert_allclose(
        compute(other, dear, names, others=others),
        compute(market_bars, at, names, others=others),
        rtol=1e-12,
        atol=1e-15,
    )
    # Levels that conditions of rules compare with a price are prices themselves; no set of features holds them.
    assert prices
    assert not set(prices) & {name for names_of_set in SETS.values() for name in names_of_set}
    mine, theirs = (compute(bars, at, prices, others=others) for bars in (market_bars, other))
    # The mirrored market of a short has reciprocal prices.
    is_reciprocal = (at.side < 0)[:, np.newaxis] & np.array(["_aligned" in name for name in prices])
    np.testing.assert_array_equal(theirs, np.where(is_reciprocal, mine / 4.0, mine * 4.0))


def test_names_read_back():
    for name in (*EVERY, *WEEK, *STANDARD):
        feature = parse_feature(name)
        assert feature.name == name
        assert parse_feature(feature.name) == feature


def test_every_factor_says_what_it_is_in_one_line():
    for factor in FACTORS.values():
        assert factor.formula.endswith("."), factor.name
        assert factor.family in {family.__name__.rpartition(".")[2] for family in FAMILIES}


def test_sets_hold_names_that_read_and_no_name_twice():
    for name, names in SETS.items():
        assert expand([name]) == names
        assert len(set(names)) == len(names)
    with pytest.raises(Unknown, match="did you mean 'standard'"):
        expand(["standart"])


# Planted faults. A compiled kernel is given a window and no more, so a fault is to read outside of it.


def honest_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the last value by the first."""
    return values[-1] / values[0]


def one_ahead_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the value after the window by its last: an index that is one too large."""
    return values[len(values)] / values[-1]


def one_behind_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the last value by the one before the window: an index that is one too small."""
    return values[-1] / values[-1 - len(values)]


def planted(kernel: object, name: str, *, window: int = 10) -> Feature:
    factor = Factor(name, "series", kernel, ("window",), lambda values, timeframe: int(values["window"]))  # type: ignore[arg-type]
    return Feature(f"close__{name}__window_{window}", factor, FeatureInput("close"), (("window", float(window)),))


def violations(bars: Bars, *features: Feature | str) -> dict[str, set[str]]:
    at = decisions(bars[:6000])
    found: dict[str, set[str]] = {}
    for violation in check_features(bars[:6000], at, features, seed=1):
        found.setdefault(violation.feature, set()).add(violation.invariant)
    return found


def test_a_factor_that_looks_one_bar_ahead_is_caught_by_name(market_bars):
    found = violations(market_bars, planted(honest_nb, "honest"), planted(one_ahead_nb, "ahead"), *STANDARD)
    assert set(found) == {"close__ahead__window_10"}
    assert found["close__ahead__window_10"] == {"truncation", "perturbation", "longer", "last_window"}


def test_a_factor_whose_lookback_is_too_short_is_caught_by_name(market_bars):
    # Also beside features that need more history than it claims, and where history lies in memory before it.
    for others in ((), STANDARD):
        found = violations(market_bars, planted(honest_nb, "honest"), planted(one_behind_nb, "behind"), *others)
        assert found == {"close__behind__window_10": {"longer", "last_window"}}


def test_a_factor_of_a_library_that_remembers_is_caught_by_name(market_bars):
    seen = []

    def remembers(values: np.ndarray, parameters: np.ndarray) -> float:
        """Average the last values of all windows that were ever asked for."""
        seen.append(values[-1])
        return float(np.mean(seen))

    factor = Factor("remembers", "series", remembers, ("window",), lambda values, timeframe: 5, compiled=False)
    found = violations(
        market_bars, Feature("close__remembers__window_5", factor, FeatureInput("close"), (("window", 5.0),))
    )
    assert found["close__remembers__window_5"] == {"purity"}, "and no other invariant can be judged"


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        (lambda columns: columns, {"close", "bars", "bars_1h_so_far"}),
        (lambda columns: (*(1.0 / column for column in columns[:4]), columns[4]), {"bars", "bars_1h_so_far"}),
        (lambda columns: (columns[0], columns[2], columns[1], columns[3], columns[4]), {"close", "bars_1h_so_far"}),
    ],
    ids=["not mirrored", "high and low not exchanged", "no reciprocals"],
)
def test_an_engine_that_mirrors_wrongly_is_caught_by_name(market_bars, monkeypatch, fault, caught):
    monkeypatch.setattr(history, "mirrored_columns", fault)
    names = [
        "close__slope__window_20", "close_aligned__slope__window_20", "bars_aligned__from_last_day_high",
        "bars_1h_so_far_aligned__position_in_range__window_5",
    ]  # fmt: skip
    found = check_features(
        market_bars[:6000], decisions(market_bars[:6000]), [*names, "close__slope__window_20"], seed=1
    )
    assert {one.invariant for one in found} == {"mirror"}
    assert caught <= {one.feature.partition("_aligned")[0] for one in found} <= {"close", "bars", "bars_1h_so_far"}
    assert "is not the same for the other side of a mirrored market: at 20" in str(found[0])
    assert found[0].certificate == "parity"


def test_a_violation_is_a_sentence_with_both_values(market_bars):
    at = decisions(market_bars[:6000])
    found = check_features(market_bars[:6000], at, [planted(one_behind_nb, "behind")], seed=1)
    assert [one.invariant for one in found] == ["longer", "last_window"], "the first time, once for each invariant"
    assert "close__behind__window_10 depends on more history than its lookback: at 20" in str(found[0])
    one = Violation("perturbation", "x", 0, 1.0, 2.0)
    assert str(one) == "x looks at the future: it changes when later bars change: at 1970-01-01T00:00:00Z it is 1, or 2"
    assert (one.certificate, found[0].certificate) == ("causality", "parity")


def test_nothing_to_check_is_no_certificate(market_bars):
    with pytest.raises(BadInput, match="no decision at which to check"):
        check_features(market_bars, np.zeros(0, np.int64), STANDARD, seed=1)


def lookback(names, bars):
    return requirements_of(parse_features(names), bars.timeframe).bars


def test_the_lookback_of_a_set_is_its_longest(market_bars):
    assert lookback(["close__slope__window_20", "bars__range__window_50"], market_bars) == 50
    assert lookback(STANDARD, market_bars) == 577, "two days of five-minute bars and one"
    assert len(STANDARD) >= 60
    assert lookback(["clock__day_sine"], market_bars) == 0
    assert lookback([], market_bars) == 0
