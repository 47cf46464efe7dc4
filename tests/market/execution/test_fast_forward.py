"""Quiet bars: the first one that is not is found wherever it stands."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.execution.fast_forward import may_be_quiet_nb, pass_quiet_nb
from tradesieve.market.execution.fill_rule import accept_nb, advance_nb
from tradesieve.market.execution.records import CLOSED, terms_of
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import InstanceState
from tradesieve.strategies.signals import make_signals
from tradesieve.strategies.strategy import Policy

N = 100
NONE = np.zeros(0)
TERMS = terms_of(Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0))[0]
POLICY = Policy().record[0]


def opened(side: int = 1, **wishes: float) -> InstanceState:
    """Enter at 100 in the bar that closes at time 1, in which the price ran from 99 to 101."""
    state = InstanceState()
    signals = make_signals(np.array([0]), float(side), **wishes)
    accept_nb(*state.records, 0, signals.records[0], TERMS, POLICY)
    room = np.zeros(2, CLOSED)
    assert advance_nb(*state.records, *room, 1, 100.0, 101.0, 99.0, 100.0, NONE, NONE, 0, 0, TERMS, POLICY) == 0
    return state


def passed(state: InstanceState, high: np.ndarray, low: np.ndarray, *, end: int = N) -> int:
    """Pass over bars that close at times 2, 3, ..."""
    assert may_be_quiet_nb(state.position[0], state.order[0])
    time, close = np.arange(2, N + 2), np.full(N, 100.0)
    return pass_quiet_nb(state.position[0], state.plan[0], time, high, low, close, 0, end)


KINDS = {
    "stop": ({"stop": 97.0, "target": 110.0}, "low", 97.0),
    "target": ({"stop": 90.0, "target": 103.0}, "high", 103.0),
    "partial target": ({"partial_target": 103.0, "partial_share": 0.5, "target": 110.0}, "high", 103.0),
    "trailing stop": ({"trail": 4.0}, "low", 97.0),
    "stop after break-even": ({"stop": 97.0, "break_even": 5.0}, "low", 97.0),
}


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("at", range(0, N, 3))
@pytest.mark.parametrize("kind", KINDS)
def test_a_touch_ends_it_and_a_tick_less_does_not(kind, at, side):
    wishes, extreme, level = KINDS[kind]
    for reaches in (True, False):
        price = level if reaches else level + (0.25 if extreme == "low" else -0.25)
        high, low = np.full(N, 101.0), np.full(N, 99.0)
        (low if extreme == "low" else high)[at] = price
        told = wishes
        if side < 0:  # upside down around 100
            high, low = 200.0 - low, 200.0 - high
            told = {name: 200.0 - value if name in ("stop", "target", "partial_target") else value
                    for name, value in wishes.items()}  # fmt: skip
        state = opened(side, **told)
        expected = at if reaches else N
        assert passed(state, high, low) == expected
        assert state.position["bars_held"][0] == 1 + expected


def test_it_stops_before_the_time_to_leave_and_before_the_bar_that_ends_the_hold():
    high, low = np.full(N, 101.0), np.full(N, 99.0)
    assert passed(opened(stop=90.0, leave_at=50), high, low) == 48, "the bar that closes at 50"
    assert passed(opened(stop=90.0, max_hold=40), high, low) == 38, "the bar in which it is held for 40"
    assert passed(opened(stop=90.0), high, low, end=7) == 7


def test_the_stop_follows_within_the_run():
    # The high of one bar brings the trailing stop to the low of a later one, and break-even to the entry.
    high, low = np.full(N, 101.0), np.full(N, 99.0)
    high[40], low[60] = 108.0, 102.0
    low[41:60] = low[61:] = 105.0
    high[41:] = 107.0
    assert passed(opened(trail=6.0), high, low) == 60
    low[60] = 100.0
    assert passed(opened(stop=90.0, break_even=8.0), high, low) == 60
    assert passed(opened(stop=90.0, break_even=8.25), high, low) == N


def test_nothing_is_passed_over_while_something_is_under_way():
    state = opened(stop=90.0)
    held, order = state.position[0], state.order[0]
    assert may_be_quiet_nb(held, order)
    order["live"] = 1
    assert not may_be_quiet_nb(held, order)
    order["live"], held["leaving"] = 0, 4
    assert not may_be_quiet_nb(held, order)
    held["leaving"], held["rest"] = 0, 2
    assert not may_be_quiet_nb(held, order)
    assert not may_be_quiet_nb(*InstanceState().records[:2])
