"""THE fill rule: how an order becomes a fill and a position becomes a closed trade, one bar at a time.

The simulator and the paper broker both call `advance_nb` and `accept_nb`; there is no second implementation.

Within one bar, in this order:

1. At the open, what is to leave leaves: a position whose `leave_at` has passed without a bar; one that was told to
   leave (time, opposite signal) and waits no longer, at market; one that waits as a limit order, when the bar opens at
   its price or better.
2. At the open, a waiting order enters: a market order, plus half-spread and slippage against us; a limit order when the
   bar opens at its price or better; a trigger order, at market terms, when the bar opens at its trigger or beyond it.
   Else a limit order enters at its price when the bar trades through it, a trigger order at its trigger, at market
   terms, when the bar touches it. What does not enter expires after its number of bars, and at its `leave_at`.
3. Stop and targets are live from the fill on. A bar that opens beyond a stop fills at the open. A bar that touches stop
   and a target is a loss of all that is left, even one that opens beyond the target. Targets fill at their price, or at
   the open when that is better: each partial target closes its share of the quantity entered so far, the last one all
   that is left. A position that was told to leave and waits as a limit order leaves when the bar trades through that;
   the stop goes before it, of the targets those that are nearer.
4. At the close, a position whose `leave_at` is now leaves, at market; the stop moves for the bars to come (trailing,
   break-even); and a position as old as its `max_hold` is told to leave.

The bar of an entry after the open. Behind a limit order, the adverse extreme is known to come after the fill: the stop
is live, the targets wait for the next bar, and of favourable prices only the close counts. Behind a trigger order, the
favourable extreme is known to come after the fill: targets are live, and the stop is too, since the adverse extreme may
have come after the fill; it counts against the stop, but not as an excursion: there, of adverse prices, only the close.

The stop is the nearest of three, of equals the first: the fixed one; the entry price (before half-spread and slippage,
averaged over the entries), once a close has known a price at least `break_even` better than it; and the trailing stop,
which stands `trail` from the most favourable price since the fill, as known at the close before.

Told to leave at a close, a position with `exit_wait` of k waits at that close (on the grid, at its price or better) for
the k bars that follow, with its stop and targets live, and then leaves at market at the next open. With k = 0 that is
the next open. A position that was told to leave takes no further signal; an order that ended it waits until it has
left, without ageing, and enters from the first bar at whose open the instance is flat.

Scaling in. With `max_entries` above 1, a signal on the side of the open position becomes an addition. It keeps the
position's own exits: its stop, targets, trail, break-even, max_hold, leave_at and exit_wait mean nothing. The quantity
entered is in proportion to stake / price. An addition that fills after the open fills last in its bar: after the
targets, of which the last one ends it, since they may have come before. When the bar touches the stop as well, an
addition that may have come before it (any trigger, a limit nearer than the stop) fills, and is lost with the rest. It
is withdrawn when the position leaves or is told to.

Cooldown. After a trade that lost before costs, no signal is taken at the close of the bar it left in, nor at the closes
of the next `cooldown - 1` bars.

Finer bars. Where finer bars cover a bar wholly, they settle the order of entry, stop and targets within it: step 3 and
the entries after the open go through them one by one, each by the same rule. They settle the order alone: prices,
times, excursions, ranges, and what moves at a close, are those of the coarse bar. So a bar gives another result only if
it is ambiguous, which means that it reaches two or more of these after its open: an order's entry, the stop, a target,
the price at which a leaving position waits.

Costs. Market and trigger entries, stops, time, opposite and session-end exits pay the taker fee, half-spread and
slippage; limits, targets, and exits that wait at a limit pay the maker fee. Slippage is a fraction of the price, a
number of ticks, and a fraction of the range of the bar of the fill, together; a sale keeps at least a hundredth of its
price. Carry is a fraction of the entry notional per 24 hours from entry to exit, for each part on its own. Costs change
no decision.

Known at: a fill is known at the `close_time` of the bar it happens in, and carries that time.
"""

from __future__ import annotations

import math

import numpy as np

from tradesieve.market.execution.accounting import close_nb, enter_nb, leave_nb
from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.records import (
    BREAK_EVEN,
    END_OF_DATA,
    N_PARTIALS,
    OPPOSITE,
    SESSION_END,
    STOP,
    TARGET,
    TIME,
    TRAILING_STOP,
    Record,
    copy_nb,
    resting_price_nb,
)

REFUSED, ENTERS, ADDS = 0, 1, 2
"""What becomes of a signal."""

_NOTHING, _LIMIT, _TRIGGER = 0, 1, 2  # what waits to enter after the open, or has


@kernel()
def _tell_to_leave_nb(held: Record, order: Record, plan: Record, reason: int, terms: Record) -> None:
    held.leaving = reason
    held.exit_bars_left = plan.exit_wait
    held.exit_limit = resting_price_nb(held.close, -held.side, terms.tick)
    if order.adds:
        order.live = 0


