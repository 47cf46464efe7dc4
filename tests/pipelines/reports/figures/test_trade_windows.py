"""A window holds the last trades of an instance, and the lines that its rule looks at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.pipelines.reports.figures.candle_chart import candle_chart
from tradesieve.pipelines.reports.figures.trade_windows import trade_window
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import RULES
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout


def test_a_window_holds_the_last_trades_and_what_they_started_with(bars, trades):
    window = trade_window(VolatilityBreakout(), bars, trades, n_trades=5, n_bars=2000)
    pd.testing.assert_frame_equal(window.trades, trades.tail(5).reset_index(drop=True))
    signals = VolatilityBreakout().signals(bars)
    rows = [signals.at(time) for time in window.trades["decision_time"]]
    np.testing.assert_array_equal(window.stop, signals.stop[rows])
    np.testing.assert_array_equal(window.targets[:, -1], signals.target[rows])
    assert window.bars.close_time[0] <= window.trades["decision_time"].min()
    assert window.bars.close_time[-1] >= window.trades["exit_time"].max()
    narrow = trade_window(VolatilityBreakout(), bars, trades, n_trades=1000, n_bars=300)
    assert len(narrow.bars) == 300
    assert 0 < len(narrow.trades) < len(trades)
    assert (narrow.trades["decision_time"] >= narrow.bars.close_time[0]).all()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_lines_of_a_window_are_those_of_all_bars(bars, rule):
    strategy = rule()
    window = trade_window(strategy, bars, simulate(strategy, bars, Instrument("BTC-USD")), n_bars=200)
    row = int(np.searchsorted(bars.close_time, window.bars.close_time[0]))
    whole = strategy.lines(bars)
    assert set(window.lines) == set(whole)
    for name, values in window.lines.items():
        np.testing.assert_array_equal(values, whole[name][row : row + len(window.bars)])


def test_an_instance_without_trades_shows_the_last_bars(bars, trades):
    window = trade_window(VolatilityBreakout(), bars, trades[:0], n_bars=100)
    np.testing.assert_array_equal(window.bars.close_time, bars.close_time[-100:])
    assert [trace.type for trace in candle_chart(window).data if trace.type == "candlestick"] == ["candlestick"]
    with pytest.raises(BadInput, match="nothing to show"):
        trade_window(VolatilityBreakout(), bars[:0], trades)
