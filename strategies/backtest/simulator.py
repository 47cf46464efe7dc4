"""The simulator: signals against bars under the fill rule of `market.execution.fill_rule`, one instance at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.fast_forward import may_be_quiet_nb, pass_quiet_nb
from tradesieve.market.execution.fill_rule import REFUSED, accept_nb, advance_nb, answer_nb, close_out_nb
from tradesieve.market.execution.intrabar import Covering, cover
from tradesieve.market.execution.records import CLOSED, ORDER, POSITION, SIGNAL, terms_of
from tradesieve.market.execution.time_search import first_absent_nb, first_at_nb
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy, Strategy
from tradesieve.strategies.trades import trades_frame


@dataclass(eq=False)
class InstanceState:
    """Where an instance stands between two bars: its position and its waiting order, either may be none."""

    position: np.ndarray = field(default_factory=lambda: np.zeros(1, POSITION))
    order: np.ndarray = field(default_factory=lambda: np.zeros(1, ORDER))
    plan: np.ndarray = field(default_factory=lambda: np.zeros(1, SIGNAL))
    wish: np.ndarray = field(default_factory=lambda: np.zeros(1, SIGNAL))

    @property
    def records(self) -> tuple[np.record, np.record, np.record, np.record]:
        """Its four records, as the kernels of `market.execution.fill_rule` take them."""
        return self.position[0], self.order[0], self.plan[0], self.wish[0]

    @property
    def flat(self) -> bool:
        """True when nothing is open and nothing waits."""
        return not (self.position["open"][0] or self.order["live"][0])


def simulate(
    strategy: Strategy,
    bars: Bars,
    instrument: Instrument,
    *,
    finer: Bars | Covering | None = None,
    decided: Signals | None = None,
) -> pd.DataFrame:
    """Generate the trades of a strategy on a symbol.

    Parameters
    ----------
    finer : bars of a finer timeframe, which settle the order of events within a bar, see `market.execution.fill_rule`;
        laid over the bars once (`market.execution.intrabar.cover`) where many strategies share them.
    decided : the signals of the bare rule on these bars, where strategies of one rule share them.

    Returns
    -------
    The trades table (see `strategies.trades`), in decision order. A position that is open at the end leaves at the
    last close with the reason ``end_of_data``; an order that still waits never was.

    Raises
    ------
    BadInput : if the instrument is another symbol's, or `finer` does not fit the bars.

    Examples
    --------
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
    >>> bars, _ = SyntheticMarket(n_days=10, seed=7).generate("BTC-USD")
    >>> trades = simulate(VolatilityBreakout(), bars, Instrument("BTC-USD"))
    >>> trades["exit_reason"].value_counts().to_dict()
    {'target': 20, 'stop': 18, 'time': 1}
    """
    if instrument.symbol != bars.symbol:
        raise BadInput(f"{bars.symbol} bars cannot be traded on the terms of {instrument.symbol}")
    state = InstanceState()
    policy = strategy.policy
    signals = strategy.signals(bars) if decided is None else strategy.apply_modifiers(decided, bars)
    closed = run_signals(bars, signals, instrument, state, policy=policy, finer=finer)
    closed = np.concatenate([closed, close_out(bars, instrument, state, policy=policy)])
    return trades_frame(closed, strategy.id, bars.symbol, str(bars.timeframe))


def run_signals(
    bars: Bars,
    signals: Signals,
    instrument: Instrument,
    state: InstanceState,
    *,
    policy: Policy,
    finer: Bars | Covering | None = None,
) -> np.ndarray:
    """Carry an instance through bars; `state` is changed to where it stands after the last one.

    Parameters
    ----------
    policy : how the instance lives with its signals.
    finer : as in `simulate`.

    Returns
    -------
    CLOSED records in the order of their exits; their `tag` is the row of the signal that opened the trade.

    Raises
    ------
    BadInput : if a signal was decided when no bar closed, or `finer` does not fit the bars.
    """
    absent = first_absent_nb(signals.decision_time, bars.close_time)
    if absent < len(signals):
        time = signals.decision_time[absent]
        raise BadInput(
            f"{bars.symbol} {bars.timeframe}: a signal was decided at {format_time(time)}, when no bar closed"
        )
    covering = cover(bars, finer)
    closed = np.empty(len(signals) + 4, CLOSED)  # what is open, what waits, and two to write to
    return _run_nb(
        bars.close_time, bars.open, bars.high, bars.low, bars.close,
        covering.high, covering.low, covering.first, covering.n_finer,
        signals.decision_time, signals.side, signals.records, terms_of(instrument), policy.record,
        state.position, state.order, state.plan, state.wish, closed,
    )  # fmt: skip


def close_out(bars: Bars, instrument: Instrument, state: InstanceState, *, policy: Policy) -> np.ndarray:
    """End the data: an open position leaves at the last close; give its CLOSED record, or none."""
    closed = np.zeros(1, CLOSED)
    if not len(bars):
        return closed[:0]
    n_closed = close_out_nb(
        state.position[0], state.order[0], state.plan[0], closed[0],
        bars.close_time[-1], bars.high[-1], bars.low[-1], bars.close[-1], terms_of(instrument)[0], policy.record[0],
    )  # fmt: skip
    return closed[:n_closed]


@kernel()
def _run_nb(  # type: ignore[no-untyped-def]
    time, open_, high, low, close, finer_high, finer_low, finer_first, n_finer,
    decision_time, sides, signals, terms, policy, positions, orders, plans, wishes, closed,
):  # fmt: skip
    held, order, plan, wish = positions[0], orders[0], plans[0], wishes[0]
    n_closed, following = 0, 0
    next_of = np.zeros(2, np.int64)  # for short and long: the first signal of that side, as far as it is known
    bar = 0
    while bar < len(close):
        if may_be_quiet_nb(held, order):
            end = len(close)  # or the first bar whose signal would be taken
            for k in range(2):
                side = 2.0 * k - 1.0
                if answer_nb(held, order, side, policy[0]) != REFUSED:
                    next_of[k] = _first_of_nb(sides, side, max(following, next_of[k]))
                    if next_of[k] < len(sides):
                        end = min(end, first_at_nb(time, decision_time[next_of[k]], bar))
            after = pass_quiet_nb(held, plan, time, high, low, close, bar, end)
            if after == len(close):
                break
            if after > bar:
                following = first_at_nb(decision_time, time[after], following)
                bar = after
        if held.open or order.live or held.rest > 0:
            first, n_covering = 0, 0
            if n_finer > 0 and finer_first[bar] >= 0:
                first, n_covering = finer_first[bar], n_finer
            n_closed += advance_nb(
                held, order, plan, wish, closed[n_closed], closed[n_closed + 1],
                time[bar], open_[bar], high[bar], low[bar], close[bar],
                finer_high, finer_low, first, n_covering, terms[0], policy[0],
            )  # fmt: skip
        elif following == len(sides):
            break
        else:
            bar = first_at_nb(time, decision_time[following], bar)  # nothing is open and nothing waits
        if following < len(sides) and decision_time[following] == time[bar]:
            accept_nb(held, order, plan, wish, following, signals[following], terms[0], policy[0])
            following += 1
        bar += 1
    return closed[:n_closed]


@kernel()
def _first_of_nb(sides: np.ndarray, side: float, row: int) -> int:
    """Find the first signal of a side, `row` or later; the number of signals if there is none."""
    while row < len(sides) and sides[row] != side:
        row += 1
    return row
