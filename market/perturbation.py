"""Scramble the future, or take the rest of history away: the tests of every claim to causality and to a lookback."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import COLUMNS, Bars

_MARGIN = 1024


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


def scramble_before(bars: Bars, first: int, *, seed: int) -> Bars:
    """Replace every bar before the row `first` by another one that keeps the laws of bars: another earlier history.

    As `scramble_after` does with the later bars.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(first)
    factor = np.exp(random.uniform(-np.log(2.0), np.log(2.0), size=first))
    columns = {
        name: np.concatenate([getattr(bars, name)[order] * factor, getattr(bars, name)[first:]])
        for name in ("open", "high", "low", "close", "volume")
    }
    return Bars(bars.symbol, bars.timeframe, close_time=bars.close_time, **columns)


def isolate(bars: Bars) -> Bars:
    """Copy bars to where nothing of their history lies beside them.

    A slice of bars is a view: a compiled kernel that reads one place too far finds the neighbouring bar there, and
    seems to obey its laws. After this it finds NaN.
    """
    columns = {}
    for name in COLUMNS:
        values = getattr(bars, name)
        apart = np.full(len(values) + 2 * _MARGIN, np.nan if values.dtype.kind == "f" else 0, dtype=values.dtype)
        column = apart[_MARGIN : _MARGIN + len(values)]
        column[:] = values
        column.flags.writeable = False  # so that the bars keep this very place in memory
        columns[name] = column
    return Bars(bars.symbol, bars.timeframe, **columns)
