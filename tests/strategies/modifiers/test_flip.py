"""The opposite of a trade: its prices by hand, and what it earns and pays when it is simulated."""

from __future__ import annotations

import numpy as np
import pytest

from tests.strategies.modifiers.test_modifiers import BARS, FIVE, bars_of, decided
from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.models.protocol.plan import Plan
from tradesieve.strategies.backtest.simulator import InstanceState, run_signals, simulate
from tradesieve.strategies.modifiers.flip import Flip
from tradesieve.strategies.registry import parse_strategy
from tradesieve.strategies.signals import make_signals
from tradesieve.strategies.strategy import Policy

PAID = Instrument("X", maker_fee=0.0002, taker_fee=0.0005, half_spread=0.0001, slippage=0.0001)


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize(("entry", "becomes"), [("limit", "trigger"), ("trigger", "limit")])
def test_stop_and_target_change_places_and_a_limit_becomes_a_stop_entry(side, entry, becomes):
    signals = decided(side, **{entry: 104.0}, stop=104.0 - side * 2.0, target=104.0 + side * 5.0, trail=3.0)
    flipped = Flip().apply(signals, BARS)
    assert (flipped.side[0], flipped.stop[0], flipped.target[0]) == (-side, 104.0 + side * 5.0, 104.0 - side * 2.0)
    assert getattr(flipped, becomes)[0] == 104.0
    assert np.isnan(getattr(flipped, entry)[0])
    assert flipped.trail[0] == 3.0
    again = Flip().apply(flipped, BARS)
    assert again.records.tobytes() == signals.records.tobytes(), "the opposite of the opposite"


def test_partial_targets_are_left_out():
    signals = decided(stop=102.0, target=110.0, partial_target=106.0, partial_share=0.5)
    flipped = Flip().apply(signals, BARS)
    assert np.isnan(flipped.partial_target).all()
    assert np.isnan(flipped.partial_share).all()


def test_the_opposite_pays_its_own_costs():
    bars = SyntheticMarket(n_days=10, seed=3).generate("X")[0]
    rule = "random_entries(probability=0.05)+time_exit(bars=6)+trailing(ranges=1000)"
    plain, flipped = (simulate(parse_strategy(rule + end), bars, PAID) for end in ("", "+flip"))
    same = np.intersect1d(plain["decision_time"], flipped["decision_time"])
    assert len(same) > 20
    one, other = (table.set_index("decision_time").loc[same] for table in (plain, flipped))
    at_time = ((one["exit_reason"] == "time") & (other["exit_reason"] == "time")).to_numpy()
    assert at_time.sum() > 20
    one, other = one[at_time], other[at_time]
    np.testing.assert_allclose(other["gross_return"], -one["gross_return"], rtol=0, atol=1e-12)
    assert (other["cost"] > 0.0012).all()
    np.testing.assert_allclose(other["net_return"] + one["net_return"], -(one["cost"] + other["cost"]), atol=1e-12)


def test_a_bar_that_touches_stop_and_target_is_a_loss_of_both_sides():
    bars = bars_of([100.0, 100.0, 100.0], [101.0, 101.0, 106.0], [99.0, 99.0, 94.0])
    signals = make_signals(bars.close_time[:1], 1.0, stop=95.0, target=105.0)
    for own in (signals, Flip().apply(signals, bars)):
        (trade,) = run_signals(bars, own, Instrument("X"), InstanceState(), policy=Policy())
        assert trade["gross_return"] == pytest.approx(-0.05)


def test_a_plan_that_names_it_as_an_application_is_told_where_it_belongs():
    with pytest.raises(BadInput, match=r"flip is a modifier of strategies.* with \+flip"):
        Plan(applications=("flip",))
    assert parse_strategy("dip_buying+flip").lookback(FIVE) == parse_strategy("dip_buying").lookback(FIVE)