@kernel()
def barrier_nb(held: Record, plan: Record) -> tuple[float, int]:
    """Find the stop that rules this bar, in units of side, and what leaving by it is called; NaN: none."""
    barrier, reason = held.side * plan.stop, STOP
    if held.broke_even:
        entered = held.side * held.entry_reference
        if math.isnan(barrier) or entered > barrier:
            barrier, reason = entered, BREAK_EVEN
    if not math.isnan(plan.trail):
        trailing = held.side * held.best - plan.trail
        if math.isnan(barrier) or trailing > barrier:
            barrier, reason = trailing, TRAILING_STOP
    return barrier, reason


@kernel()
def know_prices_nb(held: Record, plan: Record, worst: float, best: float) -> None:
    """Note what a position met in a bar it lived through, in units of side; it moves the stop for the next."""
    side = held.side
    held.best = side * max(side * held.best, best)
    held.worst = side * min(side * held.worst, worst)
    if side * held.best - side * held.entry_reference >= plan.break_even:
        held.broke_even = 1


@kernel()
def _know_close_nb(
    held: Record,
    order: Record,
    plan: Record,
    close: float,
    worst: float,
    best: float,
    terms: Record,
) -> None:
    """End a bar that the position lived through; `worst` and `best`, in units of side, are what it met there."""
    held.close = close
    know_prices_nb(held, plan, worst, best)
    if held.leaving == 0 and plan.max_hold > 0 and held.bars_held >= plan.max_hold:
        _tell_to_leave_nb(held, order, plan, TIME, terms)


@kernel()
def advance_nb(
    held: Record,
    order: Record,
    plan: Record,
    wish: Record,
    closed: Record,
    next_closed: Record,
    time: int,
    open_: float,
    high: float,
    low: float,
    close: float,
    finer_high: np.ndarray,
    finer_low: np.ndarray,
    first: int,
    n_finer: int,
    terms: Record,
    policy: Record,
) -> int:
    """Live through one completed bar.

    Parameters
    ----------
    held, order : one POSITION and one ORDER record, changed in place.
    plan, wish : two SIGNAL records: what the position was opened for, and what the order is for.
    closed, next_closed : two CLOSED records, written in this order when trades close: an old position may leave at
        the open and a new one be stopped in the bar.
    time : close_time of the bar.
    open_, high, low, close : its prices.
    finer_high, finer_low : float64, of finer bars.
    first, n_finer : which of them cover the bar: `n_finer` from row `first` on; 0: none do.
    terms, policy : one TERMS and one POLICY record.

    Returns
    -------
    How many trades closed within the bar: 0, 1 or 2.
    """
    n_closed = 0
    bar_range = high - low
    if held.rest > 0:
        held.rest -= 1

    quiet = held.open and not order.live and not held.leaving
    if quiet and (plan.leave_at == 0 or time < plan.leave_at):
        barrier, reason = barrier_nb(held, plan)
        worst, best = min(held.side * low, held.side * high), max(held.side * low, held.side * high)
        if not (worst <= barrier or best >= held.nearest):  # as on most bars, nothing is within reach
            held.bars_held += 1
            _know_close_nb(held, order, plan, close, worst, best, terms)
            return 0

    if held.open:
        overdue = plan.leave_at != 0 and time > plan.leave_at
        waits = held.exit_bars_left > 0
        if overdue:
            close_nb(held, order, plan, closed, open_, False, SESSION_END, time, bar_range, terms, policy)
            n_closed = 1
        elif held.leaving and (not waits or held.side * open_ >= held.side * held.exit_limit):
            close_nb(held, order, plan, closed, open_, waits, held.leaving, time, bar_range, terms, policy)
            n_closed = 1

    pending, price = _NOTHING, math.nan  # what may enter after the open
    if order.live and wish.leave_at != 0 and time > wish.leave_at:
        order.live = 0
    if order.live and (order.adds or not held.open):
        at_open = True
        if not math.isnan(wish.limit):
            price = resting_price_nb(wish.limit, wish.side, terms.tick)
            pending, at_open = _LIMIT, wish.side * (price - open_) >= 0.0
        elif not math.isnan(wish.trigger):
            price = wish.trigger
            pending, at_open = _TRIGGER, wish.side * (open_ - price) >= 0.0
        if at_open:
            enter_nb(held, order, plan, wish, open_, pending == _LIMIT, time, bar_range, terms)
            pending = _NOTHING
    if not held.open and pending == _NOTHING:
        return n_closed

    # In units of side, a larger number is always better: one comparison serves long and short.
    side = held.side if held.open else wish.side
    worst, best = min(side * low, side * high), max(side * low, side * high)
    trade = next_closed if n_closed else closed
    filled = _NOTHING  # how the position entered, when that was after the open
    barrier, reason = barrier_nb(held, plan)
    anchor = side * open_
    last = side * resting_price_nb(plan.target, -side, terms.tick)
    if held.open:
        held.bars_held += 1
    for piece in range(max(n_finer, 1)):
        lowest, highest = worst, best
        if n_finer > 0:
            lower, higher = side * finer_low[first + piece], side * finer_high[first + piece]
            lowest, highest = min(lower, higher), max(lower, higher)
        reached = (pending == _LIMIT and lowest < side * price) or (pending == _TRIGGER and highest >= side * price)
        if not held.open:
            if not reached:
                continue
            enter_nb(held, order, plan, wish, price, pending == _LIMIT, time, bar_range, terms)
            filled, pending, reached = pending, _NOTHING, False
            barrier, reason = barrier_nb(held, plan)
            anchor = side * price
            last = side * resting_price_nb(plan.target, -side, terms.tick)
            held.bars_held = 1
            targets_wait = filled == _LIMIT
        else:
            targets_wait = False
        if lowest <= barrier:
            if reached and (pending == _TRIGGER or side * price > barrier):
                enter_nb(held, order, plan, wish, price, pending == _LIMIT, time, bar_range, terms)
            close_nb(
                held, order, plan, trade, side * min(barrier, anchor), False, reason, time, bar_range, terms, policy
            )
            return n_closed + 1
        if not targets_wait:
            ending, level = 0, math.inf
            if highest >= last:
                ending, level = TARGET, last
            if held.exit_bars_left > 0 and side * held.exit_limit < min(highest, level):
                ending, level = held.leaving, side * held.exit_limit
            while held.next_partial < N_PARTIALS:
                partial = side * resting_price_nb(plan.partial_target[held.next_partial], -side, terms.tick)
                if not (partial <= highest and partial < level):
                    break
                quantity = plan.partial_share[held.next_partial] * held.quantity
                leave_nb(held, quantity, side * max(partial, anchor), True, time, bar_range, terms)
                held.next_partial += 1
            if ending:
                close_nb(
                    held, order, plan, trade, side * max(level, anchor), True, ending, time, bar_range, terms, policy
                )
                return n_closed + 1
        if reached:
            enter_nb(held, order, plan, wish, price, pending == _LIMIT, time, bar_range, terms)
            pending = _NOTHING

    if pending != _NOTHING:
        bars_left = order.bars_left - 1
        order.bars_left = bars_left
        if bars_left <= 0:
            order.live = 0
    if not held.open:
        return n_closed
    if held.exit_bars_left > 0:
        held.exit_bars_left -= 1
    worst = side * close if filled == _TRIGGER else worst
    best = side * close if filled == _LIMIT else best
    held.nearest = last
    if held.next_partial < N_PARTIALS and not math.isnan(plan.partial_target[held.next_partial]):
        partial = side * resting_price_nb(plan.partial_target[held.next_partial], -side, terms.tick)
        held.nearest = partial if math.isnan(last) else min(partial, last)
    _know_close_nb(held, order, plan, close, worst, best, terms)
    if time == plan.leave_at:
        close_nb(held, order, plan, trade, close, False, SESSION_END, time, bar_range, terms, policy)
        return n_closed + 1
    return n_closed


