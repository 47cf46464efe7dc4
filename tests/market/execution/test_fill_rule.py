"""Every sentence of the fill rule, pinned by a case; a bar is written (open, high, low, close)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.market.execution.one_instance import COSTLY, FREE, QUIET, Instance, Signal, play
from tradesieve.market.execution.records import EXIT_REASONS
from tradesieve.strategies.strategy import Policy


def mirrored(case: Any) -> Any:
    """Turn prices upside down around 100: what happens to a long happens to the short."""
    if isinstance(case, Signal):
        flipped = {name: 200.0 - getattr(case, name) for name in ("limit", "trigger", "stop", "target")}
        partials = tuple((200.0 - price, share) for price, share in case.partials)
        return replace(case, side=-case.side, partials=partials, **flipped)
    open_, high, low, close = case
    return 200.0 - open_, 200.0 - low, 200.0 - high, 200.0 - close


# Signal, bars, and (entry bar, entry price, exit bar, exit price, reason, bars held); None: no trade closed.
CASES: dict[str, tuple[Signal, list[tuple[float, float, float, float]], tuple | None]] = {
    "a market order enters at the next bar's open, a time exit leaves at an open": (
        Signal(max_hold=2),
        [(101, 105, 99, 104), QUIET, (102, 103, 101, 103)],
        (1, 101, 3, 102, "time", 2),
    ),
    "a position as old as one bar leaves at the next open": (
        Signal(max_hold=1),
        [QUIET, (98, 99, 97, 98)],
        (1, 100, 2, 98, "time", 1),
    ),
    "without max_hold nobody is told to leave": (Signal(), [QUIET] * 30, None),
    "a limit order enters at its price when the bar trades through it": (
        Signal(limit=99, max_hold=1),
        [(100, 101, 98.9, 100), QUIET],
        (1, 99, 2, 100, "time", 1),
    ),
    "a limit order that is only touched does not enter, and expires": (
        Signal(limit=99),
        [(100, 101, 99, 100), (99, 99, 90, 95)],
        None,
    ),
    "a limit order enters at the open when the bar opens beyond it": (
        Signal(limit=99, max_hold=1),
        [(97, 98, 96, 97.5), QUIET],
        (1, 97, 2, 100, "time", 1),
    ),
    "a limit order enters at the open when the bar opens at it, touched or not": (
        Signal(limit=99, max_hold=1),
        [(99, 100, 99, 100), QUIET],
        (1, 99, 2, 100, "time", 1),
    ),
    "a limit order waits for its number of bars": (
        Signal(limit=99, expiry=3, max_hold=1),
        [QUIET, QUIET, (100, 101, 98, 100), QUIET],
        (3, 99, 4, 100, "time", 1),
    ),
    "a limit order expires after its number of bars": (
        Signal(limit=99, expiry=2),
        [QUIET, QUIET, (100, 101, 90, 91)],
        None,
    ),
    "a stop is live on the bar of a market fill": (Signal(stop=98), [(100, 101, 97, 99)], (1, 100, 1, 98, "stop", 1)),
    "a stop is live on the bar of a limit fill": (
        Signal(limit=99, stop=98),
        [(100, 101, 97, 100)],
        (1, 99, 1, 98, "stop", 1),
    ),
    "a stop that is touched is a stop": (Signal(stop=98), [QUIET, (100, 101, 98, 100)], (1, 100, 2, 98, "stop", 2)),
    "a bar that opens beyond a stop fills at the open": (
        Signal(stop=98),
        [QUIET, (95, 99, 94, 98.5)],
        (1, 100, 2, 95, "stop", 2),
    ),
    "a market order that opens beyond its stop leaves where it entered": (
        Signal(stop=98),
        [(97, 99, 96, 98)],
        (1, 97, 1, 97, "stop", 1),
    ),
    "a limit order whose stop is on the wrong side leaves where it entered": (
        Signal(limit=99, stop=99.5),
        [(100, 101, 98, 100)],
        (1, 99, 1, 99, "stop", 1),
    ),
    "a target fills at its price": (Signal(target=103), [QUIET, (100, 104, 99, 101)], (1, 100, 2, 103, "target", 2)),
    "a target that is touched fills": (Signal(target=103), [QUIET, (100, 103, 99, 101)], (1, 100, 2, 103, "target", 2)),
    "a target fills at the open when that is better": (
        Signal(target=103),
        [QUIET, (105, 106, 104, 105)],
        (1, 100, 2, 105, "target", 2),
    ),
    "a target is live on the bar of a market fill": (
        Signal(target=103),
        [(100, 104, 99, 101)],
        (1, 100, 1, 103, "target", 1),
    ),
    "a target is live on the bar of a limit order that fills at the open": (
        Signal(limit=100, target=103),
        [(100, 104, 99, 101)],
        (1, 100, 1, 103, "target", 1),
    ),
    "a target waits on the bar of a limit order that fills after the open": (
        Signal(limit=99, target=101, max_hold=1),
        [(100, 102, 98, 100), QUIET],
        (1, 99, 2, 100, "time", 1),
    ),
    "a target is live on the bar after a limit fill": (
        Signal(limit=99, target=101),
        [(100, 102, 98, 100), (100, 102, 98, 100)],
        (1, 99, 2, 101, "target", 2),
    ),
    "a bar that touches stop and target is a loss": (
        Signal(stop=98, target=102),
        [QUIET, (100, 102, 98, 101)],
        (1, 100, 2, 98, "stop", 2),
    ),
    "a bar that opens beyond its target and touches its stop is a loss": (
        Signal(stop=98, target=102),
        [QUIET, (103, 104, 97, 101)],
        (1, 100, 2, 98, "stop", 2),
    ),
    "a bar that touches stop and target on the bar of the fill is a loss": (
        Signal(stop=98, target=102),
        [(100, 103, 97, 101)],
        (1, 100, 1, 98, "stop", 1),
    ),
    "a stop goes before a time exit on the last bar held": (
        Signal(stop=98, max_hold=1),
        [(100, 101, 97, 99), QUIET],
        (1, 100, 1, 98, "stop", 1),
    ),
    "a position that was told to leave leaves at the open, whatever the bar touches": (
        Signal(stop=98, target=102, max_hold=1),
        [QUIET, (99, 110, 90, 99)],
        (1, 100, 2, 99, "time", 1),
    ),
    "a trailing stop stands its distance from the fill": (
        Signal(trail=2),
        [(100, 101.5, 98, 99)],
        (1, 100, 1, 98, "trailing_stop", 1),
    ),
    "a trailing stop moves at the close, for the bars to come": (
        # The high of 105 and the low of 99 are in one bar: the stop at 103 is live from the next bar on.
        Signal(trail=2),
        [(100, 105, 99, 104), (104, 104.5, 102.5, 103)],
        (1, 100, 2, 103, "trailing_stop", 2),
    ),
    "a trailing stop never moves back": (
        Signal(trail=2),
        [(100, 105, 99, 104), (104, 104.2, 103.5, 104), (103.2, 103.5, 102.9, 103)],
        (1, 100, 3, 103, "trailing_stop", 3),
    ),
    "a bar that opens beyond a trailing stop fills at the open": (
        Signal(trail=2),
        [(100, 105, 99, 104), (101, 102, 100, 101)],
        (1, 100, 2, 101, "trailing_stop", 2),
    ),
    "a fixed stop that is nearer rules": (
        Signal(stop=99, trail=2),
        [(100, 100.5, 98.5, 100)],
        (1, 100, 1, 99, "stop", 1),
    ),
    "a trailing stop that has come nearer rules": (
        Signal(stop=97, trail=2),
        [(100, 104, 99, 103), (103, 103.5, 101, 102)],
        (1, 100, 2, 102, "trailing_stop", 2),
    ),
    "of the bar of a limit fill only the close moves the trailing stop": (
        # The high of 103 may have come before the fill at 99: the stop rises with the close of 100 alone.
        Signal(limit=99, trail=2),
        [(101, 103, 98, 100), (99, 99.5, 98.5, 99), (98.5, 99, 98, 98.5)],
        (1, 99, 3, 98, "trailing_stop", 3),
    ),
    "a trailing stop and a target in one bar are a loss": (
        Signal(trail=2, target=102),
        [(100, 103, 98, 101)],
        (1, 100, 1, 98, "trailing_stop", 1),
    ),
}


@pytest.mark.parametrize("mirror", [False, True], ids=["long", "short"])
@pytest.mark.parametrize("name", CASES)
def test_the_fill_rule(name, mirror):
    signal, bars, expected = CASES[name]
    if mirror:
        signal, bars = mirrored(signal), [mirrored(bar) for bar in bars]
    trade = play(signal, *bars)
    if expected is None:
        assert trade is None
        return
    entry_bar, entry_price, exit_bar, exit_price, reason, bars_held = expected
    if mirror:
        entry_price, exit_price = 200.0 - entry_price, 200.0 - exit_price
    assert (trade["decision_time"], trade["entry_time"], trade["exit_time"]) == (0, entry_bar, exit_bar)
    assert (trade["entry_price"], trade["exit_price"]) == (entry_price, exit_price)
    assert EXIT_REASONS[int(trade["exit_reason"])] == reason
    assert trade["bars_held"] == bars_held
    side = -1 if mirror else 1
    assert trade["side"] == side
    assert trade["gross_return"] == pytest.approx(side * (exit_price - entry_price) / entry_price, abs=1e-15)
    assert trade["net_return"] == trade["gross_return"]
    assert trade["cost"] == 0.0


MAKER, TAKER, SLIP = 0.001, 0.002, 0.004


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize(
    ("signal", "bars", "entry_rests", "exit_rests"),
    [
        (Signal(stop=98), [QUIET, (100, 101, 97, 99)], False, False),
        (Signal(trail=2), [QUIET, (100, 100.2, 97, 99)], False, False),
        (Signal(max_hold=1), [QUIET, QUIET], False, False),
        (Signal(target=103), [QUIET, (100, 104, 99.5, 101)], False, True),
        (Signal(limit=99, stop=98), [(100, 101, 98.5, 100), (100, 101, 97, 99)], True, False),
        (Signal(limit=99, target=103), [(100, 101, 98.5, 100), (100, 104, 99, 101)], True, True),
        (Signal(limit=99, target=103), [(98, 101, 97.5, 100), (105, 106, 104, 105)], True, True),
    ],
    ids=["stop", "trailing", "time", "target", "limit and stop", "limit and target", "better prices"],
)
def test_who_pays_what(side, signal, bars, entry_rests, exit_rests):
    if side < 0:
        signal, bars = mirrored(signal), [mirrored(bar) for bar in bars]
    free = play(signal, *bars)
    paid = play(signal, *bars, instrument=COSTLY)
    entry, leave = float(free["entry_price"]), float(free["exit_price"])
    # Market orders fill against us by half-spread and slippage together; limits and targets at their price.
    expected_entry = entry if entry_rests else entry * (1 + side * SLIP)
    expected_exit = leave if exit_rests else leave * (1 - side * SLIP)
    assert paid["entry_price"] == pytest.approx(expected_entry, rel=1e-15)
    assert paid["exit_price"] == pytest.approx(expected_exit, rel=1e-15)
    fees = (MAKER if entry_rests else TAKER) + (MAKER if exit_rests else TAKER) * expected_exit / expected_entry
    net = side * (expected_exit - expected_entry) / expected_entry - fees
    assert paid["gross_return"] == free["gross_return"]
    assert paid["net_return"] == pytest.approx(net, abs=1e-15)
    assert paid["cost"] == pytest.approx(paid["gross_return"] - net, abs=1e-15)
    assert paid["exit_reason"] == free["exit_reason"], "costs change no decision"


def test_excursions_and_the_multiple_of_risk():
    trade = play(Signal(stop=98, max_hold=2), (100, 103, 99, 101), (101, 102, 98.5, 100), (104, 110, 90, 100))
    assert trade["mfe"] == pytest.approx(0.04), "the open it left at, not the high after"
    assert trade["mae"] == pytest.approx(-0.015), "not the low after it left"
    assert trade["r_multiple"] == pytest.approx(0.04 / 0.02)
    stopped = play(Signal(stop=98), (100, 103, 99, 101), (101, 102, 90, 91))
    assert (stopped["mae"], stopped["mfe"]) == pytest.approx((-0.02, 0.03)), "of the last bar only the exit counts"
    assert stopped["r_multiple"] == pytest.approx(-1.0)
    limit = play(Signal(limit=99, max_hold=1), (100, 104, 98, 99.5), (99, 105, 95, 99))
    assert limit["mfe"] == pytest.approx(0.5 / 99), "the high of 104 may have come before the fill"
    assert limit["mae"] == pytest.approx(-1 / 99)
    assert math.isnan(play(Signal(max_hold=1), QUIET, QUIET)["r_multiple"])
    assert math.isnan(play(Signal(stop=98), (97, 99, 96, 98))["r_multiple"]), (
        "entered beyond its stop: no risk to count in"
    )


def test_risk_is_counted_from_the_price_paid():
    trade = play(Signal(stop=98), QUIET, (100, 101, 97, 99), instrument=COSTLY)
    paid = 100 * (1 + SLIP)
    assert trade["r_multiple"] == pytest.approx(float(trade["net_return"]) / ((paid - 98) / paid))


def test_end_of_data_leaves_at_the_last_close_with_its_own_reason():
    instance = Instance(COSTLY)
    assert instance.end(QUIET) == []
    instance.offer(Signal(max_hold=2))
    for bar in (QUIET, (100, 101, 99, 100.7)):
        assert instance.bar(bar) == []
    (trade,) = instance.end((100, 101, 99, 100.7))
    assert EXIT_REASONS[int(trade["exit_reason"])] == "end_of_data", "although it was told to leave on time"
    assert trade["exit_price"] == pytest.approx(100.7 * (1 - SLIP))
    assert (trade["exit_time"], trade["bars_held"]) == (2, 2)
    assert instance.end(QUIET) == [], "and is flat then"


def test_one_position_or_order_at_a_time():
    instance = Instance()
    assert instance.offer(Signal(limit=90, expiry=2))
    assert not instance.offer(Signal()), "an order waits"
    instance.bar(QUIET)
    assert not instance.offer(Signal()), "it still waits"
    instance.bar(QUIET)
    assert instance.offer(Signal(stop=98), tag=7), "it expired at this close"
    instance.bar(QUIET)
    assert not instance.offer(Signal()), "a position is open"
    assert not instance.offer(Signal(side=-1.0)), "this rule does not exit on opposite signals"
    (trade,) = instance.bar((100, 101, 97, 99))
    assert trade["tag"] == 7
    assert instance.offer(Signal()), "flat again at the close of the bar it left in"


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_an_opposite_signal_leaves_and_enters_at_the_next_open(side):
    instance = Instance(policy=Policy(exits_on_opposite=True))
    instance.offer(Signal(side=side), tag=1)
    instance.bar(QUIET)
    assert not instance.offer(Signal(side=side), tag=2), "a signal of the same side is not opposite"
    assert instance.offer(Signal(side=-side, max_hold=1), tag=3)
    assert not instance.offer(Signal(side=-side), tag=4), "it was told to leave already"
    (first,) = instance.bar((102, 103, 101, 102))
    assert (first["tag"], first["exit_price"], EXIT_REASONS[int(first["exit_reason"])]) == (1, 102.0, "opposite")
    (second,) = instance.bar((105, 106, 104, 105))
    assert (second["tag"], second["entry_price"], second["entry_time"], second["side"]) == (3, 102.0, 2, -side)


def test_an_old_position_may_leave_and_a_new_one_be_stopped_in_one_bar():
    instance = Instance(policy=Policy(exits_on_opposite=True))
    instance.offer(Signal(), tag=1)
    instance.bar(QUIET)
    instance.offer(Signal(side=-1.0, stop=103.0), tag=2)
    first, second = instance.bar((101, 104, 100, 102))
    assert [first["tag"], second["tag"]] == [1, 2]
    assert (second["entry_price"], second["exit_price"]) == (101.0, 103.0)
    assert first["exit_time"] == second["entry_time"] == second["exit_time"] == 2


def test_an_opposite_limit_order_waits_while_the_position_leaves():
    instance = Instance(policy=Policy(exits_on_opposite=True))
    instance.offer(Signal(), tag=1)
    instance.bar(QUIET)
    instance.offer(Signal(side=-1.0, limit=105.0, expiry=2, max_hold=1), tag=2)
    (first,) = instance.bar(QUIET)
    assert EXIT_REASONS[int(first["exit_reason"])] == "opposite"
    assert instance.bar((104, 106, 103, 104)) == []
    (second,) = instance.bar(QUIET)
    assert (second["entry_price"], second["entry_time"]) == (105.0, 3)


def test_a_signal_at_the_close_of_a_time_exit_is_not_taken():
    instance = Instance(policy=Policy(exits_on_opposite=True))
    instance.offer(Signal(max_hold=1))
    instance.bar(QUIET)
    assert not instance.offer(Signal(side=-1.0))
    assert len(instance.bar(QUIET)) == 1
    assert instance.offer(Signal(side=-1.0))


def test_market_fills_are_rounded_against_us_and_resting_orders_lie_on_the_grid():
    coarse = replace(FREE, tick=0.5)
    stopped = play(Signal(stop=98.2), (100.1, 101, 97, 99), instrument=coarse)
    assert (stopped["entry_price"], stopped["exit_price"]) == (100.5, 98.0)
    assert stopped["cost"] > 0
    # A limit at 99.2 waits at 99.0, a target at 102.7 at 103.0: neither fills at a price that does not exist.
    limit = Signal(limit=99.2, target=102.7, expiry=2)
    assert play(limit, (100, 101, 99.0, 100), (100, 101, 99.5, 100), (103, 104, 102, 103), instrument=coarse) is None
    filled = play(limit, (100, 101, 98.5, 100), (100, 102.5, 99, 100), (100, 103, 99, 100), instrument=coarse)
    assert (filled["entry_price"], filled["exit_price"], filled["exit_time"]) == (99.0, 103.0, 3)
    assert filled["cost"] == 0.0
