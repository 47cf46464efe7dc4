"""Bars in which nothing traded: an order waits for the next bar with trades, or fills in any bar."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.market.execution.one_instance import FREE, QUIET, Instance, Signal
from tradesieve.market.execution.records import EXIT_REASONS

WAITING = replace(FREE, fill_without_trades=False)
UNTRADED = {
    "a market order": (Signal(max_hold=1), (101, 102, 100, 101), (103, 104, 102, 103), 103.0),
    "a trigger order": (Signal(trigger=102, max_hold=1, expiry=2), (101, 103, 100, 101), (103, 104, 102, 103), 103.0),
    "a limit order": (Signal(limit=99, max_hold=1, expiry=2), (100, 101, 98, 100), (98, 99, 97, 98), 98.0),
}


@pytest.mark.parametrize("name", UNTRADED)
def test_an_entry_waits_for_a_bar_with_trades_or_is_counted(name):
    signal, untraded, traded, price = UNTRADED[name]
    for instrument, n_untraded in ((WAITING, 0), (FREE, 1)):
        instance = Instance(instrument)
        instance.offer(signal)
        closed = instance.bar(untraded, untraded=True) + instance.bar(traded) + instance.bar(QUIET)
        assert [int(trade["n_untraded_fills"]) for trade in closed] == [n_untraded]
        assert (closed[0]["entry_price"] == price) == (instrument is WAITING)


def test_a_stop_that_is_passed_while_nothing_trades_fills_at_the_next_open_with_trades():
    for instrument, expected in ((WAITING, (3, 96.5, 0)), (FREE, (2, 97.0, 1))):
        instance = Instance(instrument)
        instance.offer(Signal(stop=98))
        assert instance.bar(QUIET) == []
        closed = instance.bar((97.0, 97.5, 96.0, 97.0), untraded=True) + instance.bar((96.5, 97.0, 96.0, 96.5))
        assert [(int(t["exit_time"]), t["exit_price"], int(t["n_untraded_fills"])) for t in closed] == [expected]


def test_a_bar_without_trades_counts_for_the_time_exit_and_the_expiry():
    instance = Instance(WAITING)
    instance.offer(Signal(max_hold=2))
    assert [instance.bar(QUIET), instance.bar(QUIET, untraded=True)] == [[], []]
    assert instance.bar(QUIET, untraded=True) == [], "the exit is due, and waits"
    (left,) = instance.bar((101, 102, 100, 101))
    assert (left["exit_price"], left["bars_held"], EXIT_REASONS[left["exit_reason"]]) == (101.0, 3, "time")
    instance.offer(Signal(limit=99))
    instance.bar((98, 99, 97, 98), untraded=True)
    assert instance.bar((98, 99, 97, 98)) == []
    assert not instance.state.position[0]["open"], "the order expired"
