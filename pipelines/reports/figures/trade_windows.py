"""Windows of trades: the bars around an instance's last trades, with the lines that its rule looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.strategies.imports.named_strategy import NamedStrategy
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.strategy import Strategy

_MARGIN = 20  # bars shown before the first and after the last trade


@dataclass(frozen=True, eq=False)
class TradeWindow:
    """Bars with the trades that an instance made in them.

    Parameters
    ----------
    name : the instance, ``strategy|symbol|timeframe``.
    bars : the bars of the window.
    trades : the instance's trades that were decided and closed within the window, in decision order.
    stop : float64 (n_trades,), the initial stop of each trade, quote; NaN: none.
    targets : float64 (n_trades, k), the initial targets of each trade, partial ones first, quote; NaN: none.
    lines : name: float64 (n_bars,), a series that the rule looks at, quote.
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
    """Cut out the bars around the last trades of an instance, or the last bars if it made none.

    Parameters
    ----------
    bars : all bars of the instance. The rule runs only on the window and on the strategy's lookback before it.
    trades : the trades table; trades of other instances are ignored.
    n_trades, n_bars : the most trades and bars in the window.

    Raises
    ------
    BadInput : if there is no bar, or a count is below 1.
    """
    if not len(bars) or n_trades < 1 or n_bars < 1:
        raise BadInput(f"{len(bars)} bars, n_trades {n_trades} and n_bars {n_bars}: there is nothing to show")
    instance = Instance(strategy.id, bars.symbol, str(bars.timeframe))
    own = trades[
        (trades["strategy"] == instance.strategy)
        & (trades["symbol"] == instance.symbol)
        & (trades["timeframe"] == instance.timeframe)
    ]
    last = own.tail(n_trades)
    start, end = _span(bars, last, n_bars)
    # Signals and lines depend on the lookback alone, so the rest of history is not computed again.
    first_needed = max(start - strategy.lookback(bars.timeframe), 0)
    shown, needed = bars[start:end], bars[first_needed:end]
    inside = last[last["decision_time"] >= shown.close_time[0]].reset_index(drop=True)
    stop, targets = _exits(strategy, needed, inside)
    return TradeWindow(
        name=str(instance),
        bars=shown,
        trades=inside,
        stop=stop,
        targets=targets,
        lines={name: values[start - first_needed :] for name, values in strategy.lines(needed).items()},
    )


def _exits(strategy: Strategy, bars: Bars, trades: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the stop and the targets of trades: those of their signals, of imported trades their own."""
    if isinstance(strategy, NamedStrategy):
        return trades["stop"].to_numpy(), trades[["target"]].to_numpy()
    signals = strategy.signals(bars)
    rows = np.array([signals.at(time) for time in trades["decision_time"]], dtype=np.int64)
    return signals.stop[rows], np.column_stack([signals.partial_target, signals.target])[rows]


def _span(bars: Bars, trades: pd.DataFrame, n_bars: int) -> tuple[int, int]:
    """Return the first row and the end of at most `n_bars` bars around trades, or of the last bars."""
    if not len(trades):
        return max(len(bars) - n_bars, 0), len(bars)
    end = min(int(np.searchsorted(bars.close_time, trades["exit_time"].max())) + 1 + _MARGIN, len(bars))
    start = int(np.searchsorted(bars.close_time, trades["decision_time"].min())) - _MARGIN
    return max(start, end - n_bars, 0), end
