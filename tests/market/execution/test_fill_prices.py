"""Fill prices: slippage and the tick grid."""

from __future__ import annotations

import numpy as np
import pytest

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
