"""The laws of a rule, as a check that anyone can run: its signals are causal, and follow from its lookback alone."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.perturbation import isolate, scramble_after
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


def check_strategy(strategy: Strategy, bars: Bars, *, n_samples: int = 20, seed: int) -> list[str]:
    """Hold a strategy to its laws on real bars.

    Parameters
    ----------
    strategy : what to check.
    bars : history. When it is shorter than the lookback, only causality can be checked; without bars, nothing.
    n_samples : how many bars are decided again from the last `lookback` bars, half of them bars with a signal; at a
        quarter as many the future is scrambled.
    seed : picks the bars and the scrambled future.

    Returns
    -------
    One sentence for each law that is broken, with a time at which it shows; empty when the laws hold.
    """
    if len(bars) == 0:
        return []
    needed = strategy.lookback(bars.timeframe)
    first = bars.close_time[needed - 1 if needed <= len(bars) else 0]
    signals = strategy.signals(bars)
    random = np.random.default_rng(seed)
    anywhere = random.choice(bars.close_time[bars.close_time >= first], size=n_samples - n_samples // 2)
    settled = signals.decision_time[signals.decision_time >= first]
    decided = random.choice(settled, size=n_samples // 2) if len(settled) else anywhere
    times = np.unique(np.concatenate([anywhere, decided]))
    broken = []
    for time in times[:: max(1, len(times) // max(1, n_samples // 4))]:
        changed = strategy.signals(scramble_after(bars, int(time), seed=seed))
        if not _equal(_until(signals, int(time)), _until(changed, int(time))):
            broken.append(
                f"{strategy.id} looks at the future: another future after {format_time(time)} changes its past"
            )
            break
    for time in times:
        stop = int(np.searchsorted(bars.close_time, time, side="right"))
        if stop < needed:
            continue
        alone = strategy.signals(isolate(bars[stop - needed : stop]))
        if not _equal(_only(signals, int(time)), _only(alone, int(time))):
            broken.append(f"{strategy.id} depends on more than its lookback of {needed} bars at {format_time(time)}")
            break
    return broken


def _until(signals: Signals, time: int) -> list[np.ndarray]:
    n = int(np.searchsorted(signals.decision_time, time, side="right"))
    return [getattr(signals, field.name)[:n] for field in fields(signals)]


def _only(signals: Signals, time: int) -> list[np.ndarray]:
    row = signals.at(time)
    rows = slice(0, 0) if row is None else slice(row, row + 1)
    return [getattr(signals, field.name)[rows] for field in fields(signals)]


def _equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))
