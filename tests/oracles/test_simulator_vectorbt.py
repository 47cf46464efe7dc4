"""The simulator against vectorbt's `Portfolio.from_signals`: the same trades, and every difference with its reason.

vectorbt looks at a stop from the bar after the fill on. To let it see the bar of the entry as well, each bar is told as
two rows: its open, at which orders fill and where nothing else is known, and then the whole bar, in which stops and
targets are met. vectorbt says stops and targets as fractions of the entry price and fills both in one way, so it runs
twice: stops are compared with the run in which they are market orders, targets with the run in which they are limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.oracles.simulator_cases import (
    COSTS,
    REAL_FILES,
    assert_close,
    chosen,
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

MARKET, LIMIT = "stopmarket", "stoplimit"
FREE = Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0)
COSTLY = Instrument("X", **COSTS)
OPPOSITE = pytest.mark.parametrize("opposite", [False, True], ids=["one_at_a_time", "opposite_signals_reverse"])


def in_fractions(bars: Bars, signals: Signals) -> tuple[Signals, np.ndarray, np.ndarray]:
    """Keep the signals that vectorbt can be told, their prices rounded as vectorbt rounds them.

    Returns
    -------
    signals : with a bar after them that opens between their stop and their target.
    stop, target : distances from that open, as fractions of it.
    """
    rows = rows_of_signals(bars, signals)
    signals = chosen(signals, rows < len(bars) - 1)
    opens = bars.open[rows_of_signals(bars, signals) + 1]
    between = ~(signals.side * (opens - signals.stop) <= 0) & ~(signals.side * (signals.target - opens) <= 0)
    signals, opens = chosen(signals, between), opens[between]
    stop = signals.side * (1.0 - signals.stop / opens)
    target = signals.side * (signals.target / opens - 1.0)
    told = replace(signals, stop=opens * (1.0 - signals.side * stop), target=opens * (1.0 + signals.side * target))
    return told, stop, target


def from_signals(open_: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, **options: Any) -> Any:
    """Call vectorbt with orders at the open. Every call has arrays of the same kinds: it compiles anew for others."""
    import vectorbt

    n = len(close)
    price = options.pop("price", open_)
    defaults: dict[str, Any] = {"fees": 0.0, "sl_stop": np.nan, "tp_stop": np.nan, "sl_trail": False}
    columns = {name: np.full(n, options.pop(name, value)) for name, value in defaults.items()}
    sides = {name: np.asarray(options.pop(name, np.zeros(n, bool))) for name in ("entries", "short_entries")}
    settings = {
        "stop_entry_price": "price",
        "stop_exit_price": MARKET,
        "upon_stop_exit": "close",
        "upon_opposite_entry": "ignore",
        "slippage": 0.0,
    }
    return vectorbt.Portfolio.from_signals(
        close, price=price, open=open_, high=high, low=low, size=1.0, init_cash=1e12,
        **sides, **columns, **(settings | options),
    )  # fmt: skip


def trades_of(portfolio: Any) -> pd.DataFrame:
    """Return vectorbt's trades under our names; `exit_bar` and `exit_price` of an open one are the last bar's."""
    records = portfolio.trades.records.sort_values("entry_idx")
    return pd.DataFrame(
        {
            "entry_bar": records["entry_idx"].to_numpy(),
            "exit_bar": records["exit_idx"].to_numpy(),
            "side": np.where(records["direction"] == 0, 1, -1),
            "entry_price": records["entry_price"].to_numpy(),
            "exit_price": records["exit_price"].to_numpy(),
            "net_return": records["return"].to_numpy(),
            "closed": (records["status"] == 1).to_numpy(),
        }
    )


def two_rows_a_bar(
    bars: Bars, signals: Signals, stop: np.ndarray, target: np.ndarray, instrument: Instrument, **options: Any
) -> pd.DataFrame:
    """Simulate with vectorbt; a stop or target pays the maker fee when it is a limit, and otherwise the taker fee."""
    n = len(bars)
    entry_rows = 2 * (rows_of_signals(bars, signals) + 1)

    def whole_bars(column: np.ndarray) -> np.ndarray:
        return np.column_stack([np.full(n, np.nan), column]).ravel()

    def at_entries(values: np.ndarray | bool, where: np.ndarray, empty: float | bool) -> np.ndarray:
        column = np.full(2 * n, empty)
        column[where] = values
        return column

    fee = instrument.maker_fee if options.get("stop_exit_price") == LIMIT else instrument.taker_fee
    portfolio = from_signals(
        whole_bars(bars.open), whole_bars(bars.high), whole_bars(bars.low), whole_bars(bars.close),
        price=np.repeat(bars.open, 2),
        entries=at_entries(True, entry_rows[signals.side > 0], False),
        short_entries=at_entries(True, entry_rows[signals.side < 0], False),
        sl_stop=at_entries(stop, entry_rows, np.nan),
        tp_stop=at_entries(target, entry_rows, np.nan),
        fees=np.tile([instrument.taker_fee, fee], n),
        slippage=instrument.half_spread + instrument.slippage,
        **options,
    )  # fmt: skip
    trades = trades_of(portfolio)
    return trades.assign(entry_bar=trades.entry_bar // 2, exit_bar=trades.exit_bar // 2)


def assert_same_trades(bars: Bars, signals: Signals, instrument: Instrument, *, opposite: bool = False) -> pd.DataFrame:
    """Simulate with both and compare every closed trade; return ours."""
    signals, stop, target = in_fractions(bars, signals)
    ours = our_trades(bars, signals, instrument, opposite=opposite)
    options = {"upon_opposite_entry": "reverse" if opposite else "ignore"}
    theirs = {
        way: two_rows_a_bar(bars, signals, stop, target, instrument, stop_exit_price=way, **options)
        for way in (MARKET, LIMIT)
    }
    left_open = ours.exit_reason == "end_of_data"
    for way, rows in ((MARKET, ours.exit_reason != "target"), (LIMIT, ours.exit_reason.isin(["target"]))):
        found = theirs[way]
        assert len(found) == len(ours)
        for name in ("entry_bar", "side"):
            assert found[name].tolist() == ours[name].tolist(), name
        assert found["closed"].tolist() == (~left_open).tolist()
        assert found["exit_bar"].tolist() == ours["exit_bar"].tolist()
        assert_close(found["entry_price"], ours["entry_price"], what="entry_price")
        # A reversal is one order for both of its trades; it leaves at market in either run.
        rows = rows & ~left_open
        for name in ("exit_price", "net_return"):
            assert_close(found[name][rows], ours[name][rows], what=name)
    return ours


def assert_wide(trades: pd.DataFrame, *, least: int) -> None:
    """Refuse a comparison that met no shorts, no targets, or no exits in the bar of the entry."""
    assert len(trades) >= least
    assert set(trades.side) == {-1, 1}
    assert {"stop", "target"} <= set(trades.exit_reason)
    assert (trades.entry_bar == trades.exit_bar).any()


def signals_for(bars: Bars, opposite: bool) -> Signals:
    # Without a stop a position might never end, unless an opposite signal ends it.
    return random_signals(bars, missing=0.3 if opposite else 0.0)


@OPPOSITE
@pytest.mark.parametrize("name", REAL_FILES)
def test_the_same_trades_on_real_bars(name, opposite, shared_data):
    bars = real_case(shared_data, name, n_bars=20_000)
    assert_wide(assert_same_trades(bars, signals_for(bars, opposite), COSTLY, opposite=opposite), least=100)


@OPPOSITE
@pytest.mark.parametrize("seed", range(4))
def test_the_same_trades_on_synthetic_bars(seed, opposite):
    bars = synthetic_case(seed, edge=0.25 * (seed % 2))
    trades = assert_same_trades(bars, signals_for(bars, opposite), COSTLY, opposite=opposite)
    assert_wide(trades, least=800)
    assert ("opposite" in set(trades.exit_reason)) == opposite


@OPPOSITE
def test_waiting_for_trades_makes_the_trades_of_the_bars_with_trades(opposite):
    bars, whole = with_untraded_bars(synthetic_case(3, n_days=20), seed=5)
    signals, stop, target = in_fractions(bars, signals_for(bars, opposite))
    assert_wide(assert_same_trades(bars, signals, COSTLY, opposite=opposite), least=300)
    options = {"upon_opposite_entry": "reverse" if opposite else "ignore", "stop_exit_price": MARKET}
    theirs = two_rows_a_bar(bars, signals, stop, target, COSTLY, **options)
    ours = our_trades(whole, signals, replace(COSTLY, fill_without_trades=False), opposite=opposite)
    for name in ("entry", "exit"):
        assert bars.close_time[theirs[f"{name}_bar"]].tolist() == ours[f"{name}_time"].tolist()
    assert_close(theirs["entry_price"], ours["entry_price"], what="entry_price")
    assert (ours["n_untraded_fills"] == 0).all()
    filled = our_trades(whole, signals, COSTLY, opposite=opposite)
    assert (filled["n_untraded_fills"] > 0).any(), "some fill where nothing trades, if they do not wait"


# The differences. Each is met on bars made by hand, with vectorbt's own layout: one row a bar, orders at the open.

CALM = (100.0, 101.0, 99.0, 100.0)
SLIP = 0.001
SLIPPERY = Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=SLIP, slippage=0.0)


def ours_after_first(bars: Bars, side: float, *, instrument: Instrument = FREE, **prices: float) -> list[tuple]:
    """Simulate one signal at the first close; return exit bar, exit price and reason of each trade."""
    trades = our_trades(bars, signals_at(bars, [0], side, **prices), instrument)
    return list(zip(trades.exit_bar, trades.exit_price.round(9), trades.exit_reason, strict=True))


def theirs_after_first(bars: Bars, side: float, **options: Any) -> list[tuple]:
    """Enter at the second open; return exit bar, exit price and whether it is closed of each trade."""
    at_second = np.arange(len(bars)) == 1
    entries = {"entries" if side > 0 else "short_entries": at_second}
    trades = trades_of(from_signals(bars.open, bars.high, bars.low, bars.close, **entries, **options))
    return list(zip(trades.exit_bar, trades.exit_price.round(9), trades.closed, strict=True))


def mirrored(bars: Bars) -> Bars:
    """Turn bars upside down around 100: what rose falls by as much."""
    return replace(bars, open=200 - bars.open, high=200 - bars.low, low=200 - bars.high, close=200 - bars.close)


def both_sides(check: Callable[[Bars, float, Callable[[float], float]], None], *rows: tuple) -> None:
    """Check a long on the bars, then a short on the same bars upside down; prices turn with them."""
    bars = hand_made(*rows)
    check(bars, 1.0, lambda price: price)
    check(mirrored(bars), -1.0, lambda price: 200.0 - price)


def test_the_bar_of_the_entry_is_lived_through_with_its_stop():
    # vectorbt looks at stops from the next bar on. Ours is right: what was bought at the open was held while it fell.
    def check(bars, side, price):
        assert ours_after_first(bars, side, stop=price(95), target=price(103)) == [(1, price(95), "stop")]
        assert theirs_after_first(bars, side, sl_stop=0.05, tp_stop=0.03) == [(2, price(103), True)]

    both_sides(check, CALM, (100, 101, 94, 96), (96, 104, 95.5, 103), CALM)


def test_the_bar_of_the_entry_is_lived_through_with_its_target():
    def check(bars, side, price):
        assert ours_after_first(bars, side, stop=price(95), target=price(103)) == [(1, price(103), "target")]
        assert theirs_after_first(bars, side, sl_stop=0.05, tp_stop=0.03) == [(2, price(95), True)]

    both_sides(check, CALM, (100, 104, 99, 102), (102, 102, 94, 96), CALM)


def test_a_stop_stands_where_it_was_decided_not_off_the_close_of_the_entry_bar():
    # vectorbt by default measures the stop from the close of the bar whose open it bought. Ours is right: that close is
    # not known when the stop is placed. `stop_entry_price="price"`, as everywhere above, says what is meant.
    def check(bars, side, price):
        assert ours_after_first(bars, side, stop=price(95)) == [(3, price(100), "end_of_data")]
        assert theirs_after_first(bars, side, sl_stop=0.05) == [(3, price(100), False)]

    both_sides(check, CALM, (100, 104, 100, 104), (104, 104, 98, 99), CALM)
    bars = hand_made(CALM, (100, 104, 100, 104), (104, 104, 98, 99), CALM)
    assert theirs_after_first(bars, 1.0, sl_stop=0.05, stop_entry_price="close") == [(2, 98.8, True)]


def test_slippage_moves_the_stop_that_vectorbt_measures_from_the_fill():
    # The fill price holds the slippage: 5 % below 100.1. Ours is right for a stop that was decided as a price.
    bars = hand_made(CALM, CALM, (100, 100, 95.05, 96), CALM)
    prices = {"sl_stop": 0.05, "slippage": SLIP, "stop_exit_price": LIMIT}
    assert theirs_after_first(bars, 1.0, **prices, stop_entry_price="fillprice") == [(2, 95.095, True)]
    assert theirs_after_first(bars, 1.0, **prices) == [(3, 100.0, False)]
    assert ours_after_first(bars, 1.0, stop=95.0, instrument=SLIPPERY)[0][2] == "end_of_data"


@pytest.mark.parametrize(
    ("way", "stopped", "targeted"),
    [
        (LIMIT, 95.0, 105.0),  # the default: a stop that never slips
        (MARKET, 95.0 * (1 - SLIP), 105.0 * (1 - SLIP)),  # a target that slips, though it is a resting order
        ("price", 98.0 * (1 - SLIP), 99.0 * (1 - SLIP)),  # the open, which was over when the price was touched
        ("close", 96.0 * (1 - SLIP), 104.0 * (1 - SLIP)),  # the close, though the order was filled before
    ],
)
def test_a_stop_pays_slippage_and_a_target_does_not(way, stopped, targeted):
    # vectorbt fills both in one way. Ours is right: a stop becomes a market order, a target rests in the book.
    falls, rises = (hand_made(CALM, CALM, bar, CALM) for bar in ((98, 98, 94, 96), (99, 106, 99, 104)))
    options = {"sl_stop": 0.05, "tp_stop": 0.05, "slippage": SLIP, "stop_exit_price": way}
    assert theirs_after_first(falls, 1.0, **options) == [(2, round(stopped, 9), True)]
    assert theirs_after_first(rises, 1.0, **options) == [(2, round(targeted, 9), True)]
    prices = {"stop": 95.0, "target": 105.0, "instrument": SLIPPERY}
    assert ours_after_first(falls, 1.0, **prices) == [(2, round(95.0 * (1 - SLIP), 9), "stop")]
    assert ours_after_first(rises, 1.0, **prices) == [(2, 105.0, "target")]


def test_a_bar_that_touches_both_is_a_loss_in_both_engines():
    def check(bars, side, price):
        assert ours_after_first(bars, side, stop=price(95), target=price(105)) == [(2, price(95), "stop")]
        assert theirs_after_first(bars, side, sl_stop=0.05, tp_stop=0.05) == [(2, price(95), True)]

    both_sides(check, CALM, CALM, (100, 106, 94, 100), CALM)
    both_sides(check, CALM, CALM, (106, 107, 94, 100), CALM)  # even where it opens beyond the target


def test_a_known_open_beyond_the_target_would_settle_the_order_of_events():
    # Told the open as a row of its own, vectorbt sells there, as a resting order would have. Ours does not use the open
    # to settle the order of a bar's events: by rule such a bar is a loss. Ours is the pessimist here, by choice.
    opens_first = hand_made(CALM, CALM, (106, 106, 106, 106), (106, 107, 94, 100), CALM)
    assert theirs_after_first(opens_first, 1.0, sl_stop=0.05, tp_stop=0.05) == [(2, 106.0, True)]
    whole = hand_made(CALM, CALM, (106, 107, 94, 100), CALM)
    assert ours_after_first(whole, 1.0, stop=95.0, target=105.0) == [(2, 95.0, "stop")]


def test_a_gap_fills_at_the_open_in_both_engines():
    def stopped(bars, side, price):
        assert ours_after_first(bars, side, stop=price(95), target=price(105)) == [(2, price(90), "stop")]
        assert theirs_after_first(bars, side, sl_stop=0.05, tp_stop=0.05) == [(2, price(90), True)]

    def targeted(bars, side, price):
        assert ours_after_first(bars, side, stop=price(95), target=price(105)) == [(2, price(110), "target")]
        assert theirs_after_first(bars, side, sl_stop=0.05, tp_stop=0.05) == [(2, price(110), True)]

    both_sides(stopped, CALM, CALM, (90, 97, 89, 96), CALM)
    both_sides(targeted, CALM, CALM, (110, 111, 104, 106), CALM)


def test_an_entry_beyond_its_stop_is_stopped_at_once():
    # vectorbt refuses a stop above the price of a long. Ours is right: the gap happened, and cost both fees.
    bars = hand_made(CALM, (94, 97, 93, 96), CALM)
    assert ours_after_first(bars, 1.0, stop=95.0) == [(1, 94.0, "stop")]
    with pytest.raises(ValueError, match="Stop value must be 0 or greater"):
        theirs_after_first(bars, 1.0, sl_stop=1.0 - 95.0 / 94.0)


def test_the_end_of_the_data_is_an_exit_that_pays():
    # vectorbt leaves the trade open, worth the last close before any cost. Ours leaves at that close, pays for it and
    # says so; the trade is kept out of training. Right is what is flagged: neither is an exit the rule asked for.
    bars = hand_made(CALM, CALM, (100, 102, 99, 102))
    instrument = Instrument("X", maker_fee=0.0, taker_fee=0.001, half_spread=SLIP, slippage=0.0)
    ours = our_trades(bars, signals_at(bars, [0], 1.0, stop=50.0), instrument)
    at_second = np.arange(3) == 1
    theirs = trades_of(
        from_signals(bars.open, bars.high, bars.low, bars.close, entries=at_second, fees=0.001, slippage=SLIP)
    )
    entry = 100.0 * (1 + SLIP)
    assert_close(
        ours.net_return, [102 * (1 - SLIP) / entry - 1 - 0.001 - 0.001 * 102 * (1 - SLIP) / entry], what="ours"
    )
    assert_close(theirs.net_return, [102 / entry - 1 - 0.001], what="theirs")
    assert ours.exit_reason.tolist() == ["end_of_data"]
    assert theirs.closed.tolist() == [False]


def test_a_trailing_stop_is_a_distance_not_a_share_of_the_peak():
    # 10 below the peak of 120, or 10 % below it. Both look at the peak as it was at the close before. A wish in quote
    # currency is what a rule of ours states; neither is wrong.
    bars = hand_made(CALM, CALM, (100, 120, 100, 119), (119, 119, 107, 108), CALM)
    assert ours_after_first(bars, 1.0, trail=10.0) == [(3, 110.0, "trailing_stop")]
    assert theirs_after_first(bars, 1.0, sl_stop=0.1, sl_trail=True) == [(3, 108.0, True)]
    # A peak and a fall in one bar: neither engine takes the bar's own peak.
    sharp = hand_made(CALM, CALM, (105, 120, 104, 105), CALM)
    assert ours_after_first(sharp, 1.0, trail=10.0) == [(3, 100.0, "trailing_stop")]
    assert theirs_after_first(sharp, 1.0, sl_stop=0.1, sl_trail=True) == [(3, 100.0, True)]


def test_the_peak_of_the_entry_bar_counts_for_the_trailing_stop():
    # vectorbt does not look at the bar of the entry at all. Ours is right: the peak of 120 was lived through.
    bars = hand_made(CALM, (100, 120, 99, 119), (119, 119, 109, 118), CALM)
    assert ours_after_first(bars, 1.0, trail=10.0) == [(2, 110.0, "trailing_stop")]
    assert theirs_after_first(bars, 1.0, sl_stop=10 / 120, sl_trail=True)[0][0] == 3


def test_a_gain_however_small_is_a_gain():
    # vectorbt takes values that differ by less than 1e-9 of themselves for equal, before it subtracts fees. Ours keeps
    # every digit, so the returns of such trades differ by up to that much.
    target = 100 * (1 + 5e-10)
    bars = hand_made(CALM, (100, 100, 99, 100), (100, 101, 99, 100), CALM)
    ours = our_trades(bars, signals_at(bars, [0], 1.0, target=target), FREE)
    theirs = trades_of(
        from_signals(bars.open, bars.high, bars.low, bars.close, entries=np.arange(4) == 1, tp_stop=target / 100 - 1)
    )
    assert theirs.exit_price.tolist() == ours.exit_price.tolist()
    assert ours.net_return.tolist() == pytest.approx([5e-10], rel=1e-6)
    assert theirs.net_return.tolist() == [0.0]


def test_a_stop_only_closes():
    # vectorbt may turn a stop into an entry the other way. Ours has no such order: an entry is a signal of its own.
    bars = hand_made(CALM, CALM, (100, 100, 94, 96), CALM)
    assert ours_after_first(bars, 1.0, stop=95.0) == [(2, 95.0, "stop")]
    stop = np.array([np.nan, 0.05, np.nan, np.nan])
    assert theirs_after_first(bars, 1.0, sl_stop=stop, upon_stop_exit="reverse") == [(2, 95.0, True), (3, 100.0, False)]


def test_an_opposite_signal_is_refused_unless_the_rule_leaves_on_it():
    # vectorbt's default is to reverse. A rule of ours declares which of the two it means.
    bars = hand_made(CALM, CALM, CALM, (102, 103, 101, 102), CALM)
    rows = np.arange(len(bars))
    signals = signals_at(bars, [0, 2], np.array([1.0, -1.0]))
    for opposite, mode, exits in ((False, "ignore", [4]), (True, "reverse", [3, 4]), (True, None, [3, 4])):
        sides = {"entries": rows == 1, "short_entries": rows == 3}
        found = trades_of(from_signals(bars.open, bars.high, bars.low, bars.close, **sides, upon_opposite_entry=mode))
        assert our_trades(bars, signals, FREE, opposite=opposite).exit_bar.tolist() == exits
        assert found.exit_bar.tolist() == exits
