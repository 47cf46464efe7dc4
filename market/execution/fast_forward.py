"""Fast-forward: pass over quiet bars, many at a time.

A bar is quiet when nothing can act in it: the position is open with no exit requested, no order is pending, and the bar
reaches neither the stop nor the next target. Finer bars settle nothing there.

`market.execution.fill_rule` says what happens in a bar; there is no second rule here. `fast_forward_nb` only passes
over bars in which `advance_nb` would certainly do no more than count the bar, note its extremes and move the stop, and
does the same, bit for bit. The bar that completes `max_hold`, the bars from `leave_at` on, and those at whose close a
signal may be taken are left to the caller.

Why it is certain. The highest high and the lowest low of a run of bars tell whether a fixed stop or a target was
reached in any of them. A stop that moves, trailing or to break-even, never moves away from the price: one that is not
reached from where it stands after the run was not reached within it.
"""

from __future__ import annotations

import numpy as np

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.exit_levels import in_reach_nb, levels_nb, place_stop_nb, update_extremes_nb
from tradesieve.market.execution.records import Record
from tradesieve.market.execution.time_search import first_at_or_after_nb

_RUN = 32
"""Bars looked at together: eight to a vector register, four registers for each of two prices."""


@kernel()
def can_fast_forward_nb(position: Record, order: Record) -> bool:
    """Tell whether only the stop and the targets of an open position can act in the bars to come."""
    return bool(position.open and not position.exit_requested and not order.pending and position.cooldown_left == 0)


@kernel()
def fast_forward_nb(
    position: Record,
    close_time: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    first: int,
    end: int,
) -> int:
    """Pass over the quiet bars from `first` on; leave the position as `advance_nb` would.

    Parameters
    ----------
    position : one POSITION record, of an instance that `can_fast_forward_nb`; changed in place.
    close_time, high, low, close : of all bars.
    end : the bar to stop at in any case, from `first` to the number of bars.

    Returns
    -------
    The first bar that is not quiet, or `end`.
    """
    signal = position.signal
    if signal.max_hold > 0:
        end = min(end, first + signal.max_hold - position.bars_held - 1)
    if signal.leave_at != 0:
        end = min(end, first_at_or_after_nb(close_time, signal.leave_at, first))
    if end <= first:
        return first
    bar = _pass_quiet_nb(position, high, low, first, end)
    if bar > first:
        position.bars_held += bar - first
        position.last_close = close[bar - 1]
    return bar


@kernel()
def _pass_quiet_nb(position: Record, high: np.ndarray, low: np.ndarray, bar: int, end: int) -> int:
    side = position.side
    while bar < end:
        run_end = min(bar + _RUN, end)
        if bar + _RUN <= end:
            lowest, highest = _extremes_nb(high, low, bar)
            adverse, favourable = levels_nb(side, lowest, highest)
            best, worst, at_break_even = position.best_level, position.worst_level, position.at_break_even
            update_extremes_nb(position, adverse, favourable)
            if not in_reach_nb(position, adverse, favourable):
                bar = run_end
                continue
            position.best_level, position.worst_level, position.at_break_even = best, worst, at_break_even
            place_stop_nb(position)
        while bar < run_end:
            adverse, favourable = levels_nb(side, low[bar], high[bar])
            if in_reach_nb(position, adverse, favourable):
                return bar
            update_extremes_nb(position, adverse, favourable)
            bar += 1
    return bar


# Bars have neither NaN nor zeros: with these flags, the compiler keeps eight maxima at a time.
@kernel(fastmath={"nnan", "nsz"})
def _extremes_nb(high: np.ndarray, low: np.ndarray, first: int) -> tuple[float, float]:
    """Return the lowest low and the highest high of a run of bars."""
    lowest, highest = low[first], high[first]
    for bar in range(first + 1, first + _RUN):
        lowest, highest = min(lowest, low[bar]), max(highest, high[bar])
    return lowest, highest
