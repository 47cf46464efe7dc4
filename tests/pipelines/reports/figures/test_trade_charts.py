"""Charts hold the numbers that they say they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import DAY
from tradesieve.pipelines.reports.figures.candle_chart import candle_chart
from tradesieve.pipelines.reports.figures.equity_charts import equity_chart, monthly_chart
from tradesieve.pipelines.reports.figures.trade_charts import excursions_chart, groups_chart, returns_chart
from tradesieve.pipelines.reports.figures.trade_windows import trade_window
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import RULES
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy

HOUR = DAY // 24


@pytest.fixture(scope="module")
def bars() -> Bars:
    return SyntheticMarket(n_days=40).generate("BTC-USD")[0]


@pytest.fixture(scope="module")
def trades(bars: Bars) -> pd.DataFrame:
    return simulate(VolatilityBreakout(), bars, Instrument("BTC-USD"))


def named(figure, name: str):
    (trace,) = (trace for trace in figure.data if trace.name == name)
    return trace


def test_capital_is_compounded_and_falls_from_its_peak():
    days = np.arange(4).astype("datetime64[D]")
    figure = equity_chart(days, np.array([0.1, -0.1, 0.0, 0.2]))
    np.testing.assert_allclose(named(figure, "capital").y, [1.1, 0.99, 0.99, 1.188])
    np.testing.assert_allclose(named(figure, "drawdown").y, [0.0, -0.1, -0.1, 0.0], atol=1e-9)
    assert list(named(figure, "capital").x) == ["1970-01-01", "1970-01-02", "1970-01-03", "1970-01-04"]


def test_months_are_compounded_and_empty_ones_stay_empty():
    days = np.arange(np.datetime64("2023-12-30"), np.datetime64("2024-02-03"))
    returns = np.zeros(len(days))
    returns[[0, 1, 2, 30]] = [0.01, 0.02, 0.03, -0.01]
    (heat,) = monthly_chart(days, returns).data
    assert list(heat.y) == ["2023", "2024"]
    assert heat.z[0][11] == pytest.approx((1.01 * 1.02 - 1) * 100, abs=1e-3)
    assert heat.z[1][0] == pytest.approx((1.03 * 0.99 - 1) * 100, abs=1e-3)
    assert heat.z[1][1] == 0.0
    assert list(heat.z[0][:11]) == [None] * 11


def test_every_trade_is_counted_in_the_returns(trades):
    (bars,) = returns_chart(trades["net_return"].to_numpy()).data
    assert sum(bars.y) == len(trades)
    (equal,) = returns_chart(np.full(5, 0.01)).data
    assert sum(equal.y) == 5
    assert returns_chart(np.empty(0)).data == ()


def test_excursions_are_a_sample_of_bounded_size(trades):
    figure = excursions_chart(trades)
    assert sum(len(trace.x) for trace in figure.data) == len(trades)
    assert len(named(figure, "won").x) == (trades["net_return"] > 0).sum()
    many = pd.concat([trades] * 50)
    sample = excursions_chart(many)
    assert sum(len(trace.x) for trace in sample.data) == 2000 < len(many)


def test_groups_are_bars_in_basis_points():
    table = pd.DataFrame({"hour": [1, 7], "expectancy": [0.001, -0.0002], "n_trades": [5, 6]})
    (bars,) = groups_chart(table, by="hour").data
    assert (list(bars.x), list(bars.y), list(bars.customdata)) == ([1, 7], [10.0, -2.0], [5, 6])


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
