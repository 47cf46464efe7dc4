"""Prices around a signal: where it would enter, what it risks, and how far the market ranges."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.strategies.indicators.rolling import average_true_range
from tradesieve.strategies.signals import Signals


def rows_of(signals: Signals, bars: Bars) -> np.ndarray:
    """Find the bar that each signal was decided at: int64 indices."""
    return np.searchsorted(bars.close_time, signals.decision_time)


def entry_price(signals: Signals, bars: Bars) -> np.ndarray:
    """Give the price that each signal means to enter at: its limit, its trigger, or else the deciding close."""
    return _entry_of(signals.limit, signals.trigger, bars.close[rows_of(signals, bars)])


def risk_of(signals: Signals, bars: Bars) -> np.ndarray:
    """Give the distance from the entry to the stop in quote, the nearer of stop and trailing stop; NaN: no stop."""
    return np.fmin(signals.side * (entry_price(signals, bars) - signals.stop), signals.trail)


def unit_of(signals: Signals, bars: Bars, *, window: int) -> np.ndarray:
    """Give what a signal's rewards are counted in: its risk, or without a stop the average true range, in quote."""
    risk = risk_of(signals, bars)
    return np.where(np.isnan(risk), range_of(signals, bars, window=window), risk)


def range_of(signals: Signals, bars: Bars, *, window: int) -> np.ndarray:
    """Give the average true range of the `window` bars up to each decision; NaN where history is shorter.

    Its first true range needs the close before it: a lookback of `window` + 1 bars.
    """
    return average_true_range(bars, window)[rows_of(signals, bars)]


def changed(signals: Signals, bars: Bars, *, kept: np.ndarray | None = None, **columns: np.ndarray) -> Signals:
    """Put columns into signals, and drop those that make no sense any more.

    Partial targets are brought into the order in which they are met; one that lies beyond the target is left out.

    Parameters
    ----------
    kept : bool, one a signal: which to keep as far as they make sense; None keeps all.
    columns : new values of the fields of `Signals`, one a signal.
    """
    values = {field.name: columns.get(field.name, getattr(signals, field.name)) for field in fields(Signals)}
    side, entry = values["side"], _entry_of(values["limit"], values["trigger"], bars.close[rows_of(signals, bars)])
    sound = np.ones(len(signals), np.bool_) if kept is None else kept.copy()
    for name in ("limit", "trigger", "stop", "target"):
        sound &= ~((values[name] <= 0.0) | np.isinf(values[name]))
    # A comparison with NaN, which means none, is false.
    sound &= ~(side * (entry - values["stop"]) <= 0.0) & ~(side * (values["target"] - entry) <= 0.0)
    if not np.isnan(values["partial_target"]).all():
        values["partial_target"], values["partial_share"] = _in_order(
            side[:, np.newaxis], values["target"][:, np.newaxis], values["partial_target"], values["partial_share"]
        )
        sound &= ~(side * (values["partial_target"][:, 0] - entry) <= 0.0)
        sound &= ~(values["partial_target"] <= 0.0).any(axis=1)
    return Signals(**{name: np.ascontiguousarray(value[sound]) for name, value in values.items()})


def _entry_of(limit: np.ndarray, trigger: np.ndarray, close: np.ndarray) -> np.ndarray:
    waiting = np.where(np.isnan(limit), trigger, limit)
    return np.where(np.isnan(waiting), close, waiting)


def _in_order(
    side: np.ndarray, target: np.ndarray, prices: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sort partial targets, none of them beyond the target; NaN comes last."""
    met = ~(side * (target - prices) <= 0.0)
    prices, shares = np.where(met, prices, np.nan), np.where(met, shares, np.nan)
    order = np.argsort(side * prices, axis=1, kind="stable")
    return np.take_along_axis(prices, order, axis=1), np.take_along_axis(shares, order, axis=1)
