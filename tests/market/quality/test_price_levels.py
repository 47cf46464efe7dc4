"""Prices far from the stored ones, or from what the symbol can cost."""

from __future__ import annotations

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.quality.price_levels import far_from_stored, far_from_symbol, plausible_prices, split_note
from tradesieve.market.symbols import normalise_symbol
from tradesieve.market.timeframes import DAY, HOUR, parse_timeframe

FIRST = 1_704_067_200_000_000_000 + HOUR
"""The close of the first hour of 2024."""


def hours(price: float, symbol: str = "X", start: int = 0, n: int = 30) -> Bars:
    level = price * (1 + 0.01 * np.sin(np.arange(n)))
    time = FIRST + HOUR * np.arange(start, start + n)
    return Bars(symbol, parse_timeframe("1h"), time, level, level, level, level, np.ones(n))


HAVE_COST = {
    "EURUSD": (0.83, 1.6), "USDJPY": (75, 360), "BTC-USD": (0.07, 130_000), "BTC/USDT:USDT": (4_000, 130_000),
    "BTCUSDT_251226": (30_000, 130_000), "XAU/USD": (35, 5_000), "PEPEUSDT": (1e-8, 1e-4), "ETHBTC": (0.001, 0.15),
    "AAPL": (0.05, 700), "BRK-A": (100, 800_000), "^GSPC": (4, 8_000), "ES 03-24": (600, 7_000), "CL=F": (10, 150),
    "BTC-IDR": (1e5, 2e9), "SPX500_USD": (600, 7_000),
}  # fmt: skip


@pytest.mark.parametrize(("symbol", "prices"), HAVE_COST.items())
def test_what_markets_have_cost_is_plausible(symbol, prices):
    for price in prices:
        assert far_from_symbol(hours(price, normalise_symbol(symbol))) is None, price


@pytest.mark.parametrize(
    ("symbol", "price", "scale"),
    [
        ("AAPL", 187.5e9, 1e9),
        ("ES=F", 5e12, 1e9),
        ("BTC-USD", 42_000e9, 1e9),
        ("EUR-USD", 108_500, 1e5),
        ("USD-JPY", 150_000, 1e3),
        ("BTC-USDT-PERP", 42_000e-9, 1e-9),
    ],
)
def test_what_no_market_can_cost_is_far_with_the_scale_that_explains_it(symbol, price, scale):
    far = far_from_symbol(hours(price, symbol))
    assert far is not None
    assert far.scale == pytest.approx(scale)
    assert f"which {symbol} cannot cost" in far.description
    assert far_from_symbol(hours(price / far.scale, symbol)) is None


def test_a_symbol_that_is_not_known_can_cost_anything():
    assert plausible_prices("BTC-IDR") is None
    assert plausible_prices("BTC-USD-251226-50000-C") is None
    assert far_from_symbol(hours(5e12, "BTC-IDR")) is None


@pytest.mark.parametrize("start", [-40, -10, 0, 10, 40])
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 100, 1000, 1e9])
def test_another_scale_than_the_stored_one_is_far_wherever_the_bars_lie(start, scale):
    far = far_from_stored(hours(93 * scale, start=start), [hours(100)])
    assert far is not None
    assert far.scale == pytest.approx(scale)
    assert far_from_stored(hours(93, start=start), [hours(100)]) is None


def test_the_nearest_series_counts():
    rising = [hours(1), hours(60, start=10_000)]
    assert far_from_stored(hours(90, start=10_050), rising) is None
    assert far_from_stored(hours(90, start=50), rising) is not None


@pytest.mark.parametrize(("factor", "is_noted"), [(1.3, False), (2, True), (0.25, True), (0.05, True), (30, False)])
def test_a_factor_like_that_of_a_split_is_noted_not_far(factor, is_noted):
    later = hours(100 * factor, start=30)
    assert far_from_stored(later, [hours(100)]) is None
    assert (split_note(later, [hours(100)]) is not None) == is_noted
    assert split_note(hours(100 * factor, start=30 + 11 * DAY // HOUR), [hours(100)]) is None
