"""Lookbacks of factors: functions of the parameters and the timeframe to the number of bars that one value reads."""

from __future__ import annotations

from collections.abc import Callable

from tradesieve.market.timeframes import Timeframe

Lookback = Callable[[dict[str, float], Timeframe], int]


def bars(n: int) -> Lookback:
    """Return the lookback of `n` bars, whatever the parameters."""
    return lambda values, timeframe: n


def windows(n: int = 1, *, more: int = 0) -> Lookback:
    """Return the lookback of `n` windows of ``window`` bars, and `more` bars."""
    return lambda values, timeframe: n * int(values["window"]) + more


def longest(*names: str, n: int = 1, more: int = 0) -> Lookback:
    """Return the lookback of `n` times the longest of some parameters, and `more` bars."""
    return lambda values, timeframe: n * int(max(values[name] for name in names)) + more


def spans(duration: int, n: int = 1) -> Lookback:
    """Return the lookback of all bars of `n` spans of time, ns each, and the bar before them."""
    return lambda values, timeframe: n * timeframe.bars_in(duration) + 1
