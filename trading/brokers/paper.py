"""The paper broker: fills orders by `market.execution.fill_rule`, the same rule that the simulator runs on.

Every order that an instance's rule wants is followed to its end, whatever the filter said: one of size 0 is a shadow,
which occupies its instance as the trade would have. So the trades that are met live are those that research judged.
A signal that adds to an open position belongs to its trade: it takes that trade's size, whatever that was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.fill_rule import advance_nb
from tradesieve.market.execution.intrabar import align_finer
from tradesieve.market.execution.order_entry import ADDITION, ENTRY, classify_signal_nb, submit_signal_nb
from tradesieve.market.execution.records import BAR, TRADE, terms_of
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import InstanceState, run_signals
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy
from tradesieve.strategies.trades import trades_frame

_INHERITED = -1  # the tag of what was open before the broker began to write orders down


@dataclass(frozen=True)
class Ticket:
    """An order as it was placed.

    Parameters
    ----------
    decision_time : int64 ns UTC.
    side : +1 or -1.
    stake : fraction of the instance's capital that the rule asks for, without additions.
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
        self.instance = Instance(strategy.id, instrument.symbol, timeframe)
        self.tickets: list[Ticket] = []
        self.results: list[float] = []
        """Net returns of the trades that closed, shadows and those of history included, in the order of their exits."""
        self._terms = terms_of(instrument)
        self._policy = strategy.policy.record
        self._state = InstanceState()
        self._trades = np.zeros(2, TRADE)
        self._no_trades = self._table(self._trades[:0])

    def catch_up(self, history: Bars, *, finer: Bars | None = None) -> None:
        """Live through history without asking anyone: what the rule would have open at its end is open, as a shadow.

        Parameters
        ----------
        finer : bars of a finer timeframe, which settle the order of events within a bar; see
            `market.execution.fill_rule`.
        """
        self._state = InstanceState()
        signals = self.strategy.signals(history)
        closed = run_signals(history, signals, self.instrument, self._state, policy=self.strategy.policy, finer=finer)
        self.results = closed["net_return"].tolist()
        self._state.position["tag"] = _INHERITED
        self._state.order["tag"] = _INHERITED

    def advance(self, bar: Bars, *, finer: Bars | None = None) -> pd.DataFrame:
        """Live through one closed bar; return the trades that it closed, with the columns ``size`` and ``score``.

        Parameters
        ----------
        finer : bars of a finer timeframe that cover this one; see `market.execution.fill_rule`.

        Raises
        ------
        BadInput : if there is not exactly one bar, or `finer` does not fit it.
        """
        if len(bar) != 1:
            raise BadInput(f"a broker lives through one bar at a time, not {len(bar)}")
        aligned = align_finer(bar, finer)
        first, n_finer = 0, 0
        if aligned.n_finer and aligned.first[0] >= 0:
            first, n_finer = aligned.first[0], aligned.n_finer
        prices = (bar.open[0], bar.high[0], bar.low[0], bar.close[0])
        record = np.array([(bar.close_time[0], *prices, first, n_finer)], BAR)[0]
        n_closed = advance_nb(*self._state.records, record, aligned.ranges, self._terms, self._policy, self._trades)
        closed = self._trades[:n_closed]
        self.results += closed["net_return"].tolist()
        own = closed[closed["tag"] != _INHERITED]
        # Almost every bar closes nothing, and an empty table takes as long to make as a full one.
        return self._table(own) if len(own) else self._no_trades

    @property
    def side(self) -> float:
        """Side of the open position, a shadow too; 0 when there is none."""
        position = self._state.position[0]
        return float(position["side"]) if position["open"] else 0.0

    def would_accept(self, side: float) -> bool:
        """Say whether a signal would become a trade of its own now, so that the service is asked only then."""
        return self._outcome(side) == ENTRY

    def would_add(self, side: float) -> bool:
        """Say whether a signal would add to the open position now: its trade was judged already."""
        return self._outcome(side) == ADDITION

    def place(self, signals: Signals, row: int, *, size: float, score: float) -> Ticket:
        """Place the order of a signal that opens a trade.

        Raises
        ------
        BadInput : if the instance is occupied; ask `would_accept` first.
        """
        if not self.would_accept(float(signals.side[row])):
            raise BadInput(f"{self.instance} is occupied and takes no order")
        self._submit(signals, row, tag=len(self.tickets))
        decision_time, stake = int(signals.decision_time[row]), float(signals.stake[row])
        ticket = Ticket(decision_time, float(signals.side[row]), stake, size, score)
        self.tickets.append(ticket)
        return ticket

    def add(self, signals: Signals, row: int) -> None:
        """Place the order of a signal that adds to the open position, at the size of its trade.

        Raises
        ------
        BadInput : if there is nothing to add to; ask `would_add` first.
        """
        if not self.would_add(float(signals.side[row])):
            raise BadInput(f"{self.instance} has no position that takes an addition")
        self._submit(signals, row, tag=_INHERITED)

    def _outcome(self, side: float) -> int:
        return int(classify_signal_nb(*self._state.records, side, self._policy))

    def _submit(self, signals: Signals, row: int, *, tag: int) -> None:
        submit_signal_nb(*self._state.records, signals.records[row], tag, self._terms, self._policy)

    def _table(self, closed: np.ndarray) -> pd.DataFrame:
        closed = np.sort(closed, order="tag")
        placed = [self.tickets[tag] for tag in closed["tag"]]
        table = trades_frame(closed, self.strategy.id, self.instrument.symbol, self.timeframe)
        return table.assign(
            size=np.array([ticket.size for ticket in placed], dtype=np.float64),
            score=np.array([ticket.score for ticket in placed], dtype=np.float64),
        )
