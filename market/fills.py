"""THE fill rule: how an order becomes a fill and a position becomes a closed trade, one bar at a time.

The simulator and the paper broker both call `advance_nb` and `accept_nb`; there is no second implementation.

Within one bar, in this order:

1. A position that was told to leave (time, opposite signal) leaves at the open.
2. A waiting order enters: a market order at the open, plus half-spread and slippage against us; a limit order at its
   price when the bar trades through it, at the open when the bar opens beyond it ("or better"), or not at all; it
   expires after its number of bars.
3. Stop, trailing stop and target are live from the fill on. A bar that opens beyond a stop fills at the open. A bar
   that touches stop and target is a loss, even one that opens beyond the target. A target fills at its price, or at
   the open when that is better; on a bar whose limit order fills after the open it waits, since the favourable
   extreme may have come before the fill.
4. At the close the trailing stop moves for the bars to come, and a position as old as its `max_hold` is told to leave.

A trailing stop stands `trail` from the most favourable price since the fill, as known at the close before; of a bar
whose limit order fills after the open only the close counts. Where the fixed stop is nearer, that one rules.

Known at: a fill is known at the `close_time` of the bar it happens in, and carries that time.
Stops, time exits and opposite exits pay the taker fee, half-spread and slippage; limits and targets pay the maker fee.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from market.instruments import Instrument

STOP, TARGET, TRAILING_STOP, TIME, OPPOSITE, END_OF_DATA = 1, 2, 3, 4, 5, 6
EXIT_REASONS = {
    STOP: "stop",
    TARGET: "target",
    TRAILING_STOP: "trailing_stop",
    TIME: "time",
    OPPOSITE: "opposite",
    END_OF_DATA: "end_of_data",
}

_ROUNDING = 1e-14  # relative; a price divided by its tick is off by less

TERMS = np.dtype([("maker_fee", "f8"), ("taker_fee", "f8"), ("slip", "f8"), ("tick", "f8")])
"""What an instrument charges; `slip` is half-spread and slippage together."""

POLICY = np.dtype([("exits_on_opposite", "i8"), ("cooldown", "i8"), ("max_entries", "i8")])
"""How an instance lives with its signals; see `strategies.base.Policy`."""

ORDER = np.dtype(
    [
        ("live", "i8"),
        ("tag", "i8"),  # which signal it came from
        ("decision_time", "i8"),
        ("side", "f8"),
        ("limit", "f8"),  # NaN: a market order
        ("stop", "f8"),  # NaN: none, as for target and trail
        ("target", "f8"),
        ("trail", "f8"),  # distance of the trailing stop, quote
        ("max_hold", "i8"),  # bars; 0: no limit
        ("bars_left", "i8"),  # until it expires
    ]
)

POSITION = np.dtype(
    [
        ("open", "i8"),
        ("tag", "i8"),
        ("decision_time", "i8"),
        ("entry_time", "i8"),
        ("side", "f8"),
        ("entry_price", "f8"),  # paid
        ("entry_reference", "f8"),  # before half-spread and slippage
        ("entry_fee", "f8"),
        ("initial_stop", "f8"),
        ("stop", "f8"),
        ("target", "f8"),
        ("trail", "f8"),
        ("max_hold", "i8"),
        ("bars_held", "i8"),
        ("best", "f8"),  # most favourable price since the fill
        ("worst", "f8"),
        ("leaving", "i8"),  # the reason to leave at the next open, or 0
    ]
)

CLOSED = np.dtype(
    [
        ("tag", "i8"),
        ("decision_time", "i8"),
        ("entry_time", "i8"),
        ("exit_time", "i8"),
        ("side", "i8"),
        ("entry_price", "f8"),
        ("exit_price", "f8"),
        ("gross_return", "f8"),
        ("cost", "f8"),
        ("net_return", "f8"),
        ("r_multiple", "f8"),
        ("mae", "f8"),
        ("mfe", "f8"),
        ("bars_held", "i8"),
        ("n_entries", "i8"),
        ("n_exits", "i8"),
        ("exit_reason", "i8"),
    ]
)
"""One closed round trip; see `strategies.trades` for the meaning of each column."""


def terms_of(instrument: Instrument) -> np.ndarray:
    """Lay out an instrument's costs for the kernels: one TERMS record."""
    slip = instrument.half_spread + instrument.slippage
    return np.array([(instrument.maker_fee, instrument.taker_fee, slip, instrument.tick)], dtype=TERMS)


