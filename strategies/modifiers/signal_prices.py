"""Prices around a signal: its entry, its initial risk, the range of the market; and columns replaced by others."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.strategies.indicators.rolling import average_true_range
from tradesieve.strategies.signals import Signals


def decision_rows(signals: Signals, bars: Bars) -> np.ndarray:
    """Find the bar at whose close each signal is decided: int64 (n_signals,)."""
    return np.searchsorted(bars.close_time, signals.decision_time)


def entry_price(signals: Signals, bars: Bars) -> np.ndarray:
    """Return the intended entry price of each signal: its limit, its trigger, or else the deciding close."""
    return _entry_price(signals.limit, signals.trigger, bars.close[decision_rows(signals, bars)])


def initial_risk(signals: Signals, bars: Bars) -> np.ndarray:
    """Measure the distance from the entry to the nearer of stop and trailing stop, in quote; NaN without a stop."""
    return np.fmin(signals.side * (entry_price(signals, bars) - signals.stop), signals.trail)


def reward_unit(signals: Signals, bars: Bars, *, window: int) -> np.ndarray:
    """Return the unit of a signal's rewards, in quote: its initial risk, or without a stop the average true range."""
    risk = initial_risk(signals, bars)
    return np.where(np.isnan(risk), atr_at_decision(signals, bars, window=window), risk)


def atr_at_decision(signals: Signals, bars: Bars, *, window: int) -> np.ndarray:
    """Average the true range of the `window` bars up to each decision, in quote; NaN where history is shorter.

    The first true range needs the close before it: the lookback is `window` + 1 bars.
    """
    return average_true_range(bars, window)[decision_rows(signals, bars)]


def replace_columns(signals: Signals, bars: Bars, *, kept: np.ndarray | None = None, **columns: np.ndarray) -> Signals:
    """Replace columns of signals, and drop the signals that are no longer valid.

    A signal is dropped when a price of it is not finite and above zero, or when its entry does not lie between its stop
    and its targets. Partial targets are sorted into the order in which they are reached; one that lies beyond the
    target is removed.

    Parameters
    ----------
    kept : bool (n_signals,), the signals to keep if they are valid; None keeps all.
    columns : the new values of fields of `Signals`, one per signal.
    """
    values = {field.name: columns.get(field.name, getattr(signals, field.name)) for field in fields(Signals)}
    close = bars.close[decision_rows(signals, bars)]
    side, entry = values["side"], _entry_price(values["limit"], values["trigger"], close)
    valid = np.ones(len(signals), np.bool_) if kept is None else kept.copy()
    for name in ("limit", "trigger", "stop", "target"):
        valid &= ~((values[name] <= 0.0) | np.isinf(values[name]))
    # NaN means that there is no such price; a comparison with it is false.
    valid &= ~(side * (entry - values["stop"]) <= 0.0) & ~(side * (values["target"] - entry) <= 0.0)
    if not np.isnan(values["partial_target"]).all():
        values["partial_target"], values["partial_share"] = _sorted_partials(
            side[:, np.newaxis], values["target"][:, np.newaxis], values["partial_target"], values["partial_share"]
        )
        valid &= ~(side * (values["partial_target"][:, 0] - entry) <= 0.0)
        valid &= ~(values["partial_target"] <= 0.0).any(axis=1)
    return Signals(**{name: np.ascontiguousarray(value[valid]) for name, value in values.items()})


def _entry_price(limit: np.ndarray, trigger: np.ndarray, close: np.ndarray) -> np.ndarray:
    resting = np.where(np.isnan(limit), trigger, limit)
    return np.where(np.isnan(resting), close, resting)


def _sorted_partials(
    side: np.ndarray, target: np.ndarray, prices: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sort partial targets by distance and remove those beyond the target; NaN comes last."""
    reachable = ~(side * (target - prices) <= 0.0)
    prices, shares = np.where(reachable, prices, np.nan), np.where(reachable, shares, np.nan)
    order = np.argsort(side * prices, axis=1, kind="stable")
    return np.take_along_axis(prices, order, axis=1), np.take_along_axis(shares, order, axis=1)
