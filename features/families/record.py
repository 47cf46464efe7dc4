"""The instance's own record: the net returns of its last closed trades that are known at the decision.

NaN until there are as many. Refused trades count too, since they live on as shadows: the record does not depend on the
filter that reads it.
"""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import results_factor


@results_factor
def win_share_nb(results, parameters):  # type: ignore[no-untyped-def]
    """Return the share of the last `window` trades that gained.

    Equals: ``(results > 0).rolling(window).mean()``.
    """
    n_won = 0
    for result in results:
        n_won += 1 if result > 0.0 else 0
    return n_won / len(results)


@results_factor
def mean_result_nb(results, parameters):  # type: ignore[no-untyped-def]
    """Average the net returns of the last `window` trades.

    Equals: ``results.rolling(window).mean()``.
    """
    return np.sum(results) / len(results)


@results_factor
def result_quality_nb(results, parameters):  # type: ignore[no-untyped-def]
    """Divide the mean of the last `window` net returns by their standard deviation. NaN when they are all the same.

    Equals: ``results.rolling(window).mean() / results.rolling(window).std(ddof=0)``.
    """
    mean = np.sum(results) / len(results)
    total = 0.0
    for result in results:
        total += (result - mean) * (result - mean)
    return mean / np.sqrt(total / len(results)) if total > 0.0 else np.nan


@results_factor
def win_streak_nb(results, parameters):  # type: ignore[no-untyped-def]
    """Count the trades since the record last turned, among the last `window`: gains above 0, losses below.

    Equals: ``run_length(results > 0)[-1]``, negative where the last trade did not gain.
    """
    n = len(results)
    won = results[n - 1] > 0.0
    length = 0
    while length < n and (results[n - 1 - length] > 0.0) == won:
        length += 1
    return length if won else -length


@results_factor
def result_drawdown_nb(results, parameters):  # type: ignore[no-untyped-def]
    """Return how far the sum of the last `window` net returns is below its peak, the start being one; at most 0.

    Equals: ``cumsum(results)[-1] - max(0, cumsum(results).max())`` of the window.
    """
    total = 0.0
    peak = 0.0
    for result in results:
        total += result
        peak = max(peak, total)
    return total - peak
