"""Walk-forward optimisation: it looks at nothing after a border, repeats itself, and does not flatter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from market.bars import Bars
from market.calendars import DAY
from market.errors import BadInput
from market.instruments import Instrument
from market.scramble import scramble_after
from market.synthetic import SyntheticMarket
from market.timeframes import parse_timeframe
from strategies.optimisation import EXIT_PARAMETERS, Walk, walk_forward
from strategies.registry import RULES, parse_strategy
from strategies.returns import sortino
from strategies.rules.dip_buying import DipBuying
from strategies.rules.volatility_breakout import VolatilityBreakout
from strategies.simulator import simulate

TERMS = Instrument("AAA")


@pytest.fixture(scope="module")
def bars() -> Bars:
    return SyntheticMarket(edge=0.3, n_days=240, timeframe=parse_timeframe("1h"), seed=3).generate("AAA")[0]


@pytest.fixture(scope="module")
def walk(bars: Bars) -> Walk:
    return walk_forward(VolatilityBreakout, bars, TERMS, n_windows=4, n_trials=8, minimum_trades=10, seed=1)


def test_windows_follow_one_another(walk: Walk, bars: Bars) -> None:
    assert len(walk.windows) == 3
    assert walk.windows[0].start_time == bars.close_time[0] - 1
    assert walk.windows[-1].end_time == bars.close_time[-1]
    for before, after in zip(walk.windows, walk.windows[1:], strict=False):
        assert (after.start_time, after.border) == (before.start_time, before.end_time)


def test_the_same_seed_walks_the_same_way(walk: Walk, bars: Bars) -> None:
    again = walk_forward(VolatilityBreakout, bars, TERMS, n_windows=4, n_trials=8, minimum_trades=10, seed=1)
    assert again.as_dict() == walk.as_dict()


def test_no_choice_knows_what_comes_after_its_border(walk: Walk, bars: Bars) -> None:
    """With another future after the second border, the first two choices stay; the last one may not."""
    border = walk.windows[1].border
    other = scramble_after(bars, border, seed=5)
    changed = walk_forward(VolatilityBreakout, other, TERMS, n_windows=4, n_trials=8, minimum_trades=10, seed=1)
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
        VolatilityBreakout, noise, Instrument("AAA", 0.0, 0.0, half_spread=0.0, slippage=0.0),
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
        walk_forward(VolatilityBreakout, bars, TERMS, seed=1, **given)
    with pytest.raises(BadInput, match="5 bars are too few"):
        walk_forward(VolatilityBreakout, bars[:5], TERMS, seed=1)


def test_every_rule_has_entries_to_search() -> None:
    for rule in RULES.values():
        assert any(name not in EXIT_PARAMETERS for name in rule.grid), rule.name


def test_another_rule_on_other_terms(bars: Bars) -> None:
    walk = walk_forward(
        DipBuying, replace(bars, symbol="BBB"), Instrument("BBB"), n_windows=2, n_trials=4, minimum_trades=1, seed=1
    )
    assert len(walk.windows) == 1
    assert walk.hindsight.startswith("dip_buying(")
