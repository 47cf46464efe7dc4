"""The invariants of a strategy as a check that anyone can run: its signals are causal and need only its lookback.

`check_strategy` holds built-in rules to them, `find_violation` those of users, which break them in more ways. Neither
can detect a rule that reads the future from elsewhere, such as a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
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


def find_violation(
    strategy: Strategy, bars: Bars, *, again: Strategy | None = None, n_samples: int = 32, seed: int
) -> str | None:
    """Find the first invariant that a strategy breaks on bars.

    1. Purity: decide again; the signals must be the same.
    2. Causality, at a quarter of the sampled closes: take the bars after the close away, then replace them by others;
       the signals up to it must not change.
    3. Lookback, at all of them: decide again from the last `lookback` bars alone; the signal must be the same. Where it
       is not, the cause is causality if taking away later bars changes it too.

    Parameters
    ----------
    strategy : what to check.
    bars : history.
    again : the same strategy from a fresh run of its code, without any state that it may have kept; None: itself.
    n_samples : number of closes to sample, half of them anywhere and half of them with a signal.
    seed : of the sample and of the other bars.

    Returns
    -------
    One sentence with the first time at which the invariant is broken; None when all hold.
    """
    if len(bars) == 0:
        return None
    signals = strategy.signals(bars)
    lookback = strategy.lookback(bars.timeframe)
    times = _sample(signals, bars, lookback, n_samples=n_samples, seed=seed)
    found = _impurity(strategy, again or strategy, bars, signals)
    if found is None:
        found = _future_violation(strategy, bars, signals, times[:: max(1, len(times) // max(1, n_samples // 4))], seed)
    return found or _window_violation(strategy, bars, signals, times, lookback)


def _impurity(strategy: Strategy, again: Strategy, bars: Bars, signals: Signals) -> str | None:
    for other in (strategy.signals(bars), again.signals(bars)):
        time = _first_difference(signals, other)
        if time is not None:
            return f"{strategy.id} does not decide the same when it is computed again: at {format_time(time)}"
    return None


def _future_violation(strategy: Strategy, bars: Bars, signals: Signals, times: Iterable[int], seed: int) -> str | None:
    for time in map(int, times):
        for changed, bars_then in (
            ("are taken away", bars.between(None, time)),
            ("change", scramble_after(bars, time, seed=seed)),
        ):
            found = _look_ahead(strategy, signals, bars_then, time, changed)
            if found is not None:
                return found
    return None


def _look_ahead(strategy: Strategy, signals: Signals, other: Bars, time: int, changed: str) -> str | None:
    """Compare the signals up to a time with those from bars that are other ones after it."""
    sentence = f"{strategy.id} looks at the future: when the bars after {format_time(time)} {changed}, "
    try:
        first = _first_difference(signals, strategy.signals(other), until=time)
    except BadInput as error:
        return f"{sentence}it fails: {error}"
    return None if first is None else f"{sentence}its signal at {format_time(first)} is another"


def _window_violation(
    strategy: Strategy, bars: Bars, signals: Signals, times: Iterable[int], lookback: int
) -> str | None:
    for time in map(int, times):
        stop = int(np.searchsorted(bars.close_time, time, side="right"))
        if stop < lookback:
            continue
        fault = f"at {format_time(time)} it is another from these alone"
        try:
            alone = strategy.signals(isolate(bars[stop - lookback : stop]))
        except BadInput as error:
            fault, same = f"it fails from these alone: {error}", False
        else:
            one, other = _only(signals, time), _only(alone, time)
            same = _equal(one, other)
            if not same and _close(one, other):
                fault += (
                    " in its last digits: means that run over all bars differ there with the bar that they start at; "
                    "write @rule(windowed=True)"
                )
        if not same:
            return _look_ahead(strategy, signals, bars[:stop], time, "are taken away") or (
                f"the signal of {strategy.id} depends on more than its lookback of {lookback} bars: {fault}"
            )
    return None


def _first_difference(signals: Signals, other: Signals, *, until: int | None = None) -> int | None:
    """Return the first time at which one has a signal that the other does not have; None when they are equal."""
    last = np.iinfo(np.int64).max if until is None else until
    columns, others = _until(signals, last), _until(other, last)
    times, other_times = columns[0], others[0]
    n = min(len(times), len(other_times))
    differs = np.zeros(n, np.bool_)
    for mine, theirs in zip(columns, others, strict=True):
        equal = (mine[:n] == theirs[:n]) | (np.isnan(mine[:n]) & np.isnan(theirs[:n]))
        differs |= ~equal.all(axis=tuple(range(1, equal.ndim)))
    if differs.any():
        row = int(np.argmax(differs))
        return int(min(times[row], other_times[row]))
    longer = times if len(times) > len(other_times) else other_times
    return int(longer[n]) if len(longer) > n else None


def _close(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-9, equal_nan=True) for a, b in zip(first, second, strict=True)
    )
