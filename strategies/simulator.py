"""The simulator: signals against bars under the fill rule of `market.fills`, one instance at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numba import njit

from market.bars import Bars, format_time
from market.errors import BadInput
from market.fills import CLOSED, ORDER, POSITION, accept_nb, advance_nb, close_out_nb, terms_of
from market.instruments import Instrument
from strategies.base import Policy, Strategy
from strategies.signals import Signals
from strategies.trades import trades_frame


@dataclass(eq=False)
class InstanceState:
    """Where an instance stands between two bars: its position and its waiting order, either may be none."""

    position: np.ndarray = field(default_factory=lambda: np.zeros(1, POSITION))
    order: np.ndarray = field(default_factory=lambda: np.zeros(1, ORDER))

    @property
    def flat(self) -> bool:
        """True when nothing is open and nothing waits."""
        return not (self.position["open"][0] or self.order["live"][0])


def simulate(strategy: Strategy, bars: Bars, instrument: Instrument) -> pd.DataFrame:
    """Generate the trades of a strategy on a symbol.

    Returns
    -------
    The trades table (see `strategies.trades`), in decision order. A position that is open at the end leaves at the
    last close with the reason ``end_of_data``; an order that still waits never was.

    Raises
    ------
    BadInput : if the instrument is another symbol's.

    Examples
    --------
    >>> from market.synthetic import SyntheticMarket
    >>> from strategies.rules.volatility_breakout import VolatilityBreakout
    >>> bars, _ = SyntheticMarket(n_days=10, seed=7).generate("BTC-USD")
    >>> trades = simulate(VolatilityBreakout(), bars, Instrument("BTC-USD"))
    >>> trades["exit_reason"].value_counts().to_dict()
    {'target': 20, 'stop': 18, 'time': 1}
    """
    if instrument.symbol != bars.symbol:
        raise BadInput(f"{bars.symbol} bars cannot be traded on the terms of {instrument.symbol}")
    signals = strategy.signals(bars)
    state = InstanceState()
    closed = run_signals(bars, signals, instrument, state, policy=strategy.policy)
    last = np.zeros(2, CLOSED)
    if len(bars) and close_out_nb(state.position, last, bars.close_time[-1], bars.close[-1], terms_of(instrument)):
        closed = np.concatenate([closed, last[:1]])
    return trades_frame(closed, signals.stake, strategy.id, bars.symbol, str(bars.timeframe))


def run_signals(
    bars: Bars, signals: Signals, instrument: Instrument, state: InstanceState, *, policy: Policy
) -> np.ndarray:
    """Carry an instance through bars; `state` is changed to where it stands after the last one.

    Returns
    -------
    CLOSED records in the order of their exits.

    Raises
    ------
    BadInput : if a signal was decided when no bar closed.
    """
    rows = np.searchsorted(bars.close_time, signals.decision_time)
    known = rows < len(bars)
    known[known] = bars.close_time[rows[known]] == signals.decision_time[known]
    if not known.all():
        time = signals.decision_time[int(np.argmax(~known))]
        raise BadInput(
            f"{bars.symbol} {bars.timeframe}: a signal was decided at {format_time(time)}, when no bar closed"
        )
    closed = np.zeros(len(signals) + 2, CLOSED)
    n_closed = _run_nb(
        bars.close_time, bars.open, bars.high, bars.low, bars.close,
        rows, signals.decision_time, signals.side, signals.limit, signals.stop, signals.target, signals.trail,
        signals.max_hold, signals.expiry, policy.exits_on_opposite, terms_of(instrument),
        state.position, state.order, closed,
    )  # fmt: skip
    return closed[:n_closed]


@njit(cache=True, nogil=True)
def _run_nb(  # type: ignore[no-untyped-def]
    time, open_, high, low, close,
    rows, decision_time, side, limit, stop, target, trail, max_hold, expiry, exits_on_opposite,
    terms, position, order, closed,
):  # fmt: skip
    n_closed = 0
    following = 0
    just_closed = np.zeros(2, closed.dtype)
    bar = 0
    while bar < len(close):
        if position[0].open or order[0].live:
            n = advance_nb(position, order, just_closed, time[bar], open_[bar], high[bar], low[bar], close[bar], terms)
            for k in range(n):
                closed[n_closed] = just_closed[k]
                n_closed += 1
        elif following == len(rows):
            break
        elif rows[following] > bar:
            bar = rows[following]  # nothing is open and nothing waits: on to the next signal
        if following < len(rows) and rows[following] == bar:
            s = following
            accept_nb(
                position, order, s, decision_time[s], side[s], limit[s], stop[s], target[s], trail[s],
                max_hold[s], expiry[s], exits_on_opposite,
            )  # fmt: skip
            following += 1
        bar += 1
    return n_closed
