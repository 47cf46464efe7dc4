"""Pairs of windows: a fast one against a slow one, both ending at the decision."""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor, series_factor_of
from tradesieve.features.families.lookbacks import longest


@series_factor_of(longest("fast", "slow"), parameters=("fast", "slow"))
def mean_pair_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the mean of the last `fast` values by that of the last `slow`, less 1. NaN when the latter is zero.

    Equals: ``values.rolling(fast).mean() / values.rolling(slow).mean() - 1``.
    Source: Brock, Lakonishok and LeBaron (1992), Simple technical trading rules.
    """
    n, fast, slow = len(values), int(parameters[0]), int(parameters[1])
    # From the first value on: the difference of two means keeps its digits.
    quick = 0.0
    for i in range(n - fast, n):
        quick += (values[i] - values[0]) / fast
    calm = 0.0
    for i in range(n - slow, n):
        calm += (values[i] - values[0]) / slow
    mean = values[0] + calm
    return (quick - calm) / mean if mean != 0.0 else np.nan


@series_factor_of(longest("fast", "slow", n=2), parameters=("fast", "slow"))
def crossing_pair_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count the bars since the mean of `fast` values crossed that of `slow`; negative when it is below that.

    As a share of the bars looked at, as many as the longer window and one more: 1 or -1 for no crossing among them, 0
    when the means are equal. Equals: ``run_length(sign(fast_mean - slow_mean))[-1] * sign[-1] / (slow + 1)``.
    """
    n, fast, slow = len(values), int(parameters[0]), int(parameters[1])
    n_looked = n - max(fast, slow) + 1
    sums = np.zeros(n + 1)
    for i in range(n):
        sums[i + 1] = sums[i] + (values[i] - values[0])
    last = 0.0
    age = 0
    for stop in range(n, n - n_looked, -1):
        side = np.sign((sums[stop] - sums[stop - fast]) / fast - (sums[stop] - sums[stop - slow]) / slow)
        if age == 0:
            last = side
        if side != last:
            break
        age += 1
    return last * age / n_looked


@series_factor_of(longest("fast", "slow", more=1), parameters=("fast", "slow"))
def volatility_pair_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the root mean square of the last `fast` log returns by that of the last `slow`: above 1, it wakes up.

    NaN when flat, and for values <= 0.
    Equals: ``sqrt((r ** 2).rolling(fast).mean() / (r ** 2).rolling(slow).mean())``.
    """
    if np.min(values) <= 0.0:
        return np.nan
    n, fast, slow = len(values), int(parameters[0]), int(parameters[1])
    quick = 0.0
    calm = 0.0
    for i in range(1, n):
        change = np.log(values[i] / values[i - 1])
        if i >= n - fast:
            quick += change * change
        if i >= n - slow:
            calm += change * change
    return np.sqrt((quick / fast) / (calm / slow)) if calm > 0.0 else np.nan


@series_factor_of(longest("fast", "slow", more=1), parameters=("fast", "slow"))
def change_pair_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the log return over the last `fast` values by its volatility: the root mean square of the last `slow`.

    In units of the move that `fast` independent returns make. NaN when flat, and for values <= 0.
    Equals: ``r.rolling(fast).sum() / sqrt(fast * (r ** 2).rolling(slow).mean())``.
    """
    if np.min(values) <= 0.0:
        return np.nan
    n, fast, slow = len(values), int(parameters[0]), int(parameters[1])
    total = 0.0
    for i in range(n - slow, n):
        change = np.log(values[i] / values[i - 1])
        total += change * change
    moved = np.log(values[-1] / values[n - 1 - fast])
    return moved / np.sqrt(fast * total / slow) if total > 0.0 else np.nan


@bars_factor("fast", "slow", lookback=longest("fast", "slow"))
def range_pair_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the mean range of the last `fast` bars by that of the last `slow`. NaN when nothing moved.

    Equals: ``(high - low).rolling(fast).mean() / (high - low).rolling(slow).mean()``.
    """
    n, fast, slow = len(close), int(parameters[0]), int(parameters[1])
    quick = 0.0
    for i in range(n - fast, n):
        quick += high[i] - low[i]
    calm = 0.0
    for i in range(n - slow, n):
        calm += high[i] - low[i]
    return (quick / fast) / (calm / slow) if calm > 0.0 else np.nan
