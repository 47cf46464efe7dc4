"""Perturb the bars that a computation must not depend on: later bars (causality) and older ones (lookback)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradesieve.market.bars import COLUMNS, VALUES, Bars

_MARGIN = 1024


def scramble_after(bars: Bars, time: int, *, seed: int) -> Bars:
    """Replace every bar that closes after `time` (int64 ns UTC) by a random one that keeps the laws of bars.

    The later bars keep their close times. Their order is shuffled, and the prices and volume of each are multiplied by
    a random factor between 1/2 and 2.
    """
    first = int(np.searchsorted(bars.close_time, time, side="right"))
    return _scramble(bars, first, len(bars), seed)


def scramble_before(bars: Bars, first: int, *, seed: int) -> Bars:
    """Replace every bar before the row `first`, as `scramble_after` replaces later ones."""
    return _scramble(bars, 0, first, seed)


def isolate(bars: Bars) -> Bars:
    """Copy bars to memory where NaN lies before and after them.

    A slice of bars is a view: a compiled kernel that reads out of bounds finds the neighbouring bars and seems to be
    correct. After this it finds NaN.
    """
    columns = {}
    for name in COLUMNS:
        values = getattr(bars, name)
        padded = np.full(len(values) + 2 * _MARGIN, np.nan if values.dtype.kind == "f" else 0, dtype=values.dtype)
        column = padded[_MARGIN : _MARGIN + len(values)]
        column[:] = values
        column.flags.writeable = False  # `Bars` copies writable arrays
        columns[name] = column
    return bars.with_columns(columns)


def _scramble(bars: Bars, start: int, stop: int, seed: int) -> Bars:
    random = np.random.default_rng(seed)
    order = start + random.permutation(stop - start)
    factor = np.exp(random.uniform(-np.log(2.0), np.log(2.0), size=stop - start))
    columns = {name: getattr(bars, name).copy() for name in VALUES}
    for values in columns.values():
        values[start:stop] = values[order] * factor
    return replace(bars, **columns)