@njit(cache=True, nogil=True)
def _on_grid_nb(price: float, upwards: bool, tick: float) -> float:
    """Move a price to the grid; one that is already there stays, in spite of rounding error."""
    if tick <= 0.0:
        return price
    steps = price / tick
    return (math.ceil(steps * (1.0 - _ROUNDING)) if upwards else math.floor(steps * (1.0 + _ROUNDING))) * tick


@njit(cache=True, nogil=True)
def market_price_nb(reference: float, direction: float, terms: np.ndarray) -> float:
    """Price a market order: half-spread and slippage against us, rounded against us. `direction` is +1 to buy."""
    return _on_grid_nb(reference * (1.0 + direction * terms[0].slip), direction > 0.0, terms[0].tick)


@njit(cache=True, nogil=True)
def resting_price_nb(price: float, direction: float, terms: np.ndarray) -> float:
    """Price a limit order or a target: as asked, or the next better price of the grid. `direction` is +1 to buy."""
    return _on_grid_nb(price, direction < 0.0, terms[0].tick)


@njit(cache=True, nogil=True)
def _close_nb(
    position: np.ndarray,
    closed: np.ndarray,
    n_closed: int,
    reference: float,
    resting: bool,
    reason: int,
    time: int,
    terms: np.ndarray,
) -> int:
    """Write the closed trade and flatten the position; return the new number of closed trades."""
    held, trade = position[0], closed[n_closed]
    side = held.side
    price = reference if resting else market_price_nb(reference, -side, terms)
    fee = terms[0].maker_fee if resting else terms[0].taker_fee
    gross = side * (reference - held.entry_reference) / held.entry_reference
    net = side * (price - held.entry_price) / held.entry_price - held.entry_fee - fee * price / held.entry_price
    trade.tag = held.tag
    trade.decision_time = held.decision_time
    trade.entry_time = held.entry_time
    trade.exit_time = time
    trade.side = int(side)
    trade.entry_price = held.entry_price
    trade.exit_price = price
    trade.gross_return = gross
    trade.cost = gross - net
    trade.net_return = net
    risk = side * (held.entry_price - held.initial_stop) / held.entry_price
    trade.r_multiple = net / risk if risk > 0.0 else math.nan
    best = max(side * held.best, side * reference)
    worst = min(side * held.worst, side * reference)
    trade.mfe = max(0.0, (best - side * held.entry_reference) / held.entry_reference)
    trade.mae = min(0.0, (worst - side * held.entry_reference) / held.entry_reference)
    trade.bars_held = held.bars_held
    trade.n_entries = 1
    trade.n_exits = 1
    trade.exit_reason = reason
    held.open = 0
    held.leaving = 0
    return n_closed + 1


@njit(cache=True, nogil=True)
def _enter_nb(
    position: np.ndarray, order: np.ndarray, reference: float, resting: bool, time: int, terms: np.ndarray
) -> None:
    held, wish = position[0], order[0]
    held.open = 1
    held.tag = wish.tag
    held.decision_time = wish.decision_time
    held.entry_time = time
    held.side = wish.side
    held.entry_reference = reference
    held.entry_price = reference if resting else market_price_nb(reference, wish.side, terms)
    held.entry_fee = terms[0].maker_fee if resting else terms[0].taker_fee
    held.initial_stop = wish.stop
    held.stop = wish.stop
    held.target = wish.target
    held.trail = wish.trail
    held.max_hold = wish.max_hold
    held.bars_held = 0
    held.best = reference
    held.worst = reference
    held.leaving = 0
    wish.live = 0


