"""Signals: the second of the four tables. One row is one entry signal, decided from bars up to its decision time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.execution.records import N_PARTIALS, SIGNAL


@dataclass(frozen=True, eq=False)
class Signals:
    """Entry signals of one strategy instance, at most one per bar. `market.execution.fill_rule` turns them into trades.

    Parameters
    ----------
    decision_time : int64 ns UTC, strictly increasing; each is the close_time of a bar.
    side : float64, +1 or -1.
    limit : float64, quote, positive: enter at this price or better; NaN: none.
    trigger : float64, quote, positive: enter once this price is reached (a stop entry); NaN: none. A row has a limit, a
        trigger, or neither; with neither it enters at market.
    stop : float64, quote, positive; NaN: none.
    target : float64, quote, positive: closes the rest of the position; NaN: none.
    partial_target : float64 (n, 3), quote, positive, in the order in which they are reached, all nearer than `target`,
        on the profitable side of the stop, the limit and the trigger; NaN: none.
    partial_share : float64 (n, 3), the fraction of the whole position that each closes, above 0 and together below 1;
        NaN where there is no partial target.
    trail : float64, distance of the trailing stop in quote; NaN: none.
    break_even : float64, the favourable move in quote after which the stop moves to the entry price; NaN: none.
    max_hold : int64, maximum number of bars to hold; 0: no limit.
    leave_at : int64 ns UTC, later than the decision: exit at the close of the bar that closes then, or at the open of
        the first bar after it; 0: never.
    exit_wait : int64, bars for which a time exit or an opposite exit waits as a limit order at the close that triggered
        it, before it exits at market; 0: at market at once.
    expiry : int64, bars for which a limit or trigger order waits, at least 1.
    stake : float64, fraction of the instance's capital to enter with, above 0.

    Raises
    ------
    BadData : names the first offending row.

    Notes
    -----
    Known at: decision_time.
    """

    decision_time: np.ndarray
    side: np.ndarray
    limit: np.ndarray
    trigger: np.ndarray
    stop: np.ndarray
    target: np.ndarray
    partial_target: np.ndarray
    partial_share: np.ndarray
    trail: np.ndarray
    break_even: np.ndarray
    max_hold: np.ndarray
    leave_at: np.ndarray
    exit_wait: np.ndarray
    expiry: np.ndarray
    stake: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.decision_time)
        for field in fields(self):
            expected = (n, N_PARTIALS) if field.name.startswith("partial_") else (n,)
            if getattr(self, field.name).shape != expected:
                raise BadData(f"signals: {field.name} has shape {getattr(self, field.name).shape}, expected {expected}")
        for violation, rows in (_violations(self) | _partial_violations(self)).items():
            if rows.any():
                row = int(np.argmax(rows))
                raise BadData(f"signals: row {row} at {format_time(self.decision_time[row])} {violation}")

    def __len__(self) -> int:
        return len(self.decision_time)

    @cached_property
    def records(self) -> np.ndarray:
        """The signals as SIGNAL records, the form that the fill rule reads."""
        records = np.zeros(len(self), SIGNAL)
        for field in fields(self):
            records[field.name] = getattr(self, field.name)
        return records

    def at(self, decision_time: int) -> int | None:
        """Return the row of the signal decided at a time; None when there is none."""
        row = int(np.searchsorted(self.decision_time, decision_time))
        return row if row < len(self) and self.decision_time[row] == decision_time else None


def _violations(signals: Signals) -> dict[str, np.ndarray]:
    """Return for each violation the rows that have it. A comparison with NaN, which means none, is never one."""
    prices = (signals.limit, signals.trigger, signals.stop, signals.target)
    steps = np.diff(signals.decision_time, prepend=signals.decision_time[:1] - 1)
    return {
        "is not later than the signal before it": steps <= 0,
        "has a side other than +1 and -1": np.abs(signals.side) != 1.0,
        "has a stake that is not above 0": ~(signals.stake > 0.0),
        "has a limit, trigger, stop or target that is not a positive price": np.logical_or.reduce(
            [_invalid_price(price) for price in prices]
        ),
        "has a limit and a trigger": ~np.isnan(signals.limit) & ~np.isnan(signals.trigger),
        "has a stop beyond its target": signals.side * (signals.target - signals.stop) <= 0.0,
        "has a trailing distance that is not above 0": signals.trail <= 0.0,
        "has a break-even distance that is not above 0": signals.break_even <= 0.0,
        "waits for less than one bar": signals.expiry < 1,
        "has a negative max_hold": signals.max_hold < 0,
        "has a negative exit_wait": signals.exit_wait < 0,
        "has a leave_at that is not later than its decision": (signals.leave_at != 0)
        & (signals.leave_at <= signals.decision_time),
    }


def _partial_violations(signals: Signals) -> dict[str, np.ndarray]:
    """Return the same of the partial targets; nothing where there are none."""
    prices, shares = signals.partial_target, signals.partial_share
    absent = np.isnan(prices)
    if absent.all() and np.isnan(shares).all():
        return {}
    side, target = signals.side[:, np.newaxis], signals.target[:, np.newaxis]
    nearest = side * prices[:, :1]
    bounds = side * np.stack([signals.stop, signals.limit, signals.trigger], axis=1)
    unordered = (absent[:, :-1] & ~absent[:, 1:]) | (np.diff(side * prices, axis=1) <= 0.0)
    violations = {
        "has a partial target that is not a positive price": _invalid_price(prices),
        "has a partial target without its share, or a share without its target": absent != np.isnan(shares),
        "has a partial share that is not above 0": shares <= 0.0,
        "has partial shares that leave nothing for the last exit": ~(np.nansum(shares, axis=1, keepdims=True) < 1.0),
        "has partial targets that are not in the order in which they are reached": unordered,
        "has a partial target that is not nearer than its target": side * (target - prices) <= 0.0,
        "has a partial target on the losing side": nearest - bounds <= 0.0,
    }
    return {violation: rows.any(axis=1) for violation, rows in violations.items()}


def _invalid_price(price: np.ndarray) -> np.ndarray:
    return (price <= 0.0) | np.isinf(price)


def make_signals(
    decision_time: np.ndarray,
    side: np.ndarray | float,
    *,
    limit: np.ndarray | float = np.nan,
    trigger: np.ndarray | float = np.nan,
    stop: np.ndarray | float = np.nan,
    target: np.ndarray | float = np.nan,
    partial_target: np.ndarray | float = np.nan,
    partial_share: np.ndarray | float = np.nan,
    trail: np.ndarray | float = np.nan,
    break_even: np.ndarray | float = np.nan,
    max_hold: np.ndarray | int = 0,
    leave_at: np.ndarray | int = 0,
    exit_wait: np.ndarray | int = 0,
    expiry: np.ndarray | int = 1,
    stake: np.ndarray | float = 1.0,
) -> Signals:
    """Make signals from columns or single values; a single value is used for every row. See `Signals` for the columns.

    Parameters
    ----------
    partial_target, partial_share : (n, k) with k up to 3; (k,), used for every row; or one number, the first partial
        target of every row. Where the share is one number or (k,), a partial target that is NaN in a row has no share
        there either.

    Raises
    ------
    BadInput : if the shape of a column does not fit the rows, or there are more than 3 partial targets.
    BadData : see `Signals`.

    Examples
    --------
    >>> times = np.array([60, 120]) * 10**9
    >>> signals = make_signals(times, 1.0, stop=98.0, partial_target=[101.0, 102.0], partial_share=[0.5, 0.25])
    >>> signals.partial_share.tolist()
    [[0.5, 0.25, nan], [0.5, 0.25, nan]]
    """
    n = len(decision_time)
    targets = _partial_column("partial_target", partial_target, n)
    shares = _partial_column("partial_share", partial_share, n)
    if np.ndim(partial_share) < 2:
        shares[np.isnan(targets)] = np.nan
    numbers = {
        "side": side,
        "limit": limit,
        "trigger": trigger,
        "stop": stop,
        "target": target,
        "trail": trail,
        "break_even": break_even,
        "stake": stake,
    }
    counts = {"max_hold": max_hold, "leave_at": leave_at, "exit_wait": exit_wait, "expiry": expiry}
    return Signals(
        decision_time=np.ascontiguousarray(decision_time, dtype=np.int64),
        partial_target=targets,
        partial_share=shares,
        **{name: _column(name, value, np.float64, (n,)) for name, value in numbers.items()},
        **{name: _column(name, value, np.int64, (n,)) for name, value in counts.items()},
    )


def _column(name: str, value: np.ndarray | float, kind: type, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype=kind), shape))
    except ValueError:
        raise BadInput(f"signals: {name} has shape {np.shape(value)}, which does not fit {shape[0]} rows") from None


def _partial_column(name: str, value: np.ndarray | float, n_rows: int) -> np.ndarray:
    given = np.atleast_1d(np.asarray(value, dtype=np.float64))
    n_partials = given.shape[-1]
    if given.ndim > 2 or n_partials > N_PARTIALS:
        raise BadInput(f"signals: {name} has shape {given.shape}; a row has up to {N_PARTIALS} partial targets")
    column = np.full((n_rows, N_PARTIALS), np.nan)
    column[:, :n_partials] = _column(name, given, np.float64, (n_rows, n_partials))
    return column
