"""The simulator against backtesting.py: market entries at the next open with a stop and a target, the same trades.

backtesting.py trades whole units: each trade is one unit on far more cash than it needs, and what is compared, the
returns, know no size. Its commission knows no makers and its spread touches entries alone, so the trades are compared
at one fee without a spread; what that leaves out has tests of its own below.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.oracles.simulator_cases import (
    assert_close,
    hand_made,
    our_trades,
    random_signals,
    real_case,
    rows_of_signals,
    signals_at,
    synthetic_case,
    with_untraded_bars,
)
from tradesieve.market.bars import Bars
from tradesieve.market.instruments import Instrument
from tradesieve.strategies.signals import Signals

FEE = 0.0007
FREE = Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0)
ONE_FEE = Instrument("X", maker_fee=FEE, taker_fee=FEE, half_spread=0.0, slippage=0.0)
REAL_FILES = (
    "crypto_5m/binance_BTCUSDT_5m",
    "equity_1d/wiki_AAPL_1d",
    "equity_5m/us_NVDA_5m",
    "forex_1h/oanda_EURUSD_1h",
    "index_1d/SP500_1d",
)
OPPOSITE = pytest.mark.parametrize("opposite", [False, True], ids=["one_at_a_time", "exclusive_orders"])


def their_trades(
    bars: Bars, signals: Signals, *, opposite: bool = False, size: float = 1, cash: float = 1e12, **options: Any
) -> pd.DataFrame:
    """Simulate with backtesting.py, a signal being taken when ours would be; return its trades under our names."""
    from backtesting import Backtest, Strategy

    def price(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    columns = (signals.side, signals.limit, signals.stop, signals.target)
    orders = dict(zip(rows_of_signals(bars, signals).tolist(), zip(*columns, strict=True), strict=True))

    class FixedOrders(Strategy):
        def init(self) -> None:
            pass

        def next(self) -> None:
            order = orders.get(len(self.data) - 1)
            if order is None or (not self.position and self.orders):
                return
            side, limit, stop, target = order
            if self.position and (not opposite or side * self.position.size > 0):
                return
            enter = self.buy if side > 0 else self.sell
            enter(size=size, limit=price(limit), sl=price(stop), tp=price(target))

    frame = pd.DataFrame(
        {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close, "Volume": bars.volume},
        index=pd.to_datetime(bars.close_time),
    )
    test = Backtest(frame, FixedOrders, cash=cash, trade_on_close=False, exclusive_orders=opposite, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some trades remain open")  # the difference at the end of the data, below
        trades = test.run()["_trades"]
    trades = trades.sort_values("EntryBar", kind="stable", ignore_index=True)
    return pd.DataFrame(
        {
            "entry_bar": trades["EntryBar"],
            "exit_bar": trades["ExitBar"],
            "side": np.sign(trades["Size"]),
            "size": trades["Size"],
            "entry_price": trades["EntryPrice"],
            "exit_price": trades["ExitPrice"],
            "net_return": trades["ReturnPct"],
        }
    )


def assert_same_trades(bars: Bars, *, opposite: bool) -> pd.DataFrame:
    """Simulate random signals with both and compare every trade that closed before the end; return ours."""
    signals = random_signals(bars, missing=0.3 if opposite else 0.0)
    ours = our_trades(bars, signals, ONE_FEE, opposite=opposite)
    closed = ours[ours.exit_reason != "end_of_data"]
    theirs = their_trades(bars, signals, opposite=opposite, commission=FEE)
    for name in ("entry_bar", "exit_bar", "side"):
        assert theirs[name].tolist() == closed[name].tolist(), name
    for name in ("entry_price", "exit_price", "net_return"):
        assert_close(theirs[name], closed[name], what=name)
    return ours


def assert_wide(trades: pd.DataFrame, *, least: int) -> None:
    """Refuse a comparison that met no shorts, no targets, or no exits in the bar of the entry."""
    assert len(trades) >= least
    assert set(trades.side) == {-1, 1}
    assert {"stop", "target"} <= set(trades.exit_reason)
    assert (trades.entry_bar == trades.exit_bar).any()


@OPPOSITE
@pytest.mark.parametrize("name", REAL_FILES)
def test_the_same_trades_on_real_bars(name, opposite, shared_data):
    assert_wide(assert_same_trades(real_case(shared_data, name, n_bars=15_000), opposite=opposite), least=100)


@OPPOSITE
@pytest.mark.parametrize("seed", range(2))
def test_the_same_trades_on_synthetic_bars(seed, opposite):
    bars = synthetic_case(seed, edge=0.25 * seed, n_days=25)
    trades = assert_same_trades(bars, opposite=opposite)
    assert_wide(trades, least=400)
    assert ("opposite" in set(trades.exit_reason)) == opposite


@OPPOSITE
def test_waiting_for_trades_makes_the_trades_of_the_bars_with_trades(opposite):
    bars, whole = with_untraded_bars(synthetic_case(2, n_days=20), seed=4)
    signals = random_signals(bars, missing=0.3 if opposite else 0.0)
    theirs = their_trades(bars, signals, opposite=opposite, commission=FEE)
    ours = our_trades(whole, signals, replace(ONE_FEE, fill_without_trades=False), opposite=opposite)
    ours = ours[ours.exit_reason != "end_of_data"]
    assert len(ours) > 300
    for name in ("entry", "exit"):
        assert bars.close_time[theirs[f"{name}_bar"]].tolist() == ours[f"{name}_time"].tolist()
    for name in ("entry_price", "exit_price", "net_return"):
        assert_close(theirs[name], ours[name], what=name)


# Where the two agree by hand, though engines often differ.

CALM = (100.0, 101.0, 99.0, 100.0)


def exits(trades: pd.DataFrame) -> list[tuple]:
    """Return bar and price of each exit."""
    return list(zip(trades.exit_bar, trades.exit_price, strict=True))


@pytest.mark.parametrize(
    ("bar", "exit_price"),
    [
        ((100, 106, 94, 100), 95),  # touches both: a loss
        ((106, 107, 94, 100), 95),  # and a loss even where it opens beyond the target
        ((90, 97, 89, 96), 90),  # opens beyond the stop
        ((110, 111, 104, 106), 110),  # opens beyond the target: or better
        ((100, 105, 99, 104), 105),  # touches the target, no more
        ((100, 100, 95, 98), 95),  # touches the stop, no more
    ],
)
@pytest.mark.parametrize("first", [False, True], ids=["later_bar", "entry_bar"])
@pytest.mark.parametrize("side", [1.0, -1.0], ids=["long", "short"])
def test_one_bar_settles_alike(bar, exit_price, first, side):
    open_, high, low, close = bar
    if side < 0:
        open_, high, low, close, exit_price = (200 - price for price in (open_, low, high, close, exit_price))
    bars = hand_made(CALM, CALM, *([] if first else [CALM]), (open_, high, low, close), CALM)
    signals = signals_at(bars, [1], side, stop=100 - 5 * side, target=100 + 5 * side)
    expected = [(2 if first else 3, exit_price)]
    assert exits(our_trades(bars, signals, FREE)) == expected
    assert exits(their_trades(bars, signals)) == expected


# The differences.


def test_the_spread_is_paid_on_the_way_out_as_well():
    # backtesting.py moves the price of the entry alone. Ours is right: whoever leaves by a stop crosses the spread too.
    bars = hand_made(CALM, CALM, CALM, (98, 98, 94, 96), CALM)
    signals = signals_at(bars, [1], 1.0, stop=95.0, target=105.0)
    ours = our_trades(bars, signals, Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.001, slippage=0.0))
    theirs = their_trades(bars, signals, spread=0.001)
    assert_close([ours.entry_price[0], theirs.entry_price[0]], [100.1, 100.1], what="entry_price")
    assert_close([ours.exit_price[0], theirs.exit_price[0]], [95 * 0.999, 95.0], what="exit_price")


def test_a_target_pays_the_maker_fee():
    # backtesting.py has one commission for every order. Ours is right where the venue tells makers from takers.
    bars = hand_made(CALM, CALM, CALM, (100, 106, 100, 104), CALM)
    signals = signals_at(bars, [1], 1.0, stop=95.0, target=105.0)
    ours = our_trades(bars, signals, Instrument("X", maker_fee=0.0, taker_fee=0.001, half_spread=0.0, slippage=0.0))
    theirs = their_trades(bars, signals, commission=0.001)
    assert_close(ours.net_return, [0.05 - 0.001], what="ours")
    assert_close(theirs.net_return, [0.05 - 0.001 - 0.001 * 1.05], what="theirs")


@pytest.mark.parametrize("side", [1.0, -1.0], ids=["long", "short"])
def test_a_stop_on_the_wrong_side_of_the_close_is_an_order_all_the_same(side):
    # backtesting.py refuses an order whose stop the last close is already beyond. Ours is right: at the next open,
    # where it fills, the price may have come back, and where it has not, the position is stopped at that open.
    bars = hand_made(CALM, CALM, CALM, CALM)
    signals = signals_at(bars, [1], side, stop=100 + 0.5 * side, target=100 + 5 * side)
    ours = our_trades(bars, signals, FREE)
    assert list(zip(ours.exit_bar, ours.exit_price, ours.exit_reason, strict=True)) == [(2, 100.0, "stop")]
    with pytest.raises(ValueError, match="orders require"):
        their_trades(bars, signals)


def test_the_end_of_the_data_is_an_exit_at_the_last_close():
    # backtesting.py drops the open trade, or, asked to finalize, closes it at the last bar's open, which was over
    # before the last decision. Ours leaves at the last close and says so.
    bars = hand_made(CALM, CALM, CALM, (100, 104, 100, 103))
    signals = signals_at(bars, [1], 1.0, stop=90.0, target=110.0)
    ours = our_trades(bars, signals, FREE)
    assert list(zip(ours.exit_bar, ours.exit_price, ours.exit_reason, strict=True)) == [(3, 103.0, "end_of_data")]
    assert exits(their_trades(bars, signals)) == []
    assert exits(their_trades(bars, signals, finalize_trades=True)) == [(3, 100.0)]


def test_the_first_bar_can_decide():
    # backtesting.py asks its strategy from the second bar on. In ours a bar is a bar.
    bars = hand_made(CALM, CALM, (100, 106, 100, 104), CALM)
    signals = signals_at(bars, [0], 1.0, stop=95.0, target=105.0)
    assert exits(our_trades(bars, signals, FREE)) == [(2, 105.0)]
    assert exits(their_trades(bars, signals)) == []


def test_a_fraction_of_the_cash_buys_whole_units_only():
    # Half of 1,050 buys 5 units at 100, not 5.25. Ours trades fractions of capital; a stake never rounds.
    bars = hand_made(CALM, CALM, CALM, (100, 106, 100, 104), CALM)
    signals = signals_at(bars, [1], 1.0, stop=95.0, target=105.0, stake=0.5)
    assert their_trades(bars, signals, size=0.5, cash=1050.0)["size"].tolist() == [5]
    ours = our_trades(bars, signals, FREE)
    assert_close(ours.stake * ours.net_return, [0.5 * 0.05], what="return on capital")


def test_a_limit_that_is_touched_is_not_filled():
    # backtesting.py fills a limit order at a touch. Ours wants the bar to trade through it: at a touch nobody knows
    # whether the queue before us was served.
    bars = hand_made(CALM, CALM, (100, 101, 98, 100), (100, 106, 99, 104), CALM)
    signals = signals_at(bars, [1], 1.0, limit=98.0, stop=95.0, target=105.0)
    assert len(our_trades(bars, signals, FREE)) == 0
    assert their_trades(bars, signals)[["entry_bar", "entry_price", "exit_bar"]].to_numpy().tolist() == [[2, 98.0, 3]]


def test_a_limit_order_is_stopped_in_the_bar_that_fills_it():
    # The price has to fall to the limit before it falls to the stop, so a bar that reaches the stop reached it after
    # the fill. backtesting.py waits a bar, with a warning, and here turns the loss into a gain. Ours is right.
    bars = hand_made(CALM, CALM, (100, 101, 94, 96), (96, 106, 96, 104), CALM)
    signals = signals_at(bars, [1], 1.0, limit=98.0, stop=95.0, target=105.0)
    assert exits(our_trades(bars, signals, FREE)) == [(2, 95.0)]
    with pytest.warns(UserWarning, match="would execute in the same bar"):
        assert exits(their_trades(bars, signals)) == [(3, 105.0)]


def test_a_limit_order_expires():
    # backtesting.py's orders wait until they are cancelled. A signal of ours says for how many bars it is meant.
    bars = hand_made(CALM, CALM, CALM, CALM, (100, 101, 96, 97), (97, 106, 97, 104), CALM)
    signals = signals_at(bars, [1], 1.0, limit=98.0, stop=90.0, target=105.0, expiry=2)
    assert len(our_trades(bars, signals, FREE)) == 0
    assert exits(their_trades(bars, signals)) == [(5, 105.0)]
