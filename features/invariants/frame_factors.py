"""The invariants of a function that is written over a whole frame of bars; see `features.user_factors.factor`.

Features use such a function's last value on a window, which cannot see the future. But if its value at t, over all of
history, changes with later bars, the function looks ahead; and if it differs from the value of the window, the function
needs more history than it declares. Running sums over another number of bars differ in their last digits, so values
count as the same up to `_DIGITS` of a value and of the spread of the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tradesieve.features.engine.history import closes_beside
from tradesieve.features.factor import Feature
from tradesieve.features.user_factors import frame_values
from tradesieve.market.bars import Bars
from tradesieve.market.perturbation import scramble_after
from tradesieve.market.resampling import resample

_DIGITS = 1e-6
_MOST_BARS = 20_000  # that the function runs over, eighteen times
_CUTS = 8


def frame_violations(
    feature: Feature, bars: Bars, others: Mapping[str, Bars], times: np.ndarray, values: np.ndarray, *, seed: int
) -> Iterator[tuple[str, int, float, float]]:
    """Check the function of a frame factor for purity, truncation and perturbation, and against its own windows.

    Parameters
    ----------
    feature : of a frame factor.
    bars, others : as for `features.engine.compute.compute`.
    times : int64 ns UTC (n,), ascending decision times.
    values : float64 (n,), the feature at these times.
    seed : picks the cuts and the other future.

    Yields
    ------
    For each violation: the invariant, the first time, the value from all of history, the other one.
    """
    source = _source(feature, bars, others)
    last = int(np.searchsorted(source.close_time, times[-1], side="right"))
    source = source[max(0, last - _MOST_BARS) : last + _MOST_BARS // 10]
    if len(source) == 0:
        return
    parameters = tuple(value for _, value in feature.values)

    def run(some: Bars) -> np.ndarray:
        return frame_values(feature.factor, some, parameters)

    whole = run(source)
    scale = float(np.nanstd(whole)) if np.isfinite(whole).any() else 0.0

    def differing(invariant: str, rows: np.ndarray, other: np.ndarray) -> Iterator[tuple[str, int, float, float]]:
        now = whole[rows]
        close = np.abs(now - other) <= _DIGITS * np.maximum(np.maximum(np.abs(now), np.abs(other)), scale)
        differs = ~(close | (np.isnan(now) & np.isnan(other)))
        if differs.any():
            place = int(np.argmax(differs))
            yield invariant, int(source.close_time[rows[place]]), float(now[place]), float(other[place])

    every = np.arange(len(source))
    yield from differing("purity", every, run(source))
    for cut in _cuts(len(source), seed):
        yield from differing("truncation", every[:cut], run(source[:cut]))
        changed = scramble_after(source, int(source.close_time[cut - 1]), seed=seed)
        yield from differing("perturbation", every[:cut], run(changed)[:cut])
    if not feature.input.so_far:
        # Before its first whole window, the function may return anything.
        rows = np.searchsorted(source.close_time, times, side="right") - 1
        known = rows + 1 >= feature.window(bars.timeframe)
        if feature.input.beside:
            known &= closes_beside(bars, _read(feature, bars, others), times)
        yield from differing("longer", rows[known], values[known])


def _source(feature: Feature, bars: Bars, others: Mapping[str, Bars]) -> Bars:
    """Return the closed bars that a feature reads."""
    source, timeframe = _read(feature, bars, others), feature.input.timeframe
    return source if timeframe is None else resample(source, timeframe)


def _read(feature: Feature, bars: Bars, others: Mapping[str, Bars]) -> Bars:
    symbol = feature.input.symbol
    return bars if symbol in (None, bars.symbol) else others[str(symbol)]


def _cuts(n_bars: int, seed: int) -> list[int]:
    """Draw rows to cut at, also within hours and days, before the last bars."""
    random = np.random.default_rng(seed)
    return sorted(random.integers(max(1, n_bars // 4), max(2, n_bars - 1), size=_CUTS).tolist())
