"""The paper broker: fills orders by `market.fills`, the same rule that the simulator runs on.

Every order that an instance's rule wants is followed to its end, whatever the filter said: one of size 0 is a shadow,
which occupies its instance as the trade would have. So the trades that are met live are those that research judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.bars import Bars
from market.errors import BadInput
from market.fills import CLOSED, accept_nb, advance_nb, terms_of
from market.instruments import Instrument
from strategies.base import Strategy, instance_name
from strategies.signals import Signals
from strategies.simulator import InstanceState, run_signals
from strategies.trades import trades_frame

_INHERITED = -1  # the tag of what was open before the broker began to write orders down


@dataclass(frozen=True)
class Ticket:
    """An order as it was placed.

    Parameters
    ----------
    decision_time : int64 ns UTC.
    side : +1 or -1.
    stake : fraction of the instance's capital that the rule asks for.
    size : what the filter made of it, a multiple of the stake; 0 is a shadow.
    score : the model's number.
    """

    decision_time: int
    side: float
    stake: float
    size: float
    score: float


class PaperBroker:
    """The account of one strategy instance.

    Parameters
    ----------
    strategy : whose orders these are.
    instrument : the terms of its symbol.
    timeframe : of its bars, as text.
    """

    def __init__(self, strategy: Strategy, instrument: Instrument, timeframe: str) -> None:
        self.strategy = strategy
        self.instrument = instrument
        self.timeframe = timeframe
        self.name = instance_name(strategy.id, instrument.symbol, timeframe)
        self.tickets: list[Ticket] = []
        self._terms = terms_of(instrument)
        self._state = InstanceState()
        self._closed = np.zeros(2, CLOSED)
        self._nothing = self._table(self._closed[:0])

    def catch_up(self, history: Bars) -> None:
        """Live through history without asking anyone: what the rule would have open at its end is open, as a shadow."""
        self._state = InstanceState()
        signals = self.strategy.signals(history)
        run_signals(history, signals, self.instrument, self._state, policy=self.strategy.policy)
        self._state.position["tag"] = _INHERITED
        self._state.order["tag"] = _INHERITED

    def advance(self, bar: Bars) -> pd.DataFrame:
        """Live through one closed bar; return the trades that it closed, with the columns ``size`` and ``score``.

        Raises
        ------
        BadInput : if there is not exactly one bar.
        """
        if len(bar) != 1:
            raise BadInput(f"a broker lives through one bar at a time, not {len(bar)}")
        n_closed = advance_nb(
            self._state.position, self._state.order, self._closed,
            bar.close_time[0], bar.open[0], bar.high[0], bar.low[0], bar.close[0], self._terms,
        )  # fmt: skip
        closed = self._closed[:n_closed]
        own = closed[closed["tag"] != _INHERITED]
        # Almost every bar closes nothing, and an empty table takes as long to make as a full one.
        return self._table(own) if len(own) else self._nothing

    def would_accept(self, side: float) -> bool:
        """Say whether a signal would become an order now, so that the service is asked only when it matters."""
        position, order = self._state.position[0], self._state.order[0]
        if order["live"] or (position["open"] and position["leaving"]):
            return False
        if position["open"]:
            return bool(self.strategy.policy.exits_on_opposite and side != position["side"])
        return True

    def place(self, signals: Signals, row: int, *, size: float, score: float) -> Ticket:
        """Place the order of a signal.

        Raises
        ------
        BadInput : if the instance is occupied; ask `would_accept` first.
        """
        side, decision_time = float(signals.side[row]), int(signals.decision_time[row])
        accepted = accept_nb(
            self._state.position, self._state.order, len(self.tickets), decision_time, side,
            signals.limit[row], signals.stop[row], signals.target[row], signals.trail[row],
            signals.max_hold[row], signals.expiry[row], self.strategy.policy.exits_on_opposite,
        )  # fmt: skip
        if not accepted:
            raise BadInput(f"{self.name} is occupied and takes no order")
        ticket = Ticket(decision_time, side, float(signals.stake[row]), size, score)
        self.tickets.append(ticket)
        return ticket

    def _table(self, closed: np.ndarray) -> pd.DataFrame:
        closed = np.sort(closed, order="tag")
        placed = [self.tickets[tag] for tag in closed["tag"]]
        closed["tag"] = np.arange(len(closed))
        stakes = np.array([ticket.stake for ticket in placed], dtype=np.float64)
        table = trades_frame(closed, stakes, self.strategy.id, self.instrument.symbol, self.timeframe)
        return table.assign(
            size=np.array([ticket.size for ticket in placed], dtype=np.float64),
            score=np.array([ticket.score for ticket in placed], dtype=np.float64),
        )