@kernel()
def answer_nb(held: Record, order: Record, side: float, policy: Record) -> int:
    """Say what would become of a signal now: REFUSED, ENTERS or ADDS.

    One position per instance: a signal is taken when the instance is flat and no order waits; with `exits_on_opposite`
    when it points against the open position, which is then told to leave, and an addition that waits is withdrawn; and
    as an addition, while the position has fewer than `max_entries` and no other addition waits. A position that was
    already told to leave takes no further signal, and an instance that rests after a loss takes none at all.
    """
    if held.rest > 0 or held.leaving:
        return REFUSED
    if not held.open:
        return REFUSED if order.live else ENTERS
    if side != held.side:
        return ENTERS if policy.exits_on_opposite else REFUSED
    return REFUSED if order.live or held.n_entries >= policy.max_entries else ADDS


@kernel()
def accept_nb(
    held: Record,
    order: Record,
    plan: Record,
    wish: Record,
    tag: int,
    signal: Record,
    terms: Record,
    policy: Record,
) -> int:
    """Offer a signal at the close of a bar; return what became of it, see `answer_nb`.

    Parameters
    ----------
    held, order, plan, wish, terms, policy : see `advance_nb`.
    tag : what the closed trade will carry, if the signal opens one.
    signal : one SIGNAL record.
    """
    answer = answer_nb(held, order, signal.side, policy)
    if answer == REFUSED:
        return answer
    if answer == ENTERS and held.open:
        _tell_to_leave_nb(held, order, plan, OPPOSITE, terms)
    copy_nb(wish, signal)
    order.live = 1
    order.adds = int(answer == ADDS)
    order.tag = tag
    order.bars_left = signal.expiry
    return answer


@kernel()
def close_out_nb(
    held: Record,
    order: Record,
    plan: Record,
    closed: Record,
    time: int,
    high: float,
    low: float,
    close: float,
    terms: Record,
    policy: Record,
) -> int:
    """End the data: an open position leaves at the last close, flagged; return how many trades that made (0 or 1)."""
    if not held.open:
        return 0
    close_nb(held, order, plan, closed, close, False, END_OF_DATA, time, high - low, terms, policy)
    return 1
