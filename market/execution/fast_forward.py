"""Quiet bars: those that an open position lives through unchanged, passed over many at a time.

`market.execution.fill_rule` says what happens in a bar; there is no second rule here. `pass_quiet_nb` only skips bars
of which it is certain that `advance_nb` would have done no more than count them and note what prices the position met,
and notes the same, bit for bit. The first bar of which it is not certain is for `advance_nb`.

A bar is quiet when the position is open, no order waits, it was not told to leave and its instance does not rest; the
bar is before the position's `leave_at` and is not the one at whose close it becomes as old as its `max_hold`; and
neither the stop that rules the bar nor the nearest target is within its range. So targets, partial targets, every kind
of stop, and finer bars, which settle nothing in such a bar, are all provided for. What is not here is the offering of
signals: the caller passes over no bar at whose close a signal may be taken.

How it is certain. Of a run of bars, the highest high and the lowest low tell whether a stop that stands still or a
target was reached in any of them. A stop that moves, trailing or to break-even, never moves away from the price: one
that is not reached from where it stands after the run was not reached within it.
"""

from __future__ import annotations

import math

import numpy as np

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.fill_rule import barrier_nb, know_prices_nb
from tradesieve.market.execution.records import Record
from tradesieve.market.execution.time_search import first_at_nb

_RUN = 32
"""Bars looked at together: eight to a vector register, four registers for each of two prices."""


# There is no NaN in bars, and no zero: said so, the compiler keeps eight maxima at a time.
@kernel(fastmath={"nnan", "nsz"})
def _extremes_nb(high: np.ndarray, low: np.ndarray, first: int) -> tuple[float, float]:
    """Find the lowest low and the highest high of a run of bars."""
    lowest, highest = low[first], high[first]
    for bar in range(first + 1, first + _RUN):
        lowest, highest = min(lowest, low[bar]), max(highest, high[bar])
    return lowest, highest


@kernel()
def _pass_still_nb(held: Record, plan: Record, high: np.ndarray, low: np.ndarray, bar: int, end: int) -> int:
    """Pass over the quiet bars from `bar` up to `end`, for a stop that stands still."""
    side, nearest = held.side, held.nearest
    barrier, _ = barrier_nb(held, plan)
    best, worst = side * held.best, side * held.worst
    while bar + _RUN <= end:
        lowest, highest = _extremes_nb(high, low, bar)
        least, most = min(side * lowest, side * highest), max(side * lowest, side * highest)
        if least <= barrier or most >= nearest:
            end = bar + _RUN  # it is one of these
            break
        best, worst = max(best, most), min(worst, least)
        bar += _RUN
    while bar < end:
        least, most = min(side * low[bar], side * high[bar]), max(side * low[bar], side * high[bar])
        if least <= barrier or most >= nearest:
            break
        best, worst = max(best, most), min(worst, least)
        bar += 1
    held.best, held.worst = side * best, side * worst
    return bar


@kernel()
def _pass_moving_nb(held: Record, plan: Record, high: np.ndarray, low: np.ndarray, bar: int, end: int) -> int:
    """Pass over the quiet bars from `bar` up to `end`, for a stop that may move at their closes."""
    side, nearest = held.side, held.nearest
    while bar < end:
        together = min(bar + _RUN, end)
        if bar + _RUN <= end:
            lowest, highest = _extremes_nb(high, low, bar)
            least, most = min(side * lowest, side * highest), max(side * lowest, side * highest)
            best, worst, broke_even = held.best, held.worst, held.broke_even
            know_prices_nb(held, plan, least, most)
            barrier, _ = barrier_nb(held, plan)
            if not (least <= barrier or most >= nearest):
                bar += _RUN
                continue
            held.best, held.worst, held.broke_even = best, worst, broke_even
        while bar < together:
            least, most = min(side * low[bar], side * high[bar]), max(side * low[bar], side * high[bar])
            barrier, _ = barrier_nb(held, plan)
            if least <= barrier or most >= nearest:
                return bar
            know_prices_nb(held, plan, least, most)
            bar += 1
    return bar


@kernel()
def may_be_quiet_nb(held: Record, order: Record) -> bool:
    """Tell whether an instance is in a state in which bars can be quiet: it is open, and nothing is under way."""
    return bool(held.open and not order.live and not held.leaving and held.rest == 0)


@kernel()
def pass_quiet_nb(
    held: Record,
    plan: Record,
    time: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    bar: int,
    end: int,
) -> int:
    """Pass over the bars from `bar` on that are quiet; leave the position as `advance_nb` would have.

    Parameters
    ----------
    held, plan : see `market.execution.fill_rule.advance_nb`, of an instance that `may_be_quiet_nb`; `held` is changed
        in place.
    time, high, low, close : of all bars.
    end : the bar to stop before in any case, at most the number of bars; not before `bar`.

    Returns
    -------
    The first bar that is not quiet, or `end`.
    """
    if plan.max_hold > 0:
        end = min(end, bar + plan.max_hold - held.bars_held - 1)
    if plan.leave_at != 0:
        end = min(end, first_at_nb(time, plan.leave_at, bar))
    if end <= bar:
        return bar
    if math.isnan(plan.trail) and (held.broke_even or math.isnan(plan.break_even)):
        after = _pass_still_nb(held, plan, high, low, bar, end)
    else:
        after = _pass_moving_nb(held, plan, high, low, bar, end)
    if after > bar:
        held.bars_held += after - bar
        held.close = close[after - 1]
    return after
