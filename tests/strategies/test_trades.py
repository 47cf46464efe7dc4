from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.execution.records import TRADE
from tradesieve.market.instruments import Instrument
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.registry import RULES, choose_strategies, parse_strategy
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy
from tradesieve.strategies.trades import (
    TRADE_COLUMNS,
    check_trades,
    instance_codes,
    instance_of,
    pool_trades,
    trades_frame,
)

DAY = 86_400_000_000_000


@pytest.fixture(scope="module")
def tables() -> list[pd.DataFrame]:
    """Trades of six strategies on two symbols."""
    market = SyntheticMarket(n_days=40)
    return [
        simulate(strategy, market.generate(symbol)[0], Instrument(symbol))
        for symbol in ("ETH-USD", "BTC-USD")
        for strategy in choose_strategies(6, rules=("volatility_breakout", "opening_range_breakout", "dip_buying"))
    ]


@pytest.fixture(scope="module")
def trades(tables) -> pd.DataFrame:
    return pool_trades(tables)


def test_pooled_trades_are_in_decision_order_with_ties_by_name(tables, trades):
    check_trades(trades)
    assert len(trades) == sum(map(len, tables)) > 300
    order = list(zip(trades["decision_time"], trades["strategy"], trades["symbol"], strict=True))
    assert order == sorted(order)
    assert trades["decision_time"].duplicated().any(), "some strategies decide at the same close"
    assert trades.index.tolist() == list(range(len(trades)))
    pd.testing.assert_frame_equal(pool_trades(tables[::-1]), trades)


def test_the_columns_are_those_promised_with_and_without_trades(trades):
    empty = pool_trades([])
    assert len(empty) == 0
    for table in (trades, empty, pool_trades([empty])):
        assert list(table.columns) == list(TRADE_COLUMNS)
        assert {name: str(kind) for name, kind in table.dtypes.items()} == TRADE_COLUMNS
    check_trades(empty)


def test_trades_mean_what_their_columns_say(trades):
    assert (trades["decision_time"] < trades["entry_time"]).all()
    assert (trades["entry_time"] <= trades["exit_time"]).all()
    assert (trades["mae"] <= 0).all()
    assert (trades["mfe"] >= 0).all()
    assert (trades["cost"] > 0).all(), "with the default costs every trade pays"
    assert ((trades["stake"] > 0) & (trades["stake"] <= 1)).all()
    assert trades["stake"].nunique() > 5, "dip-buying asks for Kelly's fraction"
    np.testing.assert_allclose(trades["net_return"], trades["gross_return"] - trades["cost"], atol=1e-12)
    assert {"stop", "target", "time"} <= set(trades["exit_reason"])
    # One position at a time: an instance decides again only once it is flat.
    for _, own in trades.groupby(["strategy", "symbol"]):
        assert (own["decision_time"].to_numpy()[1:] >= own["exit_time"].to_numpy()[:-1]).all()


def test_costs_change_no_trade_but_its_money(market_bars):
    for rule in RULES.values():
        free, cheap, dear = (
            simulate(rule(), market_bars, Instrument("BTC-USD", 0.0002 * k, 0.0005 * k, 0.00005 * k, 0.00005 * k))
            for k in (0, 1, 10)
        )
        for name in ("decision_time", "entry_time", "exit_time", "side", "gross_return", "mae", "mfe", "exit_reason"):
            assert free[name].tolist() == cheap[name].tolist() == dear[name].tolist()
        assert (free["cost"].abs() < 1e-15).all()
        assert (free["net_return"] > cheap["net_return"]).all()
        assert (cheap["net_return"] > dear["net_return"]).all()


@pytest.mark.parametrize(
    ("column", "value", "law"),
    [
        ("entry_time", 0, "enters before it was decided"),
        ("exit_time", 0, "exits before it entered"),
        ("side", 0, "side other than"),
        ("stake", 0.0, "stake that is not above 0"),
        ("stake", np.nan, "stake that is not above 0"),
        ("stop", 0.0, "stop or target that is not a positive price"),
        ("target", np.inf, "stop or target that is not a positive price"),
        ("target", "stop", "stop beyond its target"),
        ("stop", np.nan, "risk without a stop"),
        ("cost", -0.001, "gains from its costs"),
        ("cost", np.nan, "gains from its costs"),
        ("net_return", 0.5, "not gross less cost"),
        ("gross_return", np.nan, "not gross less cost"),
        ("exit_reason", "luck", "exit reason that does not exist"),
    ],
)
def test_a_trade_that_breaks_a_law_is_named(trades, column, value, law):
    broken = trades[:20].copy()
    broken.loc[7, column] = broken.loc[7, value] if value == "stop" else value
    name = f"row 7 \\({broken.strategy[7].partition('(')[0]}.*{broken.symbol[7]}\\)"
    with pytest.raises(BadData, match=rf"{name} .*{law}"):
        check_trades(broken)


