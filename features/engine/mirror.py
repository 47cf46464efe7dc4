"""The mirrored market, which rises where the market falls: a short of EURUSD is a long of USDEUR.

Each price becomes its reciprocal, high and low change places, and the volume stays. A reciprocal is taken element by
element and rounded correctly, so it keeps the order of prices: mirrored bars keep the laws of bars, and aggregating
them is the same as mirroring aggregated ones, bit for bit.

The reciprocal of a reciprocal may differ from the price in the last digit, but the third is the first again, bit for
bit. So two mirrored markets, one the mirror of the other, stand in each other's place exactly.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradesieve.market.bars import Bars


def mirrored_columns(columns: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Mirror the columns of bars, float64 (n,) each, in the order of `features.inputs.BAR_COLUMNS`."""
    open_, high, low, close, volume = columns
    return 1.0 / open_, 1.0 / low, 1.0 / high, 1.0 / close, volume


def mirrored_bars(bars: Bars) -> Bars:
    """Mirror bars.

    Examples
    --------
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> bars, _ = SyntheticMarket(n_days=1, seed=7).generate("EURUSD")
    >>> bool(mirrored_bars(bars).high[0] == 1.0 / bars.low[0])
    True
    """
    open_, high, low, close, _ = mirrored_columns((bars.open, bars.high, bars.low, bars.close, bars.volume))
    return replace(bars, open=open_, high=high, low=low, close=close)
