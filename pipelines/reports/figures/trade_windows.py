"""Windows of trades: the bars around an instance's last trades, with the prices that its rule looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.strategy import Strategy

_MARGIN = 20  # bars shown before the first and after the last trade


@dataclass(frozen=True, eq=False)
class TradeWindow:
    """What there is to see of an instance in a run of bars.

    Parameters
    ----------
    name : the instance, ``strategy|symbol|timeframe``.
    bars : the bars that are shown.
    trades : the instance's trades that were decided and closed within them, in decision order.
    stop : float64 (n_trades,), the stop that each trade started with, quote; NaN: none.
    targets : float64 (n_trades, k), its targets, the partial ones first; NaN: none.
    lines : float64 (n_bars,) each, the series that the rule looks at, quote, by name.
    """

    name: str
    bars: Bars
    trades: pd.DataFrame
    stop: np.ndarray
    targets: np.ndarray
    lines: dict[str, np.ndarray]


def trade_window(
    strategy: Strategy, bars: Bars, trades: pd.DataFrame, *, n_trades: int = 40, n_bars: int = 600
) -> TradeWindow:
    """Cut out the bars around the last trades of an instance; the last bars where it made none.

    Parameters
    ----------
    bars : all bars that the instance saw. Only a window of them, and the strategy's lookback before it, is computed on.
    trades : the trades table; those of other instances are passed over.
    n_trades, n_bars : at most so many trades and bars.

    Raises
    ------
    BadInput : if there is no bar, or a count is below 1.
    """
    if not len(bars) or n_trades < 1 or n_bars < 1:
        raise BadInput(f"{len(bars)} bars, n_trades {n_trades} and n_bars {n_bars}: there is nothing to show")
    own = trades[
        (trades["strategy"] == strategy.id)
        & (trades["symbol"] == bars.symbol)
        & (trades["timeframe"] == str(bars.timeframe))
    ]
    last = own.tail(n_trades)
    end = len(bars)
    start = end - n_bars
    if len(last):
        end = min(int(np.searchsorted(bars.close_time, last["exit_time"].max())) + 1 + _MARGIN, end)
        start = max(int(np.searchsorted(bars.close_time, last["decision_time"].min())) - _MARGIN, end - n_bars)
    start = max(start, 0)
    # What the rule looks at and decides follows from its lookback alone: all of history is not needed again.
    seen = max(start - strategy.lookback(bars.timeframe), 0)
    shown, ground = bars[start:end], bars[seen:end]
    inside = last[last["decision_time"] >= shown.close_time[0]].reset_index(drop=True)
    signals = strategy.signals(ground)
    rows = np.array([signals.at(time) for time in inside["decision_time"]], dtype=np.int64)
    targets = np.column_stack([signals.partial_target, signals.target])
    return TradeWindow(
        name=str(Instance(strategy.id, bars.symbol, str(bars.timeframe))),
        bars=shown,
        trades=inside,
        stop=signals.stop[rows],
        targets=targets[rows],
        lines={name: values[start - seen :] for name, values in strategy.lines(ground).items()},
    )