def test_missing_columns_are_named(trades):
    with pytest.raises(BadData, match="no column cost, mae"):
        check_trades(trades.drop(columns=["cost", "mae"]))


@dataclass(frozen=True)
class Told(Strategy):
    """A rule that decides what it was told."""

    name: ClassVar[str] = "told"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {}
    given: ClassVar[Signals]

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        return self.given


def test_the_simulator_checks_symbol_and_decision_times(market_bars):
    with pytest.raises(BadInput, match="BTC-USD bars cannot be traded on the terms of ETH-USD"):
        simulate(VolatilityBreakout(), market_bars, Instrument("ETH-USD"))
    for time in (market_bars.close_time[5] + 1, market_bars.close_time[-1] + 1, market_bars.close_time[0] - 1):
        Told.given = make_signals(np.array([time]), 1.0)
        with pytest.raises(BadInput, match=r"BTC-USD 5m: a signal was decided at .*, when no bar closed"):
            simulate(Told(), market_bars, Instrument("BTC-USD"))


def test_an_open_position_at_the_end_is_flagged_and_a_waiting_order_never_was(market_bars):
    bars = market_bars[:50]
    Told.given = make_signals(bars.close_time[[10]], 1.0)
    (trade,) = simulate(Told(), bars, Instrument("BTC-USD")).to_dict("records")
    assert trade["exit_reason"] == "end_of_data"
    assert trade["exit_time"] == bars.close_time[-1]
    Told.given = make_signals(bars.close_time[[48, 49]], 1.0, limit=1.0, expiry=9)
    assert len(simulate(Told(), bars, Instrument("BTC-USD"))) == 0
    Told.given = make_signals(bars.close_time[[49]], 1.0)
    assert len(simulate(Told(), bars, Instrument("BTC-USD"))) == 0, "there is no next open"
    Told.given = make_signals(bars.close_time[:0], 1.0)
    assert len(simulate(Told(), bars[:0], Instrument("BTC-USD"))) == 0


def test_stop_and_target_are_those_of_the_signal(market_bars):
    """Whatever moves the stop afterwards, and however often the position is added to."""
    told = (
        "volatility_breakout",
        "volatility_breakout+trailing(ranges=2)+break_even",
        "volatility_breakout+scale_in(entries=3)+scale_out",
        "donchian_channel+trailing(ranges=3)",
    )
    for strategy in map(parse_strategy, told):
        trades = simulate(strategy, market_bars, Instrument("BTC-USD"))
        signals = strategy.signals(market_bars)
        rows = np.searchsorted(signals.decision_time, trades["decision_time"])
        assert len(trades) > 5
        np.testing.assert_array_equal(trades["stop"], signals.stop[rows])
        np.testing.assert_array_equal(trades["target"], signals.target[rows])
        if "scale_in" in strategy.id:
            assert (trades["n_entries"] > 1).any()
    Told.given = make_signals(market_bars.close_time[[10]], 1.0, trail=100.0)
    (trailed,) = simulate(Told(), market_bars, Instrument("BTC-USD")).to_dict("records")
    assert np.isnan(trailed["stop"]), "where a trailing stop begins is not known at the decision"
    assert np.isnan(trailed["target"])


def test_instances_do_not_see_each_other(market_bars):
    alone = simulate(VolatilityBreakout(), market_bars, Instrument("BTC-USD"))
    other = simulate(replace(VolatilityBreakout(), multiple=1.5), market_bars, Instrument("BTC-USD"))
    again = simulate(VolatilityBreakout(), market_bars, Instrument("BTC-USD"))
    pd.testing.assert_frame_equal(alone, again)
    assert len(other) > len(alone)


def test_trades_are_numbered_by_instance():
    table = trades_frame(np.zeros(2, TRADE), "a()", "S", "1h")
    table = pd.concat([table, table.assign(symbol="T"), table.assign(strategy="b()")], ignore_index=True)
    assert instance_codes(table, ["b()|S|1h", "idle()|S|1h", "a()|S|1h"]).tolist() == [2, 2, -1, -1, 0, 0]
    assert str(instance_of(table, 2)) == "a()|T|1h"
    assert instance_codes(table[:0], []).dtype == np.int64
