"""The trade's own terms, known with the signal: its side, the distances of stop and target, the agreement of peers.

The entry price is not known yet, so the last close stands for it. Without a stop or target, its distance is NaN.
"""

from __future__ import annotations

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.factor import decision_factor_of, trade_factor
from tradesieve.features.families.lookbacks import bars, windows


@decision_factor_of(terms=("side",))
def side(decisions: Decisions) -> np.ndarray | None:
    """Return the side: +1 long, -1 short."""
    return decisions.side


@decision_factor_of(terms=("side", "agreeing"))
def agreeing(decisions: Decisions) -> np.ndarray | None:
    """Return the share of the rule's other instances that hold a position on this side. NaN without others."""
    return decisions.agreeing


def mean_true_range_nb(high, low, close):  # type: ignore[no-untyped-def]
    """Average the true ranges of all bars but the first. Source: Wilder (1978)."""
    total = 0.0
    for i in range(1, len(close)):
        total += max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    return total / (len(close) - 1)


@trade_factor("window", terms=("side", "stop"), lookback=windows(more=1))
def stop_distance_nb(close_time, open_, high, low, close, volume, terms, parameters):  # type: ignore[no-untyped-def]
    """Divide the distance from the last close to the stop by the mean true range. NaN without a stop, or when flat.

    Equals: ``side * (close - stop) / true_range.rolling(window).mean()``.
    """
    return terms[0] * (close[-1] - terms[1]) / mean_true_range_nb(high, low, close)


@trade_factor("window", terms=("side", "target"), lookback=windows(more=1))
def target_distance_nb(close_time, open_, high, low, close, volume, terms, parameters):  # type: ignore[no-untyped-def]
    """Divide the distance from the last close to the target by the mean true range. NaN without a target, or when flat.

    Equals: ``side * (target - close) / true_range.rolling(window).mean()``.
    """
    return terms[0] * (terms[2] - close[-1]) / mean_true_range_nb(high, low, close)


@trade_factor(terms=("stop", "target"), lookback=bars(1))
def reward_to_risk_nb(close_time, open_, high, low, close, volume, terms, parameters):  # type: ignore[no-untyped-def]
    """Divide the distance from the last close to the target by that to the stop. NaN without one of them.

    Equals: ``(target - close) / (close - stop)``.
    """
    return (terms[2] - close[-1]) / (close[-1] - terms[1])
