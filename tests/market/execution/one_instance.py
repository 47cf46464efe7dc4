"""One strategy instance under the fill rule, for the tests: a signal, the bars that follow, the trades that close."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradesieve.market.execution.fill_rule import advance_nb, close_out_nb
from tradesieve.market.execution.order_entry import submit_signal_nb
from tradesieve.market.execution.records import BAR, PRICE_RANGE, TRADE, terms_of
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.backtest.simulator import InstanceState
from tradesieve.strategies.signals import make_signals
from tradesieve.strategies.strategy import Policy

NONE = math.nan
FREE = Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0)
COSTLY = Instrument("X", maker_fee=0.001, taker_fee=0.002, half_spread=0.003, slippage=0.001)
PLAIN = Policy()
QUIET = (100.0, 100.5, 99.5, 100.0)


Prices = tuple[float, float, float, float]


@dataclass(frozen=True)
class Signal:
    """A signal; the first is decided at time 0, before the first bar, which closes at time 1."""

    side: float = 1.0
    limit: float = NONE
    trigger: float = NONE
    stop: float = NONE
    target: float = NONE
    partials: tuple[tuple[float, float], ...] = ()
    trail: float = NONE
    break_even: float = NONE
    max_hold: int = 0
    leave_at: int = 0
    exit_wait: int = 0
    expiry: int = 1
    stake: float = 1.0

    def record(self, time: int) -> np.record:
        """Lay it out for the kernels."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("side", "partials")}
        prices, shares = np.array(self.partials or [(NONE, NONE)]).T
        return make_signals(
            np.array([time]), self.side, partial_target=prices, partial_share=shares, **columns
        ).records[0]


@dataclass
class Instance:
    """One instance under the fill rule, as the simulator and the paper broker drive it."""

    instrument: Instrument = FREE
    policy: Policy = PLAIN
    state: InstanceState = field(default_factory=InstanceState)
    time: int = 0

    def offer(self, signal: Signal, tag: int = 0) -> int:
        terms = terms_of(self.instrument)
        return submit_signal_nb(*self.state.records, signal.record(self.time), tag, terms, self.policy.record)

    def bar(
        self,
        prices: Prices,
        *,
        finer: Sequence[tuple[float, float]] = (),
        time: int | None = None,
        untraded: bool = False,
    ) -> list[np.void]:
        """Advance by a bar; `finer` holds the high and low of each finer bar of it."""
        self.time = self.time + 1 if time is None else time
        trades = np.zeros(2, TRADE)
        bar = np.array([(self.time, *prices, 0, len(finer), untraded)], BAR)[0]
        ranges = np.array(list(finer), PRICE_RANGE)
        n_closed = advance_nb(*self.state.records, bar, ranges, terms_of(self.instrument), self.policy.record, trades)
        return list(trades[:n_closed])

    def end(self, prices: Prices) -> list[np.void]:
        trades = np.zeros(1, TRADE)
        bar = np.array([(self.time, *prices, 0, 0, 0)], BAR)[0]
        n_closed = close_out_nb(*self.state.records, bar, terms_of(self.instrument), trades[0])
        return list(trades[:n_closed])


def play(signal: Signal, *bars: Prices, instrument: Instrument = FREE) -> Any:
    """Offer one signal, live through the bars; return the closed trade, or None."""
    instance = Instance(instrument)
    assert instance.offer(signal)
    closed = [trade for prices in bars for trade in instance.bar(prices)]
    assert len(closed) <= 1
    return closed[0] if closed else None
