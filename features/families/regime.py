"""Market regimes: calm or wild, with a trend or without, judged by a finite past that ends at the decision.

Nothing is fitted beforehand: what is usual is taken from the windows just before, within the declared lookback.
"""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import series_factor_of
from tradesieve.features.families.lookbacks import windows
from tradesieve.market.timeframes import Timeframe


def _windows_and_one(values: dict[str, float], timeframe: Timeframe) -> int:
    # The current window and the past ones side by side, each of `window` returns.
    return int(values["window"]) * (int(values["past"]) + 1) + 1


def _rank_nb(values, window):  # type: ignore[no-untyped-def]
    n = (len(values) - 1) // window
    current = 0.0
    below = 0.0
    for part in range(n):
        stop = len(values) - part * window
        total = 0.0
        for i in range(stop - window, stop):
            change = values[i] / values[i - 1] - 1.0
            total += change * change
        if part == 0:
            current = total
        elif total < current:
            below += 1.0
        elif total == current:
            below += 0.5
    return below / (n - 1)


@series_factor_of(_windows_and_one, parameters=("window", "past"))
def volatility_rank_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Return the share of the `past` windows before the last one that were calmer: 0 it is the calmest, 1 the wildest.

    Windows lie side by side, of `window` returns each; equal ones count half. NaN for values <= 0.
    Equals: ``scipy.stats.percentileofscore(past, current, kind="mean") / 100`` of ``(pct_change() ** 2)`` summed up by
    window.
    """
    return _rank_nb(values, int(parameters[0])) if np.min(values) > 0.0 else np.nan


@series_factor_of(_windows_and_one, parameters=("window", "past"))
def volatility_state_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Tell a wild market, 1, from a calm one, -1: more squared returns in the last window than in most `past` ones.

    0 between as many wilder as calmer ones. NaN for values <= 0. Equals: ``sign(volatility_rank - 0.5)``, the split at
    the median of the past windows.
    """
    return np.sign(_rank_nb(values, int(parameters[0])) - 0.5) if np.min(values) > 0.0 else np.nan


@series_factor_of(windows(), parameters=("window", "threshold"))
def trend_state_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Tell a rising market, 1, from a falling one, -1, and 0 from both: no efficiency ratio of at least `threshold`.

    NaN when flat. Equals: ``sign(direction) * (abs(direction) >= threshold)``, direction being the factor of that name.
    Source: Kaufman (1995), Smarter Trading.
    """
    walked = 0.0
    for i in range(1, len(values)):
        walked += abs(values[i] - values[i - 1])
    if walked <= 0.0:
        return np.nan
    direction = (values[-1] - values[0]) / walked
    return np.sign(direction) if abs(direction) >= parameters[1] else 0.0
