"""THE fill rule: how orders fill and positions close, one bar at a time.

The simulator and the paper broker both call `advance_nb`; there is no second implementation. An instance enters by a
market order, a limit order, or a trigger order (a stop entry: a market order once the price reaches its trigger). Its
position exits at its stop, at its targets, at a time, on an opposite signal, or where the data end.

Steps
-----
Every bar goes through the same steps, in this order:

1. At the open: exit. A position whose `leave_at` passed without a bar leaves at market. So does one with a requested
   exit (step 4), unless that waits as a limit order, which fills when the bar opens at its price or better.
2. At the open: enter. A market order fills at the open; a limit order when the bar opens at its price or better; a
   trigger order when the bar opens at its trigger or beyond. An order whose `leave_at` has passed is dropped.
3. Within the bar:

   a. Entry. A limit order fills at its price when the bar trades through it, a trigger order at its trigger when the
      bar touches it. An order that does not fill expires after its number of bars.
   b. Stop. Live from the fill on. A bar that touches it closes the position, at the stop or, if the bar opens beyond
      it, at the open. A bar that touches the stop and a target is a loss of all that is left, even if it opens beyond
      the target.
   c. Targets. A target fills at its price, or at the open if that is better. Each partial target closes its share of
      the quantity entered so far, the last target all that is left. An exit that waits as a limit order fills when the
      bar trades through it, after the targets that are nearer.

4. At the close. A position whose `leave_at` is now leaves at market. Otherwise its stop moves for the bars to come
   (trailing, break-even), and a position that has been held for `max_hold` bars requests its exit.

Signals are submitted at the close, after these steps; see `market.execution.order_entry`.

Details
-------
Entry after the open. Behind a limit order, the adverse extreme of the bar is known to come after the fill: the stop is
live, the targets wait for the next bar, and the favourable excursion counts only the close. Behind a trigger order, the
favourable extreme is known to come after the fill: the targets are live. The stop is live too, since the adverse
extreme may have come after the fill, but the adverse excursion counts only the close.

Stop. The nearest of three; of equals, the first: the fixed stop; the entry price (before half-spread and slippage,
averaged over the entries), once the best price since the fill is at least `break_even` better; and the trailing stop,
`trail` away from the best price since the fill. The latter two are known at a close and live from the next bar on.

Requested exit. With `exit_wait` of k, the position waits for the k following bars as a limit order at the close of the
request (on the tick grid, at that price or better), stop and targets live, and then leaves at market at the next open.
With k = 0 that is the next open. Until it has left, the instance takes no signal. An opposite order that requested the
exit waits without ageing, and can fill from the bar at whose open the position is gone.

Scaling in. With `max_entries` above 1, a signal on the side of the open position adds to it. The position keeps the
exits of its first signal: the stop, targets, trail, break_even, max_hold, leave_at and exit_wait of an addition do not
count. The added quantity is in proportion to stake / price. An addition that fills after the open fills last in its
bar, after the targets, since these may have come before; the last target closes the position without it. If the bar
touches the stop, an addition that may have come before the stop (any trigger, a limit nearer than the stop) fills and
is lost with the rest. A pending addition is cancelled when the position closes or requests its exit.

Cooldown. After a trade that loses before costs, no signal is taken at the close of the bar of its exit, nor at the next
`cooldown - 1` closes.

Finer bars. Where finer bars make up the whole bar, they settle the order of entry, stop and targets: step 3 goes
through them one by one. They settle that order alone: prices, times, excursions, ranges, and all that happens at a
close are those of the coarse bar. So they change only ambiguous bars, which reach, after the open, two or more of: the
entry, the stop, a target, the limit of a waiting exit.

Bars without trades. By default, orders fill in a bar in which nothing traded as in any other; each trade counts these
fills. Where the instrument does not allow it (`fill_without_trades` of `market.instruments.Instrument`), nothing fills
in such a bar: a market order, a stop and an exit that is due wait for the next bar with trades, and fill there at its
open at best. All else goes on: the bar counts for `max_hold`, `exit_wait`, the cooldown, and the expiry of limit and
trigger orders, and its prices move the stop. The finer bars of a bar with trades are not looked at one by one. A volume
of 0 says that nothing traded once an earlier bar had a volume; before, the volume counts as unknown, and orders fill.
Where the data end, a position is valued at the last close in any case.

Costs. Market and trigger entries and all exits at market (stop, time, opposite, session end, end of data) pay the taker
fee, half-spread and slippage; limit entries, targets and exits that wait as a limit order pay the maker fee. Slippage
adds up a fraction of the price, a number of ticks, and a fraction of the range of the bar; a sale keeps at least a
hundredth of its price. Carry is a fraction of the entry notional per 24 hours, for each part of the position from its
entry to its exit. Costs change no decision.

Known at: a fill is known at the `close_time` of its bar, and carries that time.
"""

