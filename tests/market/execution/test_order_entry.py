"""Order entry: which signals an instance takes, and the orders that they become."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradesieve.market.execution.order_entry import (
    ADDITION,
    ENTRY,
    REJECTED,
    classify_signal_nb,
    submit_signal_nb,
)
from tradesieve.market.execution.records import LIMIT, MARKET, OPPOSITE, TIME, TRIGGER, terms_of
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import InstanceState
from tradesieve.strategies.signals import make_signals
from tradesieve.strategies.strategy import Policy

TERMS = terms_of(Instrument("X", tick=0.5))


def an_instance(*, side: float = 0.0, pending: int = 0, **fields: int) -> InstanceState:
    """An instance with a position on a side (0: none) and perhaps a pending order."""
    state = InstanceState()
    state.position["open"], state.position["side"], state.position["n_entries"] = side != 0.0, side, side != 0.0
    state.order["pending"] = pending
    for name, value in fields.items():
        state.position[name] = value
    return state


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize(
    ("instance", "policy", "same", "opposite"),
    [
        ({}, Policy(), ENTRY, ENTRY),
        ({"pending": 1}, Policy(), REJECTED, REJECTED),
        ({"cooldown_left": 1}, Policy(), REJECTED, REJECTED),
        ({"open": True}, Policy(), REJECTED, REJECTED),
        ({"open": True}, Policy(exits_on_opposite=True), REJECTED, ENTRY),
        ({"open": True}, Policy(max_entries=2), ADDITION, REJECTED),
        ({"open": True, "n_entries": 2}, Policy(max_entries=2), REJECTED, REJECTED),
        ({"open": True, "pending": 1}, Policy(exits_on_opposite=True, max_entries=2), REJECTED, ENTRY),
        ({"open": True, "exit_requested": TIME}, Policy(exits_on_opposite=True, max_entries=2), REJECTED, REJECTED),
        ({"open": True, "cooldown_left": 1}, Policy(exits_on_opposite=True, max_entries=2), REJECTED, REJECTED),
    ],
)
def test_what_becomes_of_a_signal(instance, policy, same, opposite, side):
    fields = dict(instance)
    state = an_instance(side=side if fields.pop("open", False) else 0.0, **fields)
    assert classify_signal_nb(*state.records, side, policy.record) == same
    assert classify_signal_nb(*state.records, -side, policy.record) == opposite


@pytest.mark.parametrize(
    ("columns", "kind", "price"),
    [
        ({}, MARKET, math.nan),
        ({"limit": 99.7}, LIMIT, {1.0: 99.5, -1.0: 100.0}),
        ({"trigger": 101.2}, TRIGGER, {1.0: 101.2, -1.0: 101.2}),
    ],
    ids=["market", "limit", "trigger"],
)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_signal_becomes_an_order(columns, kind, price, side):
    state = InstanceState()
    signal = make_signals(np.array([7]), side, expiry=3, stake=0.5, **columns).records[0]
    assert submit_signal_nb(*state.records, signal, 42, TERMS, Policy().record) == ENTRY
    order = state.order[0]
    assert order["signal"].tobytes() == signal.tobytes()
    assert (order["tag"], order["pending"], order["is_addition"], order["bars_left"]) == (42, 1, 0, 3)
    assert order["kind"] == kind
    assert math.isnan(order["level"]) if kind == MARKET else order["level"] == side * price[side]


def test_a_rejected_signal_leaves_the_order_alone():
    state = an_instance(pending=1)
    before = state.order.tobytes()
    signal = make_signals(np.array([7]), 1.0).records[0]
    assert submit_signal_nb(*state.records, signal, 42, TERMS, Policy().record) == REJECTED
    assert state.order.tobytes() == before


def test_an_opposite_signal_requests_the_exit_at_the_last_close():
    state = an_instance(side=1.0)
    state.position["last_close"], state.position["signal"]["exit_wait"] = 100.2, 4
    signal = make_signals(np.array([7]), -1.0).records[0]
    assert submit_signal_nb(*state.records, signal, 42, TERMS, Policy(exits_on_opposite=True).record) == ENTRY
    position, order = state.records
    assert (position["exit_requested"], position["exit_bars_left"], position["exit_level"]) == (OPPOSITE, 4, 100.5)
    assert (order["pending"], order["is_addition"], order["signal"]["side"]) == (1, 0, -1.0)
