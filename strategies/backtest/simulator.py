"""The simulator: signals against bars under the fill rule of `market.execution.fill_rule`, one instance at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars, first_untraded, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.compilation import kernel
from tradesieve.market.execution.fast_forward import can_fast_forward_nb, fast_forward_nb
from tradesieve.market.execution.fill_rule import advance_nb, close_out_nb
from tradesieve.market.execution.intrabar import FinerBars, align_finer
from tradesieve.market.execution.order_entry import REJECTED, classify_signal_nb, submit_signal_nb
from tradesieve.market.execution.records import BAR, ORDER, POSITION, TRADE, terms_of
from tradesieve.market.execution.time_search import first_at_or_after_nb, first_missing_nb
from tradesieve.market.instruments import Instrument, require_tick_fits
from tradesieve.market.positive_prices import require_positive_prices
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy, Strategy
from tradesieve.strategies.trades import trades_frame


@dataclass(eq=False)
class InstanceState:
    """The state of an instance between two bars: its position and its entry order, one record each."""

    position: np.ndarray = field(default_factory=lambda: np.zeros(1, POSITION))
    order: np.ndarray = field(default_factory=lambda: np.zeros(1, ORDER))
    volume_known: bool = False
    """Whether a bar had a volume: from then on, a volume of 0 says that nothing traded."""

    def first_untraded(self, bars: Bars) -> int:
        """Return the first row of the following bars in which nothing traded, and note whether volumes are known now.

        Rows from it on without a volume are those in which nothing traded.
        """
        first = first_untraded(bars.volume, volume_known=True) if self.volume_known else bars.first_untraded
        self.volume_known = self.volume_known or bars.has_volume
        return first

    @property
    def records(self) -> tuple[np.void, np.void]:
        """The POSITION and the ORDER record, as the kernels of `market.execution.fill_rule` take them."""
        return self.position[0], self.order[0]


def simulate(
    strategy: Strategy,
    bars: Bars,
    instrument: Instrument,
    *,
    finer: Bars | FinerBars | None = None,
    decided: Signals | None = None,
) -> pd.DataFrame:
    """Generate the trades of a strategy on a symbol.

    Parameters
    ----------
    finer : bars of a shorter timeframe, which settle the order of events within a bar, see
        `market.execution.fill_rule`; aligned once (`market.execution.intrabar.align_finer`) where many strategies share
        them.
    decided : the signals of the bare rule on these bars, where strategies of one rule share them.

    Returns
    -------
    The trades table (see `strategies.trades`), in decision order. A position that is open at the end leaves at the
    last close with the reason ``end_of_data``; an order that is still pending is dropped.

    Raises
    ------
    BadInput : if the instrument is of another symbol or its tick does not fit the price, `finer` does not fit the
        bars, or a price is at or below zero.

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
    require_tick_fits(instrument, bars)
    bars = require_positive_prices(bars)
    state = InstanceState()
    signals = strategy.signals(bars) if decided is None else strategy.apply_modifiers(decided, bars)
    closed = run_signals(bars, signals, instrument, state, policy=strategy.policy, finer=finer)
    closed = np.concatenate([closed, close_out(bars, instrument, state)])
    return trades_frame(closed, strategy.id, bars.symbol, str(bars.timeframe))


def run_signals(
    bars: Bars,
    signals: Signals,
    instrument: Instrument,
    state: InstanceState,
    *,
    policy: Policy,
    finer: Bars | FinerBars | None = None,
) -> np.ndarray:
    """Advance an instance through bars and offer it the signals; `state` is changed in place.

    Parameters
    ----------
    policy : when the instance takes a signal.
    finer : as in `simulate`.

    Returns
    -------
    TRADE records in the order of their exits; their `tag` is the row of the signal that opened the trade.

    Raises
    ------
    BadInput : if a signal's `decision_time` is not the `close_time` of a bar, or `finer` does not fit the bars.
    """
    missing = first_missing_nb(signals.decision_time, bars.close_time)
    if missing < len(signals):
        time = signals.decision_time[missing]
        raise BadInput(
            f"{bars.symbol} {bars.timeframe}: a signal was decided at {format_time(time)}, when no bar closed"
        )
    aligned = align_finer(bars, finer)
    trades = np.empty(len(signals) + 4, TRADE)  # one each for what is open and what is pending, two to write to
    n_trades = _run_nb(
        bars.close_time, bars.open, bars.high, bars.low, bars.close, bars.volume, state.first_untraded(bars),
        aligned.first, aligned.n_finer, aligned.ranges,
        signals.decision_time, signals.side, signals.records,
        state.position, state.order, np.zeros(1, BAR), terms_of(instrument), policy.record, trades,
    )  # fmt: skip
    return trades[:n_trades]


def close_out(bars: Bars, instrument: Instrument, state: InstanceState) -> np.ndarray:
    """Close an open position at the last close, where the data end; return its TRADE record, or none."""
    trades = np.zeros(1, TRADE)
    if not len(bars):
        return trades[:0]
    last = (bars.close_time[-1], bars.open[-1], bars.high[-1], bars.low[-1], bars.close[-1], 0, 0, 0)
    bar = np.array([last], BAR)[0]
    return trades[: close_out_nb(*state.records, bar, terms_of(instrument), trades[0])]


@kernel()
def _run_nb(  # type: ignore[no-untyped-def]
    close_time, open_, high, low, close, volume, first_untraded,
    first_finer, n_finer, finer,
    decision_time, sides, signals,
    positions, orders, bars, terms, policy, trades,
):  # fmt: skip
    position, order, bar = positions[0], orders[0], bars[0]
    n_trades, next_signal = 0, 0
    next_of_side = np.zeros(2, np.int64)  # for short and long: the first signal of that side, as far as it is known
    row = 0
    while row < len(close):
        if can_fast_forward_nb(position, order):
            end = len(close)  # or the first bar whose signal would be taken
            for k in range(2):
                side = 2.0 * k - 1.0
                if classify_signal_nb(position, order, side, policy) != REJECTED:
                    next_of_side[k] = _first_of_side_nb(sides, side, max(next_signal, next_of_side[k]))
                    if next_of_side[k] < len(sides):
                        end = min(end, first_at_or_after_nb(close_time, decision_time[next_of_side[k]], row))
            after = fast_forward_nb(position, close_time, high, low, close, row, end)
            if after == len(close):
                break
            if after > row:
                next_signal = first_at_or_after_nb(decision_time, close_time[after], next_signal)
                row = after
        if position.open or order.pending or position.cooldown_left > 0:
            bar.close_time, bar.open, bar.high = close_time[row], open_[row], high[row]
            bar.low, bar.close, bar.n_finer = low[row], close[row], 0
            if n_finer > 0 and first_finer[row] >= 0:
                bar.first_finer, bar.n_finer = first_finer[row], n_finer
            bar.untraded = row >= first_untraded and volume[row] == 0.0
            n_trades += advance_nb(position, order, bar, finer, terms, policy, trades[n_trades:])
        elif next_signal == len(sides):
            break
        else:
            row = first_at_or_after_nb(close_time, decision_time[next_signal], row)  # nothing happens before
        if next_signal < len(sides) and decision_time[next_signal] == close_time[row]:
            submit_signal_nb(position, order, signals[next_signal], next_signal, terms, policy)
            next_signal += 1
        row += 1
    return n_trades


@kernel()
def _first_of_side_nb(sides: np.ndarray, side: float, row: int) -> int:
    """Return the first signal of a side, `row` or later; the number of signals if there is none."""
    while row < len(sides) and sides[row] != side:
        row += 1
    return row