from __future__ import annotations

import math

import numpy as np

from tradesieve.market.execution.accounting import add_nb, close_nb, open_nb, reduce_nb
from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.exit_levels import (
    exit_level_nb,
    levels_nb,
    place_stop_nb,
    place_target_nb,
    update_extremes_nb,
)
from tradesieve.market.execution.records import (
    END_OF_DATA,
    LIMIT,
    MARKET,
    SESSION_END,
    TARGET,
    TIME,
    TRIGGER,
    Record,
)

_ROUNDING = 1e-12  # a loss that is smaller is none


@kernel()
def advance_nb(
    position: Record,
    order: Record,
    bar: Record,
    finer: np.ndarray,
    terms: Record,
    policy: Record,
    trades: np.ndarray,
) -> int:
    """Advance an instance by one completed bar.

    Parameters
    ----------
    position, order : one POSITION and one ORDER record, changed in place.
    bar : one BAR record.
    finer : PRICE_RANGE records of finer bars, of which the bar names its own.
    terms, policy : one TERMS and one POLICY record.
    trades : TRADE records, at least 2. Trades that close are written to the first ones: a position may leave at the
        open, and the one that enters after it be stopped in the same bar.

    Returns
    -------
    How many trades closed: 0, 1 or 2.
    """
    if position.cooldown_left > 0:
        position.cooldown_left -= 1
    if terms.waits_for_trades and bar.untraded:
        _wait_nb(position, order, bar, terms)
        return 0
    n_closed = 0
    # 1. At the open: exit.
    if position.open:
        n_closed += _exit_at_open_nb(position, order, bar, terms, trades[0])
    # 2. At the open: enter. An order that may still fill after it is working.
    working = False
    if order.pending:
        working = _enter_at_open_nb(position, order, bar, terms)
    # 3. Within the bar: entry, stop, targets.
    if position.open or working:
        n_closed += _trade_within_bar_nb(position, order, working, bar, finer, terms, trades[n_closed])
    # 4. At the close.
    if position.open:
        n_closed += _close_bar_nb(position, order, bar, terms, trades[n_closed])
    for k in range(n_closed):
        if trades[k].gross_return < -_ROUNDING:
            position.cooldown_left = policy.cooldown
    return n_closed


# The steps are inlined: measured, a bar costs up to 1.4 times as much with calls in their place.


@kernel(forceinline=True)
def _exit_at_open_nb(position: Record, order: Record, bar: Record, terms: Record, trade: Record) -> bool:
    """Leave at the open; return whether the position closed."""
    leave_at = position.signal.leave_at
    waits = position.exit_bars_left > 0
    if leave_at != 0 and bar.close_time > leave_at:
        _exit_nb(position, order, bar.open, False, SESSION_END, bar, terms, trade)
    elif position.exit_requested and not (waits and position.side * bar.open < position.exit_level):
        _exit_nb(position, order, bar.open, waits, position.exit_requested, bar, terms, trade)
    else:
        position.bars_held += 1
    return not position.open


