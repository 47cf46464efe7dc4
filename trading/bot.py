"""The bot: closed bar -> strategy -> service -> broker -> journal. Live and replayed bars take the same path."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.serving.client import RequestRefused, ScoringClient
from tradesieve.serving.request_ids import new_request_id
from tradesieve.serving.responses import Decision, Requirements
from tradesieve.strategies.backtest.peers import peer_agreement, peer_groups
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.trades import pool_trades
from tradesieve.trading.brokers.paper import PaperBroker, Ticket
from tradesieve.trading.feed import ReplayFeed
from tradesieve.trading.journal import Journal

_UNKNOWN_NAME = "unknown-name"  # of the service's problem details
_LARGEST = 1.0
"""No application of a model gives more than the rule's own stake."""


class Bot:
    """Trade the instances of one symbol at one timeframe.

    A journal that is continued says which orders were placed before: what the bars since then left open or pending of
    them is held on at its size, and what they closed is written down.

    At the close of each bar:

    1. Each broker advances by the bar: its orders fill, its positions exit, closed trades go to the journal.
    2. Each strategy decides. A signal that adds to a position is placed at once; one that opens a trade is sent to the
       service, and placed at the size that it accepts, at most 1: 0 makes it a shadow. So does a service that switched
       to a model without the instance; one that never knew it is an error.

    Parameters
    ----------
    brokers : one for each strategy instance; they share the feed's symbol and timeframe.
    client : of the scoring service.
    journal : every decision and every closed trade is on disk here before the bot goes on.
    requirements : what the service requires for one decision; see `serving.client.ScoringClient.requirements`.
    others : feeds of the other symbols that it requires, by symbol, at the same timeframe.
    weights : the share of the capital of each instance by name, which sizes are fractions of; the journal holds what
        each order takes of the whole. None: not known to the bot.
    model : the fingerprint of the model that is expected to answer; the journal says where another one does. None: the
        first that answers.
    reports : tell the service how trades ended.

    Raises
    ------
    BadInput : if the feed of a required symbol or the weight of an instance is missing.
    """

    def __init__(
        self,
        brokers: Sequence[PaperBroker],
        *,
        client: ScoringClient,
        journal: Journal,
        requirements: Requirements,
        others: Mapping[str, ReplayFeed] | None = None,
        weights: Mapping[str, float] | None = None,
        model: str | None = None,
        reports: bool = False,
    ) -> None:
        self._brokers = tuple(brokers)
        self._peer_groups = peer_groups([broker.instance for broker in self._brokers])
        self._client = client
        self._journal = journal
        self._requirements = requirements
        self._model, self._reports = model, reports
        self._answered: set[PaperBroker] = set()
        self._others = dict(others or {})
        own = {broker.instrument.symbol for broker in brokers}
        for symbol in requirements.others:
            if symbol not in self._others and symbol not in own:
                raise BadInput(f"the model requires bars of {symbol}: give the bot a feed of {symbol} in `others`")
        self._weights = weights
        require_weights(weights, [str(broker.instance) for broker in self._brokers])
        self.n_requests = 0
        """How many decisions the service scored."""

    def run(self, feed: ReplayFeed, *, on_bar: Callable[[int, int], None] | None = None) -> pd.DataFrame:
        """Trade the feed to its end.

        Parameters
        ----------
        on_bar : called after each bar with the number of bars done and the number of all bars.

        Returns
        -------
        The closed trades, shadows included, in decision order: the trades table with ``size`` and ``score``.

        Raises
        ------
        Transient, TradesieveError : if the service fails. No new position is opened then, and the journal records the
            error.
        """
        tables, placed = list[pd.DataFrame](), placed_orders(self._journal)
        for broker in self._brokers:
            closed = broker.catch_up(feed.history, finer=feed.finer, placed=placed.get(str(broker.instance), {}))
            tables += self._write_closed(closed, feed.history)
        for done, known in enumerate(feed, start=1):
            try:
                tables += self.on_closed_bar(known, finer=feed.within(known[-1:]))
                if on_bar is not None:
                    on_bar(done, len(feed))
            except BaseException as error:  # Ctrl-C too: positions may be open, whatever stopped the bot
                self._journal.write("stopped", int(known.close_time[-1]), reason=f"{type(error).__name__}: {error}")
                raise
        return pool_trades(tables).reset_index(drop=True)

    def on_closed_bar(self, known: Bars, *, finer: Bars | None = None) -> list[pd.DataFrame]:
        """Process the bar that has just closed; return the trades that closed in it.

        Parameters
        ----------
        known : all bars known at its close; the last one is the new one.
        finer : the bars of a shorter timeframe within it, which settle the order of events; see
            `market.execution.fill_rule`.
        """
        now = int(known.close_time[-1])
        tables = list[pd.DataFrame]()
        for broker in self._brokers:
            tables += self._write_closed(broker.advance(known[-1:], finer=finer), known)
        # After all brokers have advanced: a decision may depend on which peers hold a position at this close.
        for broker in self._brokers:
            self._decide(broker, known, now)
        return tables

    def _write_closed(self, closed: pd.DataFrame, known: Bars) -> list[pd.DataFrame]:
        """Write closed trades down and report them; return their table, if there are any."""
        if not len(closed):
            return []
        now, trades = int(known.close_time[-1]), [_plain(trade) for trade in closed.to_dict("records")]
        for trade in trades:
            self._journal.write("closed", now, **trade)
        if self._reports:
            self._report(trades, now)
        return [closed]

    def _decide(self, broker: PaperBroker, known: Bars, now: int) -> None:
        strategy = broker.strategy
        signals = strategy.signals(known[-strategy.lookback(known.timeframe) :])
        row = signals.at(now)
        if row is None:
            return
        side = float(signals.side[row])
        if broker.would_add(side):
            broker.add(signals, row)
            self._journal.write(
                "addition", now, strategy=strategy.id, symbol=known.symbol, timeframe=broker.timeframe, side=int(side)
            )
        if not broker.would_accept(side):
            return
        ticket = self._ask(broker, known, signals, row)
        broker.place(signals, row, size=ticket.size, score=ticket.score)

    def _ask(self, broker: PaperBroker, known: Bars, signals: Signals, row: int) -> Ticket:
        """Ask the service about a signal and write its answer down, before anything is placed."""
        now, request_id = int(known.close_time[-1]), new_request_id()
        side, stake = float(signals.side[row]), float(signals.stake[row])
        asked: dict[str, Any] = {"strategy": broker.strategy.id, "symbol": known.symbol, "timeframe": broker.timeframe}
        try:
            answer = self._client.score(
                **asked, side=side, decision_time=now, bars=known[-self._requirements.bars :], request_id=request_id,
                **self._context(broker, signals, row, now),
            )  # fmt: skip
        except RequestRefused as refusal:
            if refusal.kind != _UNKNOWN_NAME or broker not in self._answered:
                raise
            # The service switched to a model that was not trained on this instance: others go on, it stands aside.
            self._journal.write("refused", now, **asked, side=int(side), request_id=request_id, reason=str(refusal))
            return Ticket(now, side, stake, 0.0, math.nan)
        self.n_requests += 1
        self._answered.add(broker)
        if answer.model and answer.model != self._model:  # a client's own fallback names none
            if self._model is not None:
                self._journal.write("model", now, before=self._model, after=answer.model)
            self._model = answer.model
        ticket = Ticket(now, side, stake, _size_of(answer), answer.score)
        self._journal.write(
            "decision", now, **asked, side=int(side), accept=answer.accept, size=ticket.size, score=ticket.score,
            model=answer.model, request_id=request_id, **self._taken(broker, ticket),
        )  # fmt: skip
        return ticket

    def _taken(self, broker: PaperBroker, ticket: Ticket) -> dict[str, float]:
        """Return the weight of an instance and what its order takes of the whole capital."""
        if self._weights is None:
            return {}
        weight = self._weights[str(broker.instance)]
        return {"weight": weight, "capital": weight * ticket.stake * ticket.size}

    def _report(self, trades: list[dict[str, Any]], now: int) -> None:
        """Report closed trades; a service that cannot take them stops no trading."""
        try:
            self._client.report_outcomes(trades)
        except TradesieveError as error:
            self._journal.write("unreported", now, n_trades=len(trades), reason=str(error))

    def _context(self, broker: PaperBroker, signals: Signals, row: int, now: int) -> dict[str, Any]:
        """Return what the service requires for a decision besides the bars."""
        required, context = self._requirements, dict[str, Any]()
        context |= {name: float(getattr(signals, name)[row]) for name in ("stop", "target") if name in required.terms}
        if "agreeing" in required.terms:
            context["agreeing"] = self._peer_agreement(broker, float(signals.side[row]))
        if "results" in required.terms:
            context["results"] = broker.results[max(0, len(broker.results) - required.results) :]
        others = {symbol: n for symbol, n in required.others.items() if symbol != broker.instrument.symbol}
        if others:
            context["others"] = {symbol: self._others[symbol].known_at(now)[-n:] for symbol, n in others.items()}
        return context

    def _peer_agreement(self, broker: PaperBroker, side: float) -> float:
        """Return the share of the broker's peers that hold a position on a side; NaN without peers."""
        group = self._peer_groups[self._brokers.index(broker)]
        peers = [
            other
            for other, its_group in zip(self._brokers, self._peer_groups, strict=True)
            if its_group == group and other is not broker
        ]
        return float(peer_agreement(sum(peer.side == side for peer in peers), len(peers)))


