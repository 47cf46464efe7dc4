"""The invariants of a strategy as a check that anyone can run: its signals are causal and need only its lookback."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.perturbation import isolate, scramble_after
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


def check_strategy(strategy: Strategy, bars: Bars, *, n_samples: int = 20, seed: int) -> list[str]:
    """Check the invariants of a strategy on bars.

    1. Sample closes: half of them anywhere, half of them with a signal.
    2. Causality, at a quarter of them: scramble the bars after the close; the signals up to it must not change.
    3. Lookback: decide again from the last `lookback` bars alone; the signal at the close must be the same.

    Parameters
    ----------
    strategy : what to check.
    bars : history. When it is shorter than the lookback, only causality is checked; without bars, nothing.
    n_samples : number of closes to sample.
    seed : of the sample and of the scrambled bars.

    Returns
    -------
    One sentence per violated invariant, with the first time at which it was seen; empty when all hold.
    """
    if len(bars) == 0:
        return []
    signals = strategy.signals(bars)
    times = _sample(signals, bars, strategy.lookback(bars.timeframe), n_samples=n_samples, seed=seed)
    causality_times = times[:: max(1, len(times) // max(1, n_samples // 4))]
    found = (
        _causality_violation(strategy, bars, signals, causality_times, seed=seed),
        _lookback_violation(strategy, bars, signals, times),
    )
    return [violation for violation in found if violation is not None]


def _sample(signals: Signals, bars: Bars, lookback: int, *, n_samples: int, seed: int) -> np.ndarray:
    first = bars.close_time[lookback - 1 if lookback <= len(bars) else 0]
    random = np.random.default_rng(seed)
    anywhere = random.choice(bars.close_time[bars.close_time >= first], size=n_samples - n_samples // 2)
    decided = signals.decision_time[signals.decision_time >= first]
    with_signal = random.choice(decided, size=n_samples // 2) if len(decided) else anywhere
    return np.unique(np.concatenate([anywhere, with_signal]))


def _causality_violation(
    strategy: Strategy, bars: Bars, signals: Signals, times: Iterable[int], *, seed: int
) -> str | None:
    for time in times:
        scrambled = strategy.signals(scramble_after(bars, int(time), seed=seed))
        if not _equal(_until(signals, int(time)), _until(scrambled, int(time))):
            return f"{strategy.id} looks at the future: bars after {format_time(time)} change its signals up to then"
    return None


def _lookback_violation(strategy: Strategy, bars: Bars, signals: Signals, times: Iterable[int]) -> str | None:
    lookback = strategy.lookback(bars.timeframe)
    for time in times:
        stop = int(np.searchsorted(bars.close_time, time, side="right"))
        if stop < lookback:
            continue
        isolated = strategy.signals(isolate(bars[stop - lookback : stop]))
        if not _equal(_only(signals, int(time)), _only(isolated, int(time))):
            return f"{strategy.id} depends on more than its lookback of {lookback} bars at {format_time(time)}"
    return None


def _until(signals: Signals, time: int) -> list[np.ndarray]:
    n = int(np.searchsorted(signals.decision_time, time, side="right"))
    return [getattr(signals, field.name)[:n] for field in fields(signals)]


def _only(signals: Signals, time: int) -> list[np.ndarray]:
    row = signals.at(time)
    rows = slice(0, 0) if row is None else slice(row, row + 1)
    return [getattr(signals, field.name)[rows] for field in fields(signals)]


def _equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))
