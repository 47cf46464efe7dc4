"""Fill prices: what a price becomes under the terms of an instrument."""

from __future__ import annotations

import numpy as np

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.records import Record

_ROUNDING = 1e-14  # relative; a price divided by its tick is off by less
_LEAST = 0.01  # of the price before it, is what slippage in ticks and ranges leaves of a sale


@kernel()
def _on_grid_nb(price: float, upwards: bool, tick: float) -> float:
    """Round a price to the tick grid; one that is on it stays, in spite of rounding error, and NaN stays NaN."""
    if tick <= 0.0:
        return price
    steps = price / tick
    # numpy's, not those of math, which make an integer of their result: there is none for NaN.
    return (np.ceil(steps * (1.0 - _ROUNDING)) if upwards else np.floor(steps * (1.0 + _ROUNDING))) * tick


@kernel()
def market_price_nb(reference: float, direction: float, bar_range: float, terms: Record) -> float:
    """Price a market order: half-spread and slippage against us, rounded against us, but never below one tick.

    Parameters
    ----------
    direction : +1 to buy, -1 to sell.
    bar_range : high - low of the bar it fills in.
    """
    price = reference * (1.0 + direction * terms.slip)
    further = terms.slip_quote + terms.slip_range * bar_range
    price = price + further if direction > 0.0 else max(price - further, _LEAST * price)
    if terms.tick > 0.0 and price < terms.tick:
        return terms.tick
    return _on_grid_nb(price, direction > 0.0, terms.tick)


@kernel()
def resting_price_nb(price: float, direction: float, tick: float) -> float:
    """Price a limit order or a target: as given, or the next better price on the grid. `direction` is +1 to buy."""
    return _on_grid_nb(price, direction < 0.0, tick)
