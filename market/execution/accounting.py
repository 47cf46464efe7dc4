"""What a fill does to a position: enter, add, leave in parts, close, and the money of the closed trade.

When and at what price is for `market.execution.fill_rule` to say; here is only the accounting.
"""

from __future__ import annotations

import math

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.records import Record, copy_nb, market_price_nb

_DAY = 86_400_000_000_000.0
_ROUNDING = 1e-12  # a loss that is smaller is none


@kernel()
def _count_time_nb(held: Record, time: int) -> None:
    held.held_for += held.left * (time - held.held_until)
    held.held_until = time


@kernel()
def enter_nb(
    held: Record,
    order: Record,
    plan: Record,
    wish: Record,
    reference: float,
    resting: bool,
    time: int,
    bar_range: float,
    terms: Record,
) -> None:
    """Open the position, or add to it."""
    price = reference if resting else market_price_nb(reference, wish.side, bar_range, terms)
    fee = terms.maker_fee if resting else terms.taker_fee
    order.live = 0
    if order.adds:
        _count_time_nb(held, time)
        quantity = wish.stake / plan.stake * (held.first_reference / reference)
        value, added = held.entry_value, price * quantity
        held.quantity += quantity
        held.entry_value += added
        held.entry_reference_value += reference * quantity
        held.entry_fee = (held.entry_fee * value + fee * added) / held.entry_value
        held.entry_price = held.entry_value / held.quantity
        held.entry_reference = held.entry_reference_value / held.quantity
        held.left += quantity
        held.stake += wish.stake
        held.n_entries += 1
        return
    copy_nb(plan, wish)
    held.open = 1
    held.tag = order.tag
    held.entry_time = time
    held.side = wish.side
    held.n_entries = 1
    held.n_exits = 0
    held.quantity = 1.0
    held.left = 1.0
    held.stake = wish.stake
    held.first_reference = reference
    held.entry_value = price
    held.entry_reference_value = reference
    held.entry_price = price
    held.entry_reference = reference
    held.entry_fee = fee
    held.exit_value = 0.0
    held.exit_reference_value = 0.0
    held.exit_fee = 0.0
    held.held_for = 0.0
    held.held_until = time
    held.best = reference
    held.worst = reference
    held.best_exit = reference
    held.next_partial = 0
    held.broke_even = 0
    held.bars_held = 0
    held.leaving = 0
    held.exit_bars_left = 0


@kernel()
def leave_nb(
    held: Record,
    quantity: float,
    reference: float,
    resting: bool,
    time: int,
    bar_range: float,
    terms: Record,
) -> None:
    """Take a quantity off the held."""
    price = reference if resting else market_price_nb(reference, -held.side, bar_range, terms)
    fee = terms.maker_fee if resting else terms.taker_fee
    _count_time_nb(held, time)
    held.exit_value += quantity * price
    held.exit_reference_value += quantity * reference
    held.exit_fee += fee * (quantity * price)
    held.best_exit = held.side * max(held.side * held.best_exit, held.side * reference)
    held.left -= quantity
    held.n_exits += 1


@kernel()
def close_nb(
    held: Record,
    order: Record,
    plan: Record,
    trade: Record,
    reference: float,
    resting: bool,
    reason: int,
    time: int,
    bar_range: float,
    terms: Record,
    policy: Record,
) -> None:
    """Take the rest off the position; write the closed trade, a CLOSED record."""
    leave_nb(held, held.left, reference, resting, time, bar_range, terms)
    side, paid, entered = held.side, held.entry_price, held.entry_reference
    price, left_at = held.exit_value / held.quantity, held.exit_reference_value / held.quantity
    carry = (terms.long_carry if side > 0.0 else terms.short_carry) * (held.held_for / _DAY / held.quantity)
    gross = side * (left_at - entered) / entered
    net = side * (price - paid) / paid - held.entry_fee - held.exit_fee / held.quantity / paid - carry
    trade.tag = held.tag
    trade.decision_time = plan.decision_time
    trade.entry_time = held.entry_time
    trade.exit_time = time
    trade.side = int(side)
    trade.stake = held.stake
    trade.stop = plan.stop
    trade.target = plan.target
    trade.entry_price = paid
    trade.exit_price = price
    trade.gross_return = gross
    trade.cost = gross - net
    trade.net_return = net
    risk = side * (paid - plan.stop) / paid
    trade.r_multiple = net / risk if risk > 0.0 else math.nan
    best = max(side * held.best, side * held.best_exit, side * reference)
    worst = min(side * held.worst, side * reference)
    trade.mfe = max(0.0, (best - side * entered) / entered)
    trade.mae = min(0.0, (worst - side * entered) / entered)
    trade.bars_held = held.bars_held
    trade.n_entries = held.n_entries
    trade.n_exits = held.n_exits
    trade.exit_reason = reason
    held.open = 0
    held.leaving = 0
    if gross < -_ROUNDING:
        held.rest = policy.cooldown
    if order.adds:
        order.live = 0
