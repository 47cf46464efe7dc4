"""The records of the fill rule: what a signal asks for, the order that waits, the open position, the closed trade.

Each is one row of a structured array, changed in place by the kernels of `market.execution.fill_rule`, which are given
the row: numba counts references to an array on every call, to a row never. Here are also the terms on
which they trade, and what a price becomes under them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tradesieve.market.execution.compilation import kernel
from tradesieve.market.instruments import Instrument

Record = Any
"""One row of a structured array, whose columns are attributes within a kernel."""

STOP, TARGET, TRAILING_STOP, TIME, OPPOSITE, END_OF_DATA, SESSION_END, BREAK_EVEN = 1, 2, 3, 4, 5, 6, 7, 8
EXIT_REASONS = {
    STOP: "stop",
    TARGET: "target",
    TRAILING_STOP: "trailing_stop",
    TIME: "time",
    OPPOSITE: "opposite",
    END_OF_DATA: "end_of_data",
    SESSION_END: "session_end",
    BREAK_EVEN: "break_even",
}

N_PARTIALS = 3
"""How many partial targets a signal may have."""

_ROUNDING = 1e-14  # relative; a price divided by its tick is off by less
_LEAST = 0.01  # of the price before it, is what slippage in ticks and ranges leaves of a sale

TERMS = np.dtype(
    [
        ("maker_fee", "f8"),
        ("taker_fee", "f8"),
        ("slip", "f8"),  # half-spread and slippage together
        ("slip_quote", "f8"),  # slippage in ticks, as quote
        ("slip_range", "f8"),  # slippage as a fraction of the filling bar's high - low
        ("long_carry", "f8"),  # fraction of the entry notional per 24 h
        ("short_carry", "f8"),
        ("tick", "f8"),
    ]
)
"""What an instrument charges."""

POLICY = np.dtype([("exits_on_opposite", "i8"), ("cooldown", "i8"), ("max_entries", "i8")])
"""How an instance lives with its signals; see `strategies.strategy.Policy`."""

SIGNAL = np.dtype(
    [
        ("decision_time", "i8"),
        ("side", "f8"),
        ("limit", "f8"),
        ("trigger", "f8"),
        ("stop", "f8"),
        ("target", "f8"),
        ("partial_target", "f8", (N_PARTIALS,)),
        ("partial_share", "f8", (N_PARTIALS,)),
        ("trail", "f8"),
        ("break_even", "f8"),
        ("max_hold", "i8"),
        ("leave_at", "i8"),
        ("exit_wait", "i8"),
        ("expiry", "i8"),
        ("stake", "f8"),
    ]
)
"""One row of `strategies.signals.Signals`. An instance keeps two: its position's and its order's."""

ORDER = np.dtype(
    [
        ("live", "i8"),
        ("adds", "i8"),  # 1: to the open position
        ("tag", "i8"),  # which signal it came from
        ("bars_left", "i8"),  # until it expires
    ]
)

POSITION = np.dtype(
    [
        ("open", "i8"),
        ("tag", "i8"),  # of the first entry's signal
        ("entry_time", "i8"),
        ("side", "f8"),
        ("n_entries", "i8"),
        ("n_exits", "i8"),
        ("quantity", "f8"),  # bought or sold in all; the first entry is 1
        ("left", "f8"),  # of the quantity
        ("stake", "f8"),  # of all entries
        ("first_reference", "f8"),
        ("entry_value", "f8"),  # quantity x price paid
        ("entry_reference_value", "f8"),  # the same before half-spread and slippage
        ("entry_price", "f8"),  # averaged over the quantity
        ("entry_reference", "f8"),
        ("entry_fee", "f8"),  # rate, averaged over the notional
        ("exit_value", "f8"),  # quantity x price received
        ("exit_reference_value", "f8"),  # the same before half-spread and slippage
        ("exit_fee", "f8"),  # quote
        ("held_for", "f8"),  # quantity x ns
        ("held_until", "i8"),  # what `held_for` counts up to
        ("best", "f8"),  # most favourable price since the fill, as known at the last close
        ("worst", "f8"),
        ("best_exit", "f8"),  # most favourable price of a partial exit
        ("next_partial", "i8"),
        ("nearest", "f8"),  # of the targets that are left, in units of side
        ("broke_even", "i8"),  # 1: the stop has moved to the entry price
        ("bars_held", "i8"),
        ("close", "f8"),  # of the last bar it lived through
        ("leaving", "i8"),  # the reason for which it was told to leave, or 0
        ("exit_limit", "f8"),  # the price at which it then waits
        ("exit_bars_left", "i8"),  # for so many bars more
        ("rest", "i8"),  # bars until a signal is taken again
    ]
)

CLOSED = np.dtype(
    [
        ("tag", "i8"),
        ("decision_time", "i8"),
        ("entry_time", "i8"),
        ("exit_time", "i8"),
        ("side", "i8"),
        ("stake", "f8"),
        ("stop", "f8"),
        ("target", "f8"),
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
    terms = np.zeros(1, TERMS)
    for name in ("maker_fee", "taker_fee", "long_carry", "short_carry", "tick"):
        terms[name] = getattr(instrument, name)
    terms["slip"] = instrument.half_spread + instrument.slippage
    terms["slip_quote"] = instrument.slippage_ticks * instrument.tick
    terms["slip_range"] = instrument.slippage_range
    return terms


@kernel()
def _on_grid_nb(price: float, upwards: bool, tick: float) -> float:
    """Move a price to the grid; one that is already there stays, in spite of rounding error, and NaN stays NaN."""
    if tick <= 0.0:
        return price
    steps = price / tick
    # numpy's, not those of math, which make an integer of their result: there is none for NaN.
    return (np.ceil(steps * (1.0 - _ROUNDING)) if upwards else np.floor(steps * (1.0 + _ROUNDING))) * tick


@kernel()
def market_price_nb(reference: float, direction: float, bar_range: float, terms: Record) -> float:
    """Price a market order: half-spread and slippage against us, rounded against us.

    Parameters
    ----------
    direction : +1 to buy, -1 to sell.
    bar_range : high - low of the bar it fills in.
    """
    price = reference * (1.0 + direction * terms.slip)
    further = terms.slip_quote + terms.slip_range * bar_range
    price = price + further if direction > 0.0 else max(price - further, _LEAST * price)
    return _on_grid_nb(price, direction > 0.0, terms.tick)


@kernel()
def resting_price_nb(price: float, direction: float, tick: float) -> float:
    """Price a limit order or a target: as asked, or the next better price of the grid. `direction` is +1 to buy."""
    return _on_grid_nb(price, direction < 0.0, tick)


@kernel()
def copy_nb(to: Record, signal: Record) -> None:
    """Copy one SIGNAL record onto another."""
    to.decision_time = signal.decision_time
    to.side = signal.side
    to.limit = signal.limit
    to.trigger = signal.trigger
    to.stop = signal.stop
    to.target = signal.target
    for k in range(N_PARTIALS):
        to.partial_target[k] = signal.partial_target[k]
        to.partial_share[k] = signal.partial_share[k]
    to.trail = signal.trail
    to.break_even = signal.break_even
    to.max_hold = signal.max_hold
    to.leave_at = signal.leave_at
    to.exit_wait = signal.exit_wait
    to.expiry = signal.expiry
    to.stake = signal.stake
