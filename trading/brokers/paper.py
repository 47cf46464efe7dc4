"""The paper broker: fills orders by `market.execution.fill_rule`, as the simulator does.

Every order that the rule of an instance decides on is followed to its end, whatever the filter said. An order of size 0
is a shadow: it occupies its instance as the trade would have, so that the trades met live are those judged in research.
A signal that adds to an open position belongs to the trade of that position and takes its size.
"""

from __future__ import annotations

from collections.abc import Mapping
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

_NO_TICKET = -1  # the tag of orders and positions without a ticket: additions, and what history left open


@dataclass(frozen=True)
class Ticket:
    """An order as it was placed.

    Parameters
    ----------
    decision_time : int64 ns UTC.
    side : +1 or -1.
    stake : fraction of the instance's capital that the rule decided on, without additions.
    size : multiple of the stake that the filter lets through; 0 is a shadow.
    score : of the model.
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
    strategy : the rule that decides on the orders.
    instrument : with the trading terms of the symbol.
    timeframe : of the bars, as text.
    """

    def __init__(self, strategy: Strategy, instrument: Instrument, timeframe: str) -> None:
        self.strategy = strategy
        self.instrument = instrument
        self.timeframe = timeframe
        self.instance = Instance(strategy.id, instrument.symbol, timeframe)
        self.tickets: list[Ticket] = []
        self.results: list[float] = []
        """Net returns of all closed trades, those of shadows and of history included, in the order of their exits."""
        self._terms = terms_of(instrument)
        self._policy = strategy.policy.record
        self._state = InstanceState()
        self._trades = np.zeros(2, TRADE)
        self._no_trades = self._table(self._trades[:0])

    def catch_up(
        self,
        history: Bars,
        *,
        finer: Bars | None = None,
        placed: Mapping[int, tuple[float, float]] | None = None,
    ) -> pd.DataFrame:
        """Trade history as shadows: a position or order open at its end is carried over into the replay.

        Parameters
        ----------
        finer : bars of a shorter timeframe, which settle the order of events within a bar; see
            `market.execution.fill_rule`.
        placed : the size and the score of orders that were placed before a restart, by the time of their decision.

        Returns
        -------
        The trades of these orders that closed within the history, as `advance` does.
        """
        self._state, self.tickets = InstanceState(), []
        signals = self.strategy.signals(history)
        closed = run_signals(history, signals, self.instrument, self._state, policy=self.strategy.policy, finer=finer)
        self.results = closed["net_return"].tolist()
        for record in closed:
            record["tag"] = self._ticket_of(record, placed or {})
        position, order = self._state.records
        position["tag"] = self._ticket_of(position["signal"], placed or {}) if position["open"] else _NO_TICKET
        entry = order["pending"] and not order["is_addition"]
        order["tag"] = self._ticket_of(order["signal"], placed or {}) if entry else _NO_TICKET
        own = closed[closed["tag"] != _NO_TICKET]
        return self._table(own) if len(own) else self._no_trades

    def _ticket_of(self, decided: np.void, placed: Mapping[int, tuple[float, float]]) -> int:
        """Hold on to the order of a decision, if it was placed; return its tag."""
        time = int(decided["decision_time"])
        if time not in placed:
            return _NO_TICKET
        self.tickets.append(Ticket(time, float(decided["side"]), float(decided["stake"]), *placed[time]))
        return len(self.tickets) - 1

    def advance(self, bar: Bars, *, finer: Bars | None = None) -> pd.DataFrame:
        """Advance by one closed bar; return the trades that closed in it, with the columns ``size`` and ``score``.

        Parameters
        ----------
        finer : the bars of a shorter timeframe within it; see `market.execution.fill_rule`.

        Raises
        ------
        BadInput : if `bar` is not exactly one bar, or `finer` does not fit it.
        """
        if len(bar) != 1:
            raise BadInput(f"a broker advances by one bar at a time, not {len(bar)}")
        aligned = align_finer(bar, finer)
        first, n_finer = 0, 0
        if aligned.n_finer and aligned.first[0] >= 0:
            first, n_finer = aligned.first[0], aligned.n_finer
        prices = (bar.open[0], bar.high[0], bar.low[0], bar.close[0])
        untraded = self._state.first_untraded(bar) == 0
        record = np.array([(bar.close_time[0], *prices, first, n_finer, untraded)], BAR)[0]
        n_closed = advance_nb(*self._state.records, record, aligned.ranges, self._terms, self._policy, self._trades)
        closed = self._trades[:n_closed]
        self.results += closed["net_return"].tolist()
        own = closed[closed["tag"] != _NO_TICKET]
        # Few bars close a trade, and an empty table takes as long to create as a full one.
        return self._table(own) if len(own) else self._no_trades

    @property
    def side(self) -> float:
        """The side of the open position, shadow or not; 0 when there is none."""
        position = self._state.position[0]
        return float(position["side"]) if position["open"] else 0.0

    def would_accept(self, side: float) -> bool:
        """Tell whether a signal on a side would open a trade now. Only such signals need a score."""
        return self._outcome(side) == ENTRY

    def would_add(self, side: float) -> bool:
        """Tell whether a signal on a side would add to the open position now. Its trade has a score already."""
        return self._outcome(side) == ADDITION

    def place(self, signals: Signals, row: int, *, size: float, score: float) -> Ticket:
        """Place the order of a signal that opens a trade.

        Raises
        ------
        BadInput : if the instance is occupied; check `would_accept` first.
        """
        if not self.would_accept(float(signals.side[row])):
            raise BadInput(f"{self.instance} is occupied and accepts no order")
        self._submit(signals, row, tag=len(self.tickets))
        decision_time, stake = int(signals.decision_time[row]), float(signals.stake[row])
        ticket = Ticket(decision_time, float(signals.side[row]), stake, size, score)
        self.tickets.append(ticket)
        return ticket

    def add(self, signals: Signals, row: int) -> None:
        """Place the order of a signal that adds to the open position, at the size of its trade.

        Raises
        ------
        BadInput : if there is nothing to add to; check `would_add` first.
        """
        if not self.would_add(float(signals.side[row])):
            raise BadInput(f"{self.instance} has no position that accepts an addition")
        self._submit(signals, row, tag=_NO_TICKET)

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
