"""Order entry: whether an instance takes a signal, and the order that it becomes."""

from __future__ import annotations

import math

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.fill_prices import resting_price_nb
from tradesieve.market.execution.fill_rule import request_exit_nb
from tradesieve.market.execution.records import LIMIT, MARKET, OPPOSITE, TRIGGER, Record

REJECTED, ENTRY, ADDITION = 0, 1, 2
"""What becomes of a signal."""


@kernel()
def classify_signal_nb(position: Record, order: Record, side: float, policy: Record) -> int:
    """Return what would become of a signal at this close: REJECTED, ENTRY or ADDITION.

    An instance has one position. A signal is an entry when there is neither a position nor a pending order; or, with
    `exits_on_opposite`, when it points against the open position, which then exits. It is an addition when it points
    with the open position, which has fewer than `max_entries`, and no other addition is pending. During a cooldown, and
    once the exit of the position is requested, every signal is rejected.
    """
    if position.cooldown_left > 0 or position.exit_requested:
        return REJECTED
    if not position.open:
        return REJECTED if order.pending else ENTRY
    if side != position.side:
        return ENTRY if policy.exits_on_opposite else REJECTED
    return REJECTED if order.pending or position.n_entries >= policy.max_entries else ADDITION


@kernel()
def submit_signal_nb(position: Record, order: Record, signal: Record, tag: int, terms: Record, policy: Record) -> int:
    """Submit a signal at the close of a bar; return what became of it, see `classify_signal_nb`.

    Parameters
    ----------
    position, order, terms, policy : see `market.execution.fill_rule.advance_nb`.
    signal : one SIGNAL record.
    tag : a number of the caller's, which the closed trade carries if the signal opens one.
    """
    outcome = classify_signal_nb(position, order, signal.side, policy)
    if outcome == REJECTED:
        return outcome
    if outcome == ENTRY and position.open:
        request_exit_nb(position, order, OPPOSITE, terms)
    order.signal = signal
    order.tag = tag
    order.pending = 1
    order.is_addition = int(outcome == ADDITION)
    order.bars_left = signal.expiry
    order.kind, order.level = MARKET, math.nan
    if not math.isnan(signal.limit):
        order.kind, order.level = LIMIT, signal.side * resting_price_nb(signal.limit, signal.side, terms.tick)
    elif not math.isnan(signal.trigger):
        order.kind, order.level = TRIGGER, signal.side * signal.trigger
    return outcome
