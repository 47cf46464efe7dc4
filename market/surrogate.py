"""Surrogate bars: those of a market, made unpredictable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradesieve.market.bars import Bars


def random_walk(bars: Bars, signs: np.ndarray) -> Bars:
    """Turn the moves of bars up or down, each bar by a sign of its own.

    1. Take the logarithms of each bar's prices over the close before it.
    2. Where the sign is -1, negate them; high and low change places.
    3. Subtract ``log(cosh(move))``, so that with random signs the price is a martingale.

    Volatility, ranges, gaps and volume stay as they were, bar by bar. With random signs nothing is left that tells up
    from down.

    Parameters
    ----------
    signs : (n_bars,), +1 or -1.

    Examples
    --------
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> bars, _ = SyntheticMarket(n_days=1, seed=7).generate("BTC-USD")
    >>> walk = random_walk(bars, np.where(np.arange(len(bars)) % 2, 1, -1))
    >>> bool(np.allclose(np.log(walk.high / walk.low), np.log(bars.high / bars.low)))
    True
    """
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    open_, high, low, move = (np.log(prices / before) for prices in (bars.open, bars.high, bars.low, bars.close))
    up = signs > 0
    fair = np.log(np.cosh(move))
    start = np.log(bars.open[0]) + np.concatenate([[0.0], np.cumsum(signs * move - fair)[:-1]])
    shift = start - fair
    return replace(
        bars,
        open=np.exp(shift + signs * open_),
        high=np.exp(shift + np.where(up, high, -low)),
        low=np.exp(shift + np.where(up, low, -high)),
        close=np.exp(shift + signs * move),
    )
