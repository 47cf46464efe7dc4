"""Candles carry the lines of a rule and its trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tests.pipelines.reports.figures.traces import named
from tradesieve.market.bars import Bars
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.reports.figures.candle_chart import candle_chart
from tradesieve.pipelines.reports.figures.trade_windows import trade_window
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy

HOUR = DAY // 24


@dataclass(frozen=True)
class Partial(Strategy):
    """Buys once, leaves in parts, and looks at one line."""

    name: ClassVar[str] = "partial"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {}

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        chosen = bars.close_time % DAY == 12 * HOUR
        price = bars.close[chosen]
        return make_signals(bars.close_time[chosen], 1.0, stop=price * 0.99, target=price * 1.02,
                            partial_target=np.column_stack([price * 1.01]), partial_share=[0.5])  # fmt: skip

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        return {"half": bars.close / 2}


def test_candles_carry_lines_levels_and_trades(bars):
    strategy = Partial()
    window = trade_window(strategy, bars, simulate(strategy, bars, Instrument("BTC-USD")), n_trades=6, n_bars=5000)
    figure = candle_chart(window)
    n = len(window.trades)
    np.testing.assert_array_equal(named(figure, "bars").close, window.bars.close)
    np.testing.assert_array_equal(named(figure, "half").y, window.bars.close / 2)
    assert len(named(figure, "stop").x) == 3 * n, "from, to and a gap for each trade"
    assert len(named(figure, "target").x) == 2 * 3 * n, "the partial target too"
    assert list(named(figure, "long entry").y) == window.trades["entry_price"].tolist()
    assert list(named(figure, "exit").y) == window.trades["exit_price"].tolist()
    assert named(figure, "exit").x[0] in named(figure, "bars").x
    assert not [trace for trace in figure.data if trace.name == "short entry"]


def test_nights_without_bars_are_left_out():
    bars = SyntheticMarket(n_days=5).generate("BTC-USD")[0]
    day = bars.close_time % DAY
    open_hours = (day > 9 * HOUR) & (day <= 16 * HOUR)
    columns = {name: getattr(bars, name)[open_hours] for name in ("open", "high", "low", "close", "volume")}
    session = Bars("BTC-USD", bars.timeframe, bars.close_time[open_hours], **columns)
    strategy = VolatilityBreakout()
    figure = candle_chart(trade_window(strategy, session, simulate(strategy, session, Instrument("BTC-USD"))))
    breaks = figure.layout.xaxis.rangebreaks
    assert len(breaks) == 4
    for gap in breaks:
        assert gap.bounds[0].endswith("T16:05:00")
        assert gap.bounds[1].endswith("T09:00:00")
    shown = candle_chart(trade_window(strategy, bars, simulate(strategy, bars, Instrument("BTC-USD"))))
    assert shown.layout.xaxis.rangebreaks == ()
