"""Scramble the future: the same bars up to a time, other bars after it. The test of every claim to causality."""

from __future__ import annotations

import numpy as np

from market.bars import Bars


def scramble_after(bars: Bars, time: int, *, seed: int) -> Bars:
    """Replace every bar after `time` by another one that keeps the laws of bars.

    The later bars keep their close times. Their order is shuffled, and all their prices are multiplied by a random
    factor between 1/2 and 2, so that nothing that was to come still comes.
    """
    first = int(np.searchsorted(bars.close_time, time, side="right"))
    random = np.random.default_rng(seed)
    order = first + random.permutation(len(bars) - first)
    factor = np.exp(random.uniform(-np.log(2.0), np.log(2.0), size=len(order)))
    columns = {
        name: np.concatenate([getattr(bars, name)[:first], getattr(bars, name)[order] * factor])
        for name in ("open", "high", "low", "close", "volume")
    }
    return Bars(bars.symbol, bars.timeframe, close_time=bars.close_time, **columns)
