"""Laws of the fill rule that hold on any bars, for any order and any costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.fills import CLOSED, EXIT_REASONS, ORDER, POSITION, accept_nb, advance_nb, close_out_nb, terms_of
from market.instruments import Instrument

FREE = Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0)
RATES = ("maker_fee", "taker_fee", "half_spread", "slippage")
MIRROR = 256.0


@dataclass(frozen=True)
class Wish:
    side: float
    limit: float
    stop: float
    target: float
    trail: float
    max_hold: int
    expiry: int


# Prices on quarters below 256: their mirror image and their double are exact in binary.
prices = st.integers(4 * 80, 4 * 120).map(lambda quarters: quarters / 4)
distances = st.one_of(st.just(math.nan), st.integers(1, 48).map(lambda quarters: quarters / 4))


@st.composite
def bars(draw: st.DrawFn) -> list[tuple[float, float, float, float]]:
    made = []
    for _ in range(draw(st.integers(1, 12))):
        first, second, third, last = (draw(prices) for _ in range(4))
        low, high = min(first, second, third, last), max(first, second, third, last)
        made.append((first, high, low, last))
    return made


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    side = draw(st.sampled_from([1.0, -1.0]))
    middle = draw(prices)
    return Wish(
        side=side,
        limit=draw(st.one_of(st.just(math.nan), prices)),
        stop=middle - side * draw(distances),
        target=middle + side * draw(distances),
        trail=draw(distances),
        max_hold=draw(st.integers(0, 6)),
        expiry=draw(st.integers(1, 4)),
    )


rates = st.floats(0.0, 0.05)
instruments = st.builds(
    Instrument, st.just("X"), maker_fee=rates, taker_fee=rates, half_spread=rates, slippage=rates,
    tick=st.sampled_from([0.0, 0.25, 0.1]),
)  # fmt: skip


def play(wish: Wish, path: list[tuple[float, float, float, float]], instrument: Instrument) -> np.void | None:
    """Live one order through the bars, to the end of the data if need be."""
    position, order, closed = np.zeros(1, POSITION), np.zeros(1, ORDER), np.zeros(2, CLOSED)
    terms = terms_of(instrument)
    accept_nb(
        position, order, 0, 0, wish.side, wish.limit, wish.stop, wish.target, wish.trail,
        wish.max_hold, wish.expiry, False,
    )  # fmt: skip
    for time, bar in enumerate(path, start=1):
        if advance_nb(position, order, closed, time, *bar, terms):
            return closed[0]
    return closed[0] if close_out_nb(position, closed, len(path), path[-1][3], terms) else None


def events(trade: np.void | None) -> tuple | None:
    """What happened, prices aside."""
    if trade is None:
        return None
    return tuple(int(trade[name]) for name in ("entry_time", "exit_time", "exit_reason", "bars_held"))


def numbers(trade: np.void) -> list[float]:
    return [float(trade[name]) for name in ("gross_return", "cost", "net_return", "r_multiple", "mae", "mfe")]


law = settings(max_examples=200, deadline=None)


@law
@given(wishes(), bars(), instruments)
def test_costs_never_help_and_change_nothing_but_money(wish, path, instrument):
    free, paid = play(wish, path, replace(FREE, tick=instrument.tick)), play(wish, path, instrument)
    assert events(free) == events(paid)
    if paid is None:
        return
    assert paid["cost"] >= -1e-13
    assert paid["net_return"] == pytest.approx(paid["gross_return"] - paid["cost"], abs=1e-14)
    assert paid["net_return"] <= free["net_return"] + 1e-13
    assert paid["gross_return"] == free["gross_return"]


@law
@given(wishes(), bars(), instruments, st.sampled_from(RATES), st.floats(0.0, 0.05))
def test_more_costs_never_help_more(wish, path, instrument, name, more):
    dearer = replace(instrument, **{name: getattr(instrument, name) + more})
    less, most = play(wish, path, instrument), play(wish, path, dearer)
    assert events(less) == events(most)
    if less is not None:
        assert most["net_return"] <= less["net_return"] + 1e-13
        assert most["gross_return"] == less["gross_return"]


@law
@given(wishes(), bars(), instruments)
def test_twice_the_price_is_the_same_return(wish, path, instrument):
    instrument = replace(instrument, tick=0.0)
    double = replace(wish, **{name: 2 * getattr(wish, name) for name in ("limit", "stop", "target", "trail")})
    single = play(wish, path, instrument)
    doubled = play(double, [tuple(2 * price for price in bar) for bar in path], instrument)
    assert events(single) == events(doubled)
    if single is not None:
        np.testing.assert_array_equal(numbers(single), numbers(doubled))


@law
@given(wishes(), bars())
def test_mirrored_prices_swap_long_and_short(wish, path):
    flipped = {name: MIRROR - getattr(wish, name) for name in ("limit", "stop", "target")}
    mirrored = [(MIRROR - first, MIRROR - low, MIRROR - high, MIRROR - last) for first, high, low, last in path]
    plain = play(wish, path, FREE)
    turned = play(replace(wish, side=-wish.side, **flipped), mirrored, FREE)
    assert events(plain) == events(turned)
    if plain is None:
        return
    assert turned["entry_price"] == MIRROR - plain["entry_price"]
    assert turned["exit_price"] == MIRROR - plain["exit_price"]
    for name in ("gross_return", "mae", "mfe"):
        # The same number of quarters, counted from another entry.
        quarters = plain[name] * plain["entry_price"]
        assert turned[name] * turned["entry_price"] == pytest.approx(quarters, abs=1e-10)


@law
@given(wishes(), bars())
def test_fills_lie_within_their_bar(wish, path):
    trade = play(wish, path, FREE)
    if trade is None:
        return
    for price, time in ((trade["entry_price"], trade["entry_time"]), (trade["exit_price"], trade["exit_time"])):
        _, high, low, _ = path[int(time) - 1]
        assert low <= price <= high
    assert 1 <= trade["entry_time"] <= trade["exit_time"] <= len(path)
    assert trade["mae"] <= 0.0 <= trade["mfe"]
    assert trade["mae"] - 1e-15 <= trade["gross_return"] <= trade["mfe"] + 1e-15


@law
@given(wishes(), bars())
def test_a_bar_that_touches_stop_and_target_is_a_loss(wish, path):
    trade = play(replace(wish, trail=math.nan), path, FREE)
    if trade is None:
        return
    _, high, low, _ = path[int(trade["exit_time"]) - 1]
    reason = EXIT_REASONS[int(trade["exit_reason"])]
    if low <= wish.stop <= high and low <= wish.target <= high and reason not in ("time", "end_of_data"):
        assert reason == "stop"
    if reason == "stop":
        assert wish.side * (trade["exit_price"] - wish.stop) <= 0.0, "a stop never fills better than its price"
    if reason == "target":
        assert wish.side * (trade["exit_price"] - wish.target) >= 0.0, "a target never fills worse"
        entered_at_limit = trade["entry_price"] == wish.limit and path[int(trade["entry_time"]) - 1][0] != wish.limit
        assert not (entered_at_limit and trade["entry_time"] == trade["exit_time"])
    if not math.isnan(wish.limit):
        assert wish.side * (wish.limit - trade["entry_price"]) >= 0.0, "a limit order fills at its price or better"
        assert trade["entry_time"] <= wish.expiry
    else:
        assert trade["entry_time"] == 1


@law
@given(wishes(), bars(), st.integers(1, 11))
def test_what_has_closed_does_not_change_when_more_bars_come(wish, path, cut):
    short, long = play(wish, path[:cut], FREE), play(wish, path, FREE)
    if short is not None and EXIT_REASONS[int(short["exit_reason"])] != "end_of_data":
        assert events(short) == events(long)
        np.testing.assert_array_equal(numbers(short), numbers(long))