@kernel(forceinline=True)
def _enter_at_open_nb(position: Record, order: Record, bar: Record, terms: Record) -> bool:
    """Fill or drop the pending order at the open; return whether it may still fill after it."""
    leave_at, open_level = order.signal.leave_at, order.signal.side * bar.open
    if leave_at != 0 and bar.close_time > leave_at:
        order.pending = 0
        return False
    if position.open and not order.is_addition:
        return False  # an opposite order, which waits until the position has left
    if (
        order.kind == MARKET
        or (order.kind == LIMIT and open_level <= order.level)
        or (order.kind == TRIGGER and open_level >= order.level)
    ):
        _enter_nb(position, order, bar.open, bar, terms)
        place_stop_nb(position)  # also after an addition, which moves the average entry price
        return False
    return True


@kernel(forceinline=True)
def _trade_within_bar_nb(
    position: Record, order: Record, working: bool, bar: Record, finer: np.ndarray, terms: Record, trade: Record
) -> bool:
    """Go through the bar, or the finer bars it is made of; return whether the position closed."""
    side = position.side if position.open else order.signal.side
    for k in range(max(bar.n_finer, 1)):
        low, high = bar.low, bar.high
        if bar.n_finer > 0:
            low, high = finer[bar.first_finer + k].low, finer[bar.first_finer + k].high
        adverse, favourable = levels_nb(side, low, high)
        fills = working and _is_reached_nb(order, adverse, favourable)
        behind_limit = False
        if fills and not position.open:
            behind_limit = order.kind == LIMIT
            _enter_nb(position, order, side * order.level, bar, terms)
            place_stop_nb(position)
            position.entered_within = order.kind
            fills = working = False
        if not position.open:
            continue
        # From here on, what still fills is an addition.
        if adverse <= position.stop_level:
            if fills and (order.kind == TRIGGER or order.level > position.stop_level):
                _enter_nb(position, order, side * order.level, bar, terms)
            level = min(position.stop_level, _first_level_nb(position, bar))
            _exit_nb(position, order, side * level, False, position.stop_reason, bar, terms, trade)
            return True
        if not behind_limit and _take_targets_nb(position, order, favourable, bar, terms, trade):
            return True
        if fills:
            _enter_nb(position, order, side * order.level, bar, terms)
            working = False
    if working:
        _age_nb(order)
    return False


@kernel(forceinline=True)
def _age_nb(order: Record) -> None:
    """Count a bar in which an order did not fill; it expires after its number of bars."""
    order.bars_left -= 1
    if order.bars_left <= 0:
        order.pending = 0


@kernel()
def _is_reached_nb(order: Record, adverse: float, favourable: float) -> bool:
    """Tell whether the prices between two levels fill the order: through its limit, or to its trigger."""
    if order.kind == LIMIT:
        return bool(adverse < order.level)
    return bool(favourable >= order.level)


@kernel(forceinline=True)
def _take_targets_nb(
    position: Record, order: Record, favourable: float, bar: Record, terms: Record, trade: Record
) -> bool:
    """Fill the targets and the limit of a waiting exit, the nearest first; return whether the position closed."""
    side, first_level = position.side, _first_level_nb(position, bar)
    reason, level = 0, math.inf
    if favourable >= position.target_level:
        reason, level = TARGET, position.target_level
    if position.exit_bars_left > 0 and position.exit_level < min(favourable, level):
        reason, level = position.exit_requested, position.exit_level
    while favourable >= position.next_target_level and position.next_target_level < level:
        quantity = position.signal.partial_share[position.next_partial] * position.entry_quantity
        reduce_nb(position, quantity, side * max(position.next_target_level, first_level), True, bar, terms)
        position.next_partial += 1
        place_target_nb(position, terms.tick)
    if reason == 0:
        return False
    _exit_nb(position, order, side * max(level, first_level), True, reason, bar, terms, trade)
    return True