@njit(cache=True, nogil=True)
def advance_nb(
    position: np.ndarray,
    order: np.ndarray,
    closed: np.ndarray,
    time: int,
    open_: float,
    high: float,
    low: float,
    close: float,
    terms: np.ndarray,
) -> int:
    """Live through one completed bar.

    Parameters
    ----------
    position, order : one POSITION and one ORDER record, changed in place.
    closed : room for two CLOSED records: an old position may leave at the open and a new one be stopped in the bar.
    time : close_time of the bar.
    open_, high, low, close : its prices.
    terms : one TERMS record.

    Returns
    -------
    How many trades closed within the bar: 0, 1 or 2.
    """
    held, wish = position[0], order[0]
    n_closed = 0
    if held.open and held.leaving:
        n_closed = _close_nb(position, closed, n_closed, open_, False, held.leaving, time, terms)

    present_at_open = held.open == 1
    if wish.live and not held.open:
        if math.isnan(wish.limit):
            _enter_nb(position, order, open_, False, time, terms)
            present_at_open = True
        else:
            limit = resting_price_nb(wish.limit, wish.side, terms)
            if wish.side * (limit - open_) >= 0.0:
                _enter_nb(position, order, open_, True, time, terms)
                present_at_open = True
            elif wish.side * limit > min(wish.side * low, wish.side * high):
                _enter_nb(position, order, limit, True, time, terms)
            else:
                wish.bars_left -= 1
                if wish.bars_left <= 0:
                    wish.live = 0

    if not held.open:
        return n_closed
    side = held.side
    # In units of side, a larger number is always better: one comparison serves long and short.
    anchor = side * open_ if present_at_open else side * held.entry_reference
    worst = min(side * low, side * high)
    best = max(side * low, side * high)
    held.bars_held += 1

    barrier, reason = side * held.stop, STOP
    if not math.isnan(held.trail):
        trailing = side * held.best - held.trail
        if math.isnan(barrier) or trailing > barrier:
            barrier, reason = trailing, TRAILING_STOP
    if worst <= barrier:
        return _close_nb(position, closed, n_closed, side * min(barrier, anchor), False, reason, time, terms)
    target = side * resting_price_nb(held.target, -side, terms)
    if present_at_open and best >= target:
        return _close_nb(position, closed, n_closed, side * max(target, anchor), True, TARGET, time, terms)

    held.best = side * max(side * held.best, best if present_at_open else side * close)
    held.worst = side * min(side * held.worst, worst)
    if held.max_hold > 0 and held.bars_held >= held.max_hold:
        held.leaving = TIME
    return n_closed


@njit(cache=True, nogil=True)
def accept_nb(
    position: np.ndarray,
    order: np.ndarray,
    tag: int,
    decision_time: int,
    side: float,
    limit: float,
    stop: float,
    target: float,
    trail: float,
    max_hold: int,
    expiry: int,
    exits_on_opposite: bool,
) -> bool:
    """Offer a signal at the close of a bar; return whether it became an order.

    One position per instance: a signal is taken when the instance is flat and no order waits, or, with
    `exits_on_opposite`, when it points against the open position, which then leaves at the next open. A position that
    was already told to leave takes no further signal.
    """
    held, wish = position[0], order[0]
    if wish.live or (held.open and held.leaving):
        return False
    if held.open:
        if not exits_on_opposite or side == held.side:
            return False
        held.leaving = OPPOSITE
    wish.live = 1
    wish.tag = tag
    wish.decision_time = decision_time
    wish.side = side
    wish.limit = limit
    wish.stop = stop
    wish.target = target
    wish.trail = trail
    wish.max_hold = max_hold
    wish.bars_left = expiry
    return True


@njit(cache=True, nogil=True)
def close_out_nb(position: np.ndarray, closed: np.ndarray, time: int, close: float, terms: np.ndarray) -> int:
    """End the data: an open position leaves at the last close, flagged; return how many trades that made (0 or 1)."""
    if not position[0].open:
        return 0
    return _close_nb(position, closed, 0, close, False, END_OF_DATA, time, terms)