def placed_orders(journal: Journal) -> dict[str, dict[int, tuple[float, float]]]:
    """Return the size and the score of each order that a journal holds and no trade of it has closed.

    Returns
    -------
    By the name of the instance, and by the time of the decision, int64 ns UTC.
    """
    placed = dict[str, dict[int, tuple[float, float]]]()
    for entry in journal.entries():
        if entry["event"] not in ("decision", "closed"):
            continue
        own = placed.setdefault(str(Instance(entry["strategy"], entry["symbol"], entry["timeframe"])), {})
        if entry["event"] == "decision":
            own[entry["time"]] = (entry["size"], math.nan if entry["score"] is None else entry["score"])
        else:
            own.pop(entry["decision_time"], None)
    return placed


def require_weights(weights: Mapping[str, float] | None, names: Iterable[str]) -> None:
    """Refuse weights that lack an instance.

    Raises
    ------
    BadInput : names the first that is missing.
    """
    for name in names:
        if weights is not None and name not in weights:
            raise BadInput(f"there is no weight of {name}: add one, which may be 0, or weigh all instances again")


def _size_of(answer: Decision) -> float:
    """Return the size that an answer allows: 0 unless it accepts, and at most the rule's own stake."""
    return min(answer.size, _LARGEST) if answer.accept and answer.size > 0 else 0.0


def _plain(trade: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): value.item() if hasattr(value, "item") else value for key, value in trade.items()}
