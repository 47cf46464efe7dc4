"""Fast-forward: the first bar that is not quiet is found wherever it is."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.execution.fast_forward import can_fast_forward_nb, fast_forward_nb
from tradesieve.market.execution.fill_rule import advance_nb
from tradesieve.market.execution.order_entry import submit_signal_nb
from tradesieve.market.execution.records import BAR, PRICE_RANGE, TIME, TRADE, terms_of
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import InstanceState
from tradesieve.strategies.signals import make_signals
from tradesieve.strategies.strategy import Policy

N = 100
TERMS = terms_of(Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0))
POLICY = Policy().record


def opened(side: int = 1, **columns: float) -> InstanceState:
    """Enter at 100 in the bar that closes at time 1, whose prices range from 99 to 101."""
    state = InstanceState()
    signals = make_signals(np.array([0]), float(side), **columns)
    submit_signal_nb(*state.records, signals.records[0], 0, TERMS, POLICY)
    bar = np.array([(1, 100.0, 101.0, 99.0, 100.0, 0, 0, 0)], BAR)[0]
    assert advance_nb(*state.records, bar, np.zeros(0, PRICE_RANGE), TERMS, POLICY, np.zeros(2, TRADE)) == 0
    return state


def passed(state: InstanceState, high: np.ndarray, low: np.ndarray, *, end: int = N) -> int:
    """Fast-forward over bars that close at times 2, 3, ..."""
    assert can_fast_forward_nb(*state.records)
    time, close = np.arange(2, N + 2), np.full(N, 100.0)
    return fast_forward_nb(state.position[0], time, high, low, close, 0, end)


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
    columns, extreme, level = KINDS[kind]
    for reaches in (True, False):
        price = level if reaches else level + (0.25 if extreme == "low" else -0.25)
        high, low = np.full(N, 101.0), np.full(N, 99.0)
        (low if extreme == "low" else high)[at] = price
        given = columns
        if side < 0:  # upside down around 100
            high, low = 200.0 - low, 200.0 - high
            given = {name: 200.0 - value if name in ("stop", "target", "partial_target") else value
                     for name, value in columns.items()}  # fmt: skip
        state = opened(side, **given)
        expected = at if reaches else N
        assert passed(state, high, low) == expected
        assert state.position["bars_held"][0] == 1 + expected


def test_it_stops_before_leave_at_and_before_the_bar_that_reaches_max_hold():
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


def test_no_fast_forward_while_anything_else_can_act():
    state = opened(stop=90.0)
    position, order = state.records
    assert can_fast_forward_nb(position, order)
    order["pending"] = 1
    assert not can_fast_forward_nb(position, order)
    order["pending"], position["exit_requested"] = 0, TIME
    assert not can_fast_forward_nb(position, order)
    position["exit_requested"], position["cooldown_left"] = 0, 2
    assert not can_fast_forward_nb(position, order)
    assert not can_fast_forward_nb(*InstanceState().records)
