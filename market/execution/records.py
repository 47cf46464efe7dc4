"""The records of the fill rule: an entry signal, the order it becomes, the open position, the closed trade, a bar.

Each is one row of a structured array, changed in place by the kernels of `market.execution.fill_rule`, which are given
the row: numba counts references to an array on every call, to a row never.

A field that ends in ``_level`` holds a signed price, side x price: there a larger number is always better for the
position, so that one comparison serves long and short.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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

MARKET, LIMIT, TRIGGER = 0, 1, 2
"""Kinds of entry orders; a trigger is a stop entry."""

N_PARTIALS = 3
"""How many partial targets a signal may have."""

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
        ("waits_for_trades", "i8"),  # 1: nothing fills in a bar in which nothing traded
    ]
)
"""The trading terms of an instrument."""

POLICY = np.dtype([("exits_on_opposite", "i8"), ("cooldown", "i8"), ("max_entries", "i8")])
"""When an instance takes a signal; see `strategies.strategy.Policy`."""

BAR = np.dtype(
    [
        ("close_time", "i8"),
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("first_finer", "i8"),  # row of the first finer bar that it is made of
        ("n_finer", "i8"),  # how many finer bars it is made of; 0: none are given
        ("untraded", "i8"),  # 1: nothing traded in it; 0: something did, or the volume is not known
    ]
)
"""One completed bar."""

PRICE_RANGE = np.dtype([("high", "f8"), ("low", "f8")])
"""What is known of a finer bar."""

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
"""One row of `strategies.signals.Signals`."""

ORDER = np.dtype(
    [
        ("signal", SIGNAL),
        ("tag", "i8"),  # the caller's number for the signal
        ("pending", "i8"),  # 1: waits to be filled
        ("is_addition", "i8"),  # 1: adds to the open position
        ("kind", "i8"),  # MARKET, LIMIT or TRIGGER
        ("level", "f8"),  # of the limit, on the tick grid, or of the trigger
        ("bars_left", "i8"),  # until it expires
    ]
)
"""The entry order of an instance."""

POSITION = np.dtype(
    [
        ("signal", SIGNAL),  # of the first entry
        ("tag", "i8"),
        ("open", "i8"),
        ("side", "f8"),
        ("entry_time", "i8"),
        ("entered_within", "i8"),  # LIMIT or TRIGGER if its order filled after the open of a bar, else 0
        ("bars_held", "i8"),
        ("last_close", "f8"),
        # Quantities and money; the first entry has quantity 1.
        ("n_entries", "i8"),
        ("n_exits", "i8"),
        ("entry_quantity", "f8"),
        ("open_quantity", "f8"),
        ("stake", "f8"),  # of all entries
        ("first_reference", "f8"),  # a reference is a price before half-spread and slippage
        ("entry_value", "f8"),  # quantity x price paid
        ("entry_reference_value", "f8"),
        ("entry_price", "f8"),  # averaged over the quantity
        ("entry_reference", "f8"),
        ("entry_fee", "f8"),  # rate, averaged over the notional
        ("exit_value", "f8"),  # quantity x price received
        ("exit_reference_value", "f8"),
        ("exit_fee", "f8"),  # quote
        ("exposure", "f8"),  # quantity x ns
        ("exposure_until", "i8"),  # the time up to which `exposure` counts
        # The furthest prices since the entry, as known at the last close, and the best of the partial exits.
        ("best_level", "f8"),
        ("worst_level", "f8"),
        ("best_exit_level", "f8"),
        # What is live in the market.
        ("stop_level", "f8"),  # the nearest of its stops; NaN: none
        ("stop_reason", "i8"),  # STOP, BREAK_EVEN or TRAILING_STOP
        ("at_break_even", "i8"),  # 1: the stop has moved to the entry price
        ("target_level", "f8"),  # of the last target; NaN: none
        ("next_target_level", "f8"),  # of the next partial target, else of the last
        ("next_partial", "i8"),
        ("exit_requested", "i8"),  # TIME or OPPOSITE: leaves as soon as it can; 0: no
        ("exit_level", "f8"),  # where it then waits as a limit order
        ("exit_bars_left", "i8"),  # for how many bars more
        ("cooldown_left", "i8"),  # bars until the instance takes a signal again
        ("n_untraded_fills", "i8"),  # of all fills, those in bars in which nothing traded
    ]
)

TRADE = np.dtype(
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
        ("n_untraded_fills", "i8"),
    ]
)
"""One closed round trip; see `strategies.trades` for the meaning of each column."""


def terms_of(instrument: Instrument) -> np.void:
    """Return the trading terms of an instrument: one TERMS record."""
    terms = np.zeros(1, TERMS)[0]
    for name in ("maker_fee", "taker_fee", "long_carry", "short_carry", "tick"):
        terms[name] = getattr(instrument, name)
    terms["slip"] = instrument.half_spread + instrument.slippage
    terms["slip_quote"] = instrument.slippage_ticks * instrument.tick
    terms["slip_range"] = instrument.slippage_range
    terms["waits_for_trades"] = not instrument.fill_without_trades
    return terms