@kernel(forceinline=True)
def _close_bar_nb(position: Record, order: Record, bar: Record, terms: Record, trade: Record) -> bool:
    """Count the bar, leave at `leave_at`, or prepare for the bars to come; return whether the position closed."""
    side = position.side
    adverse, favourable = levels_nb(side, bar.low, bar.high)
    if position.bars_held == 1 and position.entered_within == LIMIT:
        favourable = side * bar.close
    elif position.bars_held == 1 and position.entered_within == TRIGGER:
        adverse = side * bar.close
    update_extremes_nb(position, adverse, favourable)
    position.last_close = bar.close
    if bar.close_time == position.signal.leave_at:
        _exit_nb(position, order, bar.close, False, SESSION_END, bar, terms, trade)
        return True
    _count_close_nb(position, order, terms)
    return False


@kernel(forceinline=True)
def _count_close_nb(position: Record, order: Record, terms: Record) -> None:
    """Count a bar that has been lived through, and request the exit that is due."""
    if position.exit_bars_left > 0:
        position.exit_bars_left -= 1
    max_hold = position.signal.max_hold
    if not position.exit_requested and max_hold > 0 and position.bars_held >= max_hold:
        request_exit_nb(position, order, TIME, terms)


@kernel()
def _wait_nb(position: Record, order: Record, bar: Record, terms: Record) -> None:
    """Live through a bar in which nothing traded, and nothing fills."""
    if order.pending:
        leave_at = order.signal.leave_at
        if leave_at != 0 and bar.close_time > leave_at:
            order.pending = 0
        elif order.kind != MARKET and (order.is_addition or not position.open):
            _age_nb(order)
    if position.open:
        position.bars_held += 1
        adverse, favourable = levels_nb(position.side, bar.low, bar.high)
        update_extremes_nb(position, adverse, favourable)
        position.last_close = bar.close
        _count_close_nb(position, order, terms)


@kernel()
def _first_level_nb(position: Record, bar: Record) -> float:
    """Return the first level of the bar at which the position is open: that of its entry, or of the open."""
    return position.side * (position.first_reference if position.bars_held == 1 else bar.open)


@kernel()
def _enter_nb(position: Record, order: Record, reference: float, bar: Record, terms: Record) -> None:
    """Fill the pending order: open the position, or add to it."""
    resting = order.kind == LIMIT
    order.pending = 0
    if order.is_addition:
        add_nb(position, order.signal.stake, reference, resting, bar, terms)
    else:
        open_nb(position, order, reference, resting, bar, terms)
        position.target_level = exit_level_nb(position, order.signal.target, terms.tick)
        place_target_nb(position, terms.tick)


@kernel()
def _exit_nb(
    position: Record,
    order: Record,
    reference: float,
    resting: bool,
    reason: int,
    bar: Record,
    terms: Record,
    trade: Record,
) -> None:
    """Close the position, and cancel the pending addition."""
    close_nb(position, reference, resting, reason, bar, terms, trade)
    if order.is_addition:
        order.pending = 0


@kernel()
def request_exit_nb(position: Record, order: Record, reason: int, terms: Record) -> None:
    """Request the exit of the position, for TIME or OPPOSITE, and cancel the pending addition."""
    position.exit_requested = reason
    position.exit_bars_left = position.signal.exit_wait
    position.exit_level = exit_level_nb(position, position.last_close, terms.tick)
    if order.is_addition:
        order.pending = 0


@kernel()
def close_out_nb(position: Record, order: Record, bar: Record, terms: Record, trade: Record) -> int:
    """Close an open position at the last close of the data; return how many trades closed: 0 or 1."""
    if not position.open:
        return 0
    _exit_nb(position, order, bar.close, False, END_OF_DATA, bar, terms, trade)
    return 1
