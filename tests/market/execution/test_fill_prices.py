"""Fill prices: slippage and the tick grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradesieve.market.execution.fill_prices import market_price_nb, resting_price_nb
from tradesieve.market.execution.records import terms_of
from tradesieve.market.instruments import Instrument


def free(tick: float) -> np.void:
    return terms_of(Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0, tick=tick))


@pytest.mark.parametrize("tick", [0.01, 0.05, 0.1, 0.25, 0.3, 1e-5, 1e-8])
def test_a_price_on_the_grid_stays_there_at_any_number_of_ticks(tick):
    terms = free(tick)
    steps = np.random.default_rng(0).integers(1, 10**9, 2000)
    for price in np.concatenate([steps * tick, np.array([float(f"{each:.8f}") for each in steps * tick])]):
        for direction in (1.0, -1.0):
            assert market_price_nb(price, direction, 1.0, terms) == pytest.approx(price, abs=tick / 4)
            assert resting_price_nb(price, direction, tick) == pytest.approx(price, abs=tick / 4)


def test_market_prices_are_rounded_against_us_and_resting_prices_in_our_favour():
    assert [market_price_nb(100.2, side, 1.0, free(0.5)) for side in (1.0, -1.0)] == [100.5, 100.0]
    assert [resting_price_nb(100.2, side, 0.5) for side in (1.0, -1.0)] == [100.0, 100.5]


@given(
    price=st.floats(1e-8, 1e6),
    tick=st.sampled_from([0.0, 1e-8, 0.01, 0.25, 3.0, 1e4]),
    direction=st.sampled_from([1, -1]),
    slippage_ticks=st.floats(0.0, 50.0),
)
def test_a_market_order_fills_above_zero_and_on_the_tick(price, tick, direction, slippage_ticks):
    terms = terms_of(Instrument("X", tick=tick, slippage_ticks=slippage_ticks if tick else 0.0))
    filled = market_price_nb(price, float(direction), 0.0, terms)
    assert filled > 0
    if tick:
        assert filled >= tick
        assert filled / tick == pytest.approx(round(filled / tick), rel=1e-9)
