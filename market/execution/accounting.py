"""What a fill does to a position: open it, add to it, reduce it, close it, and the money of the closed trade.

When and at what price an order fills is for `market.execution.fill_rule`; here is only the accounting.
"""

from __future__ import annotations

import math

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.fill_prices import market_price_nb
from tradesieve.market.execution.records import Record
from tradesieve.market.timeframes import DAY


@kernel()
def _price_and_fee_nb(
    reference: float, direction: float, resting: bool, bar: Record, terms: Record
) -> tuple[float, float]:
    """Return the price and the fee rate of a fill; `resting`: by an order that waited in the book."""
    if resting:
        return reference, terms.maker_fee
    return market_price_nb(reference, direction, bar.high - bar.low, terms), terms.taker_fee


@kernel()
def _count_exposure_nb(position: Record, time: int) -> None:
    position.exposure += position.open_quantity * (time - position.exposure_until)
    position.exposure_until = time


@kernel()
def open_nb(position: Record, order: Record, reference: float, resting: bool, bar: Record, terms: Record) -> None:
    """Open the position of an order."""
    side = order.signal.side
    price, fee = _price_and_fee_nb(reference, side, resting, bar, terms)
    position.signal = order.signal
    position.tag = order.tag
    position.open = 1
    position.side = side
    position.entry_time = bar.close_time
    position.entered_within = 0
    position.bars_held = 1
    position.n_entries = 1
    position.n_exits = 0
    position.n_untraded_fills = bar.untraded
    position.entry_quantity = 1.0
    position.open_quantity = 1.0
    position.stake = order.signal.stake
    position.first_reference = reference
    position.entry_value = price
    position.entry_reference_value = reference
    position.entry_price = price
    position.entry_reference = reference
    position.entry_fee = fee
    position.exit_value = 0.0
    position.exit_reference_value = 0.0
    position.exit_fee = 0.0
    position.exposure = 0.0
    position.exposure_until = bar.close_time
    position.best_level = side * reference
    position.worst_level = side * reference
    position.best_exit_level = side * reference
    position.at_break_even = 0
    position.next_partial = 0
    position.exit_requested = 0
    position.exit_bars_left = 0


@kernel()
def add_nb(position: Record, stake: float, reference: float, resting: bool, bar: Record, terms: Record) -> None:
    """Add to the position, in proportion to stake / price."""
    price, fee = _price_and_fee_nb(reference, position.side, resting, bar, terms)
    _count_exposure_nb(position, bar.close_time)
    quantity = stake / position.signal.stake * (position.first_reference / reference)
    value, added = position.entry_value, price * quantity
    position.entry_quantity += quantity
    position.open_quantity += quantity
    position.entry_value += added
    position.entry_reference_value += reference * quantity
    position.entry_fee = (position.entry_fee * value + fee * added) / position.entry_value
    position.entry_price = position.entry_value / position.entry_quantity
    position.entry_reference = position.entry_reference_value / position.entry_quantity
    position.stake += stake
    position.n_entries += 1
    if bar.untraded:
        position.n_untraded_fills += 1


@kernel()
def reduce_nb(position: Record, quantity: float, reference: float, resting: bool, bar: Record, terms: Record) -> None:
    """Take a quantity off the position."""
    price, fee = _price_and_fee_nb(reference, -position.side, resting, bar, terms)
    _count_exposure_nb(position, bar.close_time)
    position.exit_value += quantity * price
    position.exit_reference_value += quantity * reference
    position.exit_fee += fee * (quantity * price)
    position.best_exit_level = max(position.best_exit_level, position.side * reference)
    position.open_quantity -= quantity
    position.n_exits += 1
    if bar.untraded:
        position.n_untraded_fills += 1


@kernel()
def close_nb(
    position: Record, reference: float, resting: bool, reason: int, bar: Record, terms: Record, trade: Record
) -> None:
    """Take all that is open off the position and write the closed trade, a TRADE record."""
    reduce_nb(position, position.open_quantity, reference, resting, bar, terms)
    position.open = 0
    position.exit_requested = 0
    side, paid, entered = position.side, position.entry_price, position.entry_reference
    quantity = position.entry_quantity
    received, left = position.exit_value / quantity, position.exit_reference_value / quantity
    carry = (terms.long_carry if side > 0.0 else terms.short_carry) * (position.exposure / DAY / quantity)
    gross = side * (left - entered) / entered
    net = side * (received - paid) / paid - position.entry_fee - position.exit_fee / quantity / paid - carry
    risk = side * (paid - position.signal.stop) / paid
    best = max(position.best_level, position.best_exit_level, side * reference)
    worst = min(position.worst_level, side * reference)
    trade.tag = position.tag
    trade.decision_time = position.signal.decision_time
    trade.entry_time = position.entry_time
    trade.exit_time = bar.close_time
    trade.side = int(side)
    trade.stake = position.stake
    trade.stop = position.signal.stop
    trade.target = position.signal.target
    trade.entry_price = paid
    trade.exit_price = received
    trade.gross_return = gross
    trade.cost = gross - net
    trade.net_return = net
    trade.r_multiple = net / risk if risk > 0.0 else math.nan
    trade.mfe = max(0.0, (best - side * entered) / entered)
    trade.mae = min(0.0, (worst - side * entered) / entered)
    trade.bars_held = position.bars_held
    trade.n_entries = position.n_entries
    trade.n_exits = position.n_exits
    trade.n_untraded_fills = position.n_untraded_fills
    trade.exit_reason = reason
