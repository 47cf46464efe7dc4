"""Walk-forward optimisation: it looks at nothing after a border, repeats itself, and does not flatter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.perturbation import scramble_after
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import MODIFIERS, RULES, parse_strategy
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.search.search_space import EXIT_PARAMETERS, SearchedParameter, search_space
from tradesieve.strategies.search.walk_forward import Walk, walk_forward
from tradesieve.strategies.statistics.daily_returns import sortino

TERMS = Instrument("AAA")
BREAKOUT = search_space("volatility_breakout")


@pytest.fixture(scope="module")
def bars() -> Bars:
    return SyntheticMarket(edge=0.3, n_days=240, timeframe=parse_timeframe("1h"), seed=3).generate("AAA")[0]


@pytest.fixture(scope="module")
def walk(bars: Bars) -> Walk:
    return walk_forward(BREAKOUT, bars, TERMS, n_windows=4, n_trials=8, minimum_trades=10, seed=1)


def test_windows_follow_one_another(walk: Walk, bars: Bars) -> None:
    assert len(walk.windows) == 3
    assert walk.windows[0].start_time == bars.close_time[0] - 1
    assert walk.windows[-1].end_time == bars.close_time[-1]
    for before, after in zip(walk.windows, walk.windows[1:], strict=False):
        assert (after.start_time, after.border) == (before.start_time, before.end_time)


def test_the_same_seed_walks_the_same_way(walk: Walk, bars: Bars) -> None:
    again = walk_forward(BREAKOUT, bars, TERMS, n_windows=4, n_trials=8, minimum_trades=10, seed=1)
    assert again.as_dict() == walk.as_dict()


def test_a_choice_at_an_end_of_its_range_is_said(bars: Bars) -> None:
    """Trades that may last longer earn more here, so the longest is chosen; stops are best in between."""
    rule = "volatility_breakout(window=20,multiple=1.5,reward=2,stop_ranges={},max_hold={})"
    for text, at_edge in ((rule.format("2", "1|3"), ("max_hold",)), (rule.format("2|2.5", "24"), ())):
        found = walk_forward(search_space(text), bars, TERMS, n_windows=3, n_trials=12, minimum_trades=10, seed=1)
        assert [window.at_edge for window in found.windows] == [at_edge] * 2
        assert [window["at_edge"] for window in found.as_dict()["windows"]] == [list(at_edge)] * 2


def test_an_edge_is_near_an_end_and_a_switch_has_none() -> None:
    window = SearchedParameter("window", 20, 120, True, "entries")
    assert [window.is_edge(value) for value in (20, 22, 23, 70, 117, 118, 120)] == [
        True,
        True,
        *[False] * 3,
        True,
        True,
    ]
    assert not SearchedParameter("opposite_exit", 0, 1, True, "exits").is_edge(1)


def test_no_choice_knows_what_comes_after_its_border(walk: Walk, bars: Bars) -> None:
    """With another future after the second border, the first two choices stay; the last one may not."""
    border = walk.windows[1].border
    other = scramble_after(bars, border, seed=5)
    changed = walk_forward(BREAKOUT, other, TERMS, n_windows=4, n_trials=8, minimum_trades=10, seed=1)
    assert [w.strategy for w in changed.windows[:2]] == [w.strategy for w in walk.windows[:2]]
    assert [w.in_sample for w in changed.windows[:2]] == [w.in_sample for w in walk.windows[:2]]
    assert changed.windows[1].out_of_sample != walk.windows[1].out_of_sample


def test_a_window_is_the_trades_decided_and_closed_in_it(walk: Walk, bars: Bars) -> None:
    window = walk.windows[1]
    trades = simulate(parse_strategy(window.strategy), bars, TERMS)
    own = trades[(trades["decision_time"] > window.border) & (trades["exit_time"] <= window.end_time)]
    own = own[own["exit_reason"] != "end_of_data"]
    days = own.groupby(own["exit_time"] // DAY)["net_return"].sum()
    whole = days.reindex(range((window.border + 1) // DAY, window.end_time // DAY + 1), fill_value=0.0)
    assert window.n_trades == len(own)
    expected = sortino(whole.to_numpy(), days_per_year=TERMS.trading_calendar.days_per_year)
    assert window.out_of_sample == pytest.approx(expected, rel=1e-12)


def test_each_stage_improves_on_the_default_or_keeps_it(bars: Bars, walk: Walk) -> None:
    default, cut = simulate(VolatilityBreakout(), bars, TERMS), walk.windows[-1].border
    own = default[(default["exit_time"] <= cut)]
    days = np.zeros(cut // DAY - bars.close_time[0] // DAY + 1)
    np.add.at(days, own["exit_time"].to_numpy() // DAY - bars.close_time[0] // DAY, own["net_return"].to_numpy())
    assert walk.windows[-1].in_sample >= sortino(days, days_per_year=365.0)


def test_on_a_random_walk_hindsight_flatters(bars: Bars) -> None:
    noise = SyntheticMarket(edge=0.0, n_days=240, timeframe=parse_timeframe("1h"), seed=9).generate("AAA")[0]
    found = walk_forward(
        BREAKOUT, noise, Instrument("AAA", 0.0, 0.0, half_spread=0.0, slippage=0.0),
        n_windows=4, n_trials=20, minimum_trades=10, seed=2,
    ).as_dict()["paths"]  # fmt: skip
    assert found["in_sample"]["sortino"] > found["out_of_sample"]["sortino"]
    assert found["in_sample"]["n_days"] == found["out_of_sample"]["n_days"] == found["default"]["n_days"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_windows": 1}, "at least 2 windows"),
        ({"n_trials": 1}, "2 trials"),
        ({"minimum_trades": 100_000}, "no parameters of volatility_breakout make 100000 trades"),
    ],
)
def test_what_cannot_be_walked_is_refused(bars: Bars, change: dict[str, int], said: str) -> None:
    given = {"n_windows": 3, "n_trials": 2, "minimum_trades": 5} | change
    with pytest.raises(BadInput, match=said):
        walk_forward(BREAKOUT, bars, TERMS, seed=1, **given)
    with pytest.raises(BadInput, match="5 bars are too few"):
        walk_forward(BREAKOUT, bars[:5], TERMS, seed=1)


def test_every_rule_has_entries_to_search() -> None:
    for rule in RULES.values():
        assert any(name not in EXIT_PARAMETERS for name in rule.grid), rule.name


def test_another_rule_on_other_terms(bars: Bars) -> None:
    walk = walk_forward(
        search_space("dip_buying"),
        replace(bars, symbol="BBB"),
        Instrument("BBB"),
        n_windows=2,
        n_trials=4,
        minimum_trades=1,
        seed=1,
    )
    assert len(walk.windows) == 1
    assert walk.hindsight.startswith("dip_buying(")


def test_modifiers_are_searched_with_the_exits(bars: Bars) -> None:
    space = search_space("volatility_breakout(window=10,multiple=1)+trailing(ranges=1|4)+limit_entry+fixed_fraction")
    assert [str(each) for each in space.of_stage("entries")] == [
        "limit_entry.offset 0.1 to 1",
        "limit_entry.expiry 1 to 6",
    ]
    assert [each.name for each in space.of_stage("exits")][-1] == "trailing.ranges"
    assert space.fixed == ("fixed_fraction",)
    walk = walk_forward(space, bars, TERMS, n_windows=3, n_trials=12, minimum_trades=5, seed=1)
    chosen = [parse_strategy(window.strategy) for window in walk.windows] + [parse_strategy(walk.hindsight)]
    for strategy in chosen:
        limit, trail, size = strategy.modifiers  # type: ignore[attr-defined]
        assert (strategy.rule.window, strategy.rule.multiple, size.fraction) == (10, 1, 1)  # type: ignore[attr-defined]
        assert 1 <= trail.ranges <= 4
        assert 0.1 <= limit.offset <= 1
        assert isinstance(limit.expiry, int)
    assert len({strategy.id for strategy in chosen}) > 1
    assert len(walk.days) == len(walk.paths["out_of_sample"])


def test_finer_bars_settle_what_the_search_sees() -> None:
    finer = SyntheticMarket(n_days=60, timeframe=parse_timeframe("5m")).generate("AAA")[0]
    bars, space = (
        resample(finer, parse_timeframe("1h")),
        search_space("volatility_breakout(window=10|20,stop_ranges=0.3)"),
    )
    walks = [
        walk_forward(space, bars, TERMS, n_windows=2, n_trials=2, minimum_trades=5, seed=1, finer=given)
        for given in (None, finer)
    ]
    assert walks[0].paths["default"].tolist() != walks[1].paths["default"].tolist()


def test_what_is_written_decides_what_is_searched() -> None:
    left = {each.name for each in search_space("donchian_channel(window=20)").searched}
    assert left == {"exit_window", "opposite_exit", "max_hold"}
    space = search_space("donchian_channel(window=30|40)+scale_out(reward=0.5)+scale_out(share=0.2,reward=1|2)")
    assert [str(each) for each in space.searched if "window" in each.name] == [
        "window 30 to 40",
        "exit_window 10 to 20",
    ]
    assert [str(each) for each in space.searched][-1] == "scale_out2.reward 1 to 2"
    assert space.make({"window": 35, "scale_out2.reward": 1.5}).id == (
        "donchian_channel(window=35,exit_window=10,opposite_exit=1,max_hold=96)"
        "+scale_out(share=0.2,reward=1.5,window=20)+scale_out(share=0.5,reward=0.5,window=20)"
    )
    assert parse_strategy(space.make({}).id) == space.make({})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("donchian_chanel", "did you mean 'donchian_channel'"),
        ("donchian_channel+trailng", "did you mean 'trailing'"),
        ("donchian_channel+trailing(range=2)", "did you mean 'ranges'"),
        ("moving_average_cross(fast=10,slow=50,stop_ranges=2,reward=3)", "leaves nothing to search"),
        ("donchian_channel+exchange_close(calendar=XNYS|XLON)", "calendar is a word, and only numbers are searched"),
        ("donchian_channel+trailing(ranges=-1|2)", "ranges is -1"),
        ("donchian_channel+fixed_stop+fixed_stop", "fixed_stop is given 2 times"),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        search_space(text)


def test_the_ranges_of_modifiers_are_within_what_they_allow() -> None:
    for name, kind in MODIFIERS.items():
        for parameter, (low, high) in kind.search_range.items():
            assert low < high
            for value in (low, high):
                text = f"volatility_breakout+{name}({parameter}={value:g})"
                assert parse_strategy(text).id.count(f"{parameter}={value:g}") == 1
