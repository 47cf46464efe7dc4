"""Exit levels: where the stop and the next target of an open position stand, and how they move."""

from __future__ import annotations

import math

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.fill_prices import resting_price_nb
from tradesieve.market.execution.records import BREAK_EVEN, N_PARTIALS, STOP, TRAILING_STOP, Record


@kernel()
def levels_nb(side: float, low: float, high: float) -> tuple[float, float]:
    """Return the levels of a bar's extremes for a side: the adverse and the favourable one."""
    return min(side * low, side * high), max(side * low, side * high)


@kernel()
def exit_level_nb(position: Record, price: float, tick: float) -> float:
    """Return the level at which the position leaves by a limit order at a price."""
    return position.side * resting_price_nb(price, -position.side, tick)


@kernel()
def place_stop_nb(position: Record) -> None:
    """Place the stop at the nearest of the fixed, break-even and trailing stops; of equals, the first."""
    signal = position.signal
    level, reason = position.side * signal.stop, STOP
    if position.at_break_even:
        entry = position.side * position.entry_reference
        if math.isnan(level) or entry > level:
            level, reason = entry, BREAK_EVEN
    if not math.isnan(signal.trail):
        trailing = position.best_level - signal.trail
        if math.isnan(level) or trailing > level:
            level, reason = trailing, TRAILING_STOP
    position.stop_level, position.stop_reason = level, reason


@kernel()
def place_target_nb(position: Record, tick: float) -> None:
    """Place the next target: the next partial target if there is one, else the last."""
    position.next_target_level = position.target_level
    if position.next_partial < N_PARTIALS:
        partial = position.signal.partial_target[position.next_partial]
        if not math.isnan(partial):
            position.next_target_level = exit_level_nb(position, partial, tick)


@kernel()
def in_reach_nb(position: Record, adverse: float, favourable: float) -> bool:
    """Tell whether a bar with these extremes reaches the stop or the next target."""
    return bool(adverse <= position.stop_level or favourable >= position.next_target_level)


@kernel()
def update_extremes_nb(position: Record, adverse: float, favourable: float) -> None:
    """Note the extremes of a bar that the position lived through, and move the stop for the next."""
    position.best_level = max(position.best_level, favourable)
    position.worst_level = min(position.worst_level, adverse)
    if position.best_level - position.side * position.entry_reference >= position.signal.break_even:
        position.at_break_even = 1
    place_stop_nb(position)
