"""Signals: the second of the four tables. One row is one wish to enter, decidable from bars up to its decision."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.execution.records import N_PARTIALS, SIGNAL


@dataclass(frozen=True, eq=False)
class Signals:
    """Wishes of one strategy instance, at most one a bar. `market.execution.fill_rule` says what becomes of them.

    Parameters
    ----------
    decision_time : int64 ns UTC, strictly increasing; each is some bar's close_time.
    side : float64, +1 or -1.
    limit : float64, quote, positive: enter at this price or better; NaN: none.
    trigger : float64, quote, positive: enter once this price is reached (a stop entry); NaN: none. A row has a limit, a
        trigger, or neither, which enters at market.
    stop : float64, quote, positive; NaN: none.
    target : float64, quote, positive: closes all that is left; NaN: none.
    partial_target : float64 (n, 3), quote, positive, in the order in which they are met, all nearer than `target`, on
        the profitable side of the stop, the limit and the trigger; NaN: none.
    partial_share : float64 (n, 3), the fraction of the whole position that each closes, above 0 and together below 1;
        NaN where there is no partial target.
    trail : float64, distance of the trailing stop in quote; NaN: none.
    break_even : float64, the favourable movement in quote after which the stop moves to the entry price; NaN: none.
    max_hold : int64, bars to hold at most; 0: no limit.
    leave_at : int64 ns UTC, later than the decision: leave at the close of the bar that closes then, or at the open of
        the first bar after it; 0: never.
    exit_wait : int64, bars for which a time exit or an opposite exit waits as a limit order at the close that told it
        to leave, before it leaves at market; 0: at market at once.
    expiry : int64, bars for which a limit or trigger order waits, at least 1.
    stake : float64, fraction of the instance's capital that the rule asks for, above 0.

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
        for law, broken in _laws(self).items():
            if broken.any():
                row = int(np.argmax(broken))
                raise BadData(f"signals: row {row} at {format_time(self.decision_time[row])} {law}")

    def __len__(self) -> int:
        return len(self.decision_time)

    @cached_property
    def records(self) -> np.ndarray:
        """The same rows as SIGNAL records, as the fill rule reads them."""
        made = np.zeros(len(self), SIGNAL)
        for field in fields(self):
            made[field.name] = getattr(self, field.name)
        return made

    def at(self, decision_time: int) -> int | None:
        """Find the row that was decided at a time; None when there was no signal."""
        row = int(np.searchsorted(self.decision_time, decision_time))
        return row if row < len(self) and self.decision_time[row] == decision_time else None


def _laws(signals: Signals) -> dict[str, np.ndarray]:
    """Give each law with the rows that break it. A comparison with NaN, which means none, never breaks one."""
    given = signals
    steps = np.diff(given.decision_time, prepend=given.decision_time[:1] - 1)
    laws = {
        "is not later than the signal before it": steps <= 0,
        "has a side other than +1 and -1": np.abs(given.side) != 1.0,
        "has a stake that is not above 0": ~(given.stake > 0.0),
        "has a limit, trigger, stop or target that is no price": np.logical_or.reduce(
            [(price <= 0.0) | np.isinf(price) for price in (given.limit, given.trigger, given.stop, given.target)]
        ),
        "has a limit and a trigger": ~np.isnan(given.limit) & ~np.isnan(given.trigger),
        "has a stop beyond its target": given.side * (given.target - given.stop) <= 0.0,
        "has a trailing distance that is not above 0": given.trail <= 0.0,
        "has a break-even distance that is not above 0": given.break_even <= 0.0,
        "waits for less than one bar": given.expiry < 1,
        "has a negative max_hold": given.max_hold < 0,
        "has a negative exit_wait": given.exit_wait < 0,
        "has a leave_at that is not later than its decision": (given.leave_at != 0)
        & (given.leave_at <= given.decision_time),
    }
    absent = np.isnan(given.partial_target)
    if absent.all() and np.isnan(given.partial_share).all():
        return laws
    side, prices = given.side[:, np.newaxis], given.partial_target
    bounds = np.stack([given.stop, given.limit, given.trigger], axis=1)
    nearest = side * prices[:, :1]
    return laws | {
        "has a partial target that is no price": ((prices <= 0.0) | np.isinf(prices)).any(axis=1),
        "has a partial target without its share, or a share without its target": (
            absent != np.isnan(given.partial_share)
        ).any(axis=1),
        "has a partial share that is not above 0": (given.partial_share <= 0.0).any(axis=1),
        "has partial shares that leave nothing for the last exit": ~(np.nansum(given.partial_share, axis=1) < 1.0),
        "has partial targets that are not in the order in which they are met": (
            (absent[:, :-1] & ~absent[:, 1:]) | (np.diff(side * prices, axis=1) <= 0.0)
        ).any(axis=1),
        "has a partial target that is not nearer than its target": (
            side * (given.target[:, np.newaxis] - prices) <= 0.0
        ).any(axis=1),
        "has a partial target on the losing side": (nearest - side * bounds <= 0.0).any(axis=1),
    }


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
    """Make signals, one value serving every row where one is given; see `Signals`.

    Parameters
    ----------
    partial_target, partial_share : (n, k) with k up to 3; (k,), which serves every row; or one number, which is the
        first of every row. Where the share is one number or (k,), a partial target that a row does not have (NaN) has
        no share either.

    Raises
    ------
    BadInput : if a column cannot be spread over the rows, or there are more than 3 partial targets.
    BadData : see `Signals`.

    Examples
    --------
    >>> times = np.array([60, 120]) * 10**9
    >>> signals = make_signals(times, 1.0, stop=98.0, partial_target=[101.0, 102.0], partial_share=[0.5, 0.25])
    >>> signals.partial_share.tolist()
    [[0.5, 0.25, nan], [0.5, 0.25, nan]]
    """
    shape = decision_time.shape

    def spread(name: str, value: np.ndarray | float, kind: type, to: tuple[int, ...] = shape) -> np.ndarray:
        try:
            return np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype=kind), to))
        except ValueError:
            raise BadInput(f"signals: {name} has shape {np.shape(value)}, which does not serve {to} rows") from None

    def partial(name: str, value: np.ndarray | float) -> np.ndarray:
        given = np.atleast_1d(np.asarray(value, dtype=np.float64))
        if given.ndim > 2 or given.shape[-1] > N_PARTIALS:
            raise BadInput(f"signals: {name} has shape {given.shape}; up to {N_PARTIALS} partial targets a row")
        made = np.full((*shape, N_PARTIALS), np.nan)
        made[:, : given.shape[-1]] = spread(name, given, np.float64, (*shape, given.shape[-1]))
        return made

    targets, shares = partial("partial_target", partial_target), partial("partial_share", partial_share)
    if np.ndim(partial_share) < 2:
        shares[np.isnan(targets)] = np.nan
    return Signals(
        decision_time=np.ascontiguousarray(decision_time, dtype=np.int64),
        side=spread("side", side, np.float64),
        limit=spread("limit", limit, np.float64),
        trigger=spread("trigger", trigger, np.float64),
        stop=spread("stop", stop, np.float64),
        target=spread("target", target, np.float64),
        partial_target=targets,
        partial_share=shares,
        trail=spread("trail", trail, np.float64),
        break_even=spread("break_even", break_even, np.float64),
        max_hold=spread("max_hold", max_hold, np.int64),
        leave_at=spread("leave_at", leave_at, np.int64),
        exit_wait=spread("exit_wait", exit_wait, np.int64),
        expiry=spread("expiry", expiry, np.int64),
        stake=spread("stake", stake, np.float64),
    )
