"""The paper broker meets bar by bar what the simulator meets in one pass: the same trades, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.records import EXIT_REASONS
from tradesieve.market.instruments import Instrument
from tradesieve.market.resampling import resample
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.strategy import Strategy
from tradesieve.strategies.trades import TRADE_COLUMNS, pool_trades
from tradesieve.trading.brokers.paper import PaperBroker

INSTRUMENTS = {
    "usual": Instrument("BTC-USD"),
    "free": Instrument("BTC-USD", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0),
    "coarse": Instrument(
        "BTC-USD",
        maker_fee=0.001,
        taker_fee=0.002,
        half_spread=0.0005,
        slippage=0.001,
        tick=0.05,
        slippage_ticks=2.0,
        slippage_range=0.1,
        long_carry=0.001,
        short_carry=0.0005,
    ),
}
RuleFactory = Callable[..., Strategy]


def live(
    strategy: Strategy, bars: Bars, instrument: Instrument, *, start: int = 0, finer: Bars | None = None
) -> tuple[PaperBroker, pd.DataFrame]:
    """Live through the bars from row `start` on, taking every order at a size that tells it apart."""
    broker = PaperBroker(strategy, instrument, str(bars.timeframe))
    broker.catch_up(bars[:start], finer=finer)
    signals = strategy.signals(bars)
    tables = []
    for row in range(start, len(bars)):
        end = int(bars.close_time[row])
        known = None if finer is None else finer.between(end - bars.timeframe.duration, end)
        closed = broker.advance(bars[row : row + 1], finer=known)
        tables += [closed] if len(closed) else []
        signal_row = signals.at(end)
        if signal_row is None:
            continue
        side = float(signals.side[signal_row])
        if broker.would_accept(side):
            assert not broker.would_add(side)
            number = len(broker.tickets)
            broker.place(signals, signal_row, size=float(number % 3), score=number / 1e6)
        elif broker.would_add(side):
            with pytest.raises(BadInput, match="is occupied and accepts no order"):
                broker.place(signals, signal_row, size=1.0, score=0.5)
            broker.add(signals, signal_row)
        else:
            with pytest.raises(BadInput, match="has no position that accepts an addition"):
                broker.add(signals, signal_row)
            with pytest.raises(BadInput, match="is occupied and accepts no order"):
                broker.place(signals, signal_row, size=1.0, score=0.5)
    return broker, pool_trades(tables) if tables else pool_trades([]).assign(size=0.0, score=0.0)


def researched(
    strategy: Strategy, bars: Bars, instrument: Instrument, *, start: int = 0, finer: Bars | None = None
) -> pd.DataFrame:
    """Give the trades of the simulator that were decided from row `start` on and closed."""
    trades = simulate(strategy, bars, instrument, finer=finer)
    kept = trades["exit_reason"] != "end_of_data"
    if start:
        kept &= trades["decision_time"] > bars.close_time[start - 1]
    return trades[kept].reset_index(drop=True)


def assert_equal_bits(mine: pd.DataFrame, theirs: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        mine[list(TRADE_COLUMNS)].reset_index(drop=True), theirs[list(TRADE_COLUMNS)], check_exact=True
    )


@pytest.mark.parametrize("terms", INSTRUMENTS)
@pytest.mark.parametrize("reverses", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_broker_equals_simulator(
    random_rule: RuleFactory, short_bars: Bars, seed: int, reverses: bool, terms: str
) -> None:
    strategy = random_rule(seed, reverses=reverses, rate=(0.1, 0.4, 0.9)[seed])
    expected = researched(strategy, short_bars, INSTRUMENTS[terms])
    assert len(expected) > 20
    broker, trades = live(strategy, short_bars, INSTRUMENTS[terms])
    assert_equal_bits(trades, expected)
    # Every trade carries the size and the score of its own ticket.
    ticket_of = {ticket.decision_time: ticket for ticket in broker.tickets}
    assert [ticket_of[time].size for time in trades["decision_time"]] == trades["size"].tolist()
    assert [ticket_of[time].score for time in trades["decision_time"]] == trades["score"].tolist()


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("start", [0, 3, 200])
def test_broker_equals_simulator_where_some_bars_are_without_trades(
    random_rule: RuleFactory, short_bars: Bars, start: int, waits: bool
) -> None:
    volume = np.where(np.random.default_rng(1).random(len(short_bars)) < 0.4, 0.0, short_bars.volume)
    volume[:5] = 0.0  # unknown, until a bar has one
    bars = replace(short_bars, volume=volume)
    strategy = random_rule(1, reverses=True, rate=0.4)
    instrument = replace(INSTRUMENTS["coarse"], fill_without_trades=not waits)
    expected = researched(strategy, bars, instrument, start=start)
    assert_equal_bits(live(strategy, bars, instrument, start=start)[1], expected)
    assert (expected["n_untraded_fills"] > 0).any() == (not waits)


def test_the_random_signals_leave_nothing_untested(random_rule: RuleFactory, short_bars: Bars) -> None:
    """The comparison above is worth as much as what happens in it."""
    tables, n_tickets = [], 0
    for seed in range(3):
        broker, trades = live(random_rule(seed, reverses=True, rate=0.5), short_bars, INSTRUMENTS["usual"])
        tables.append(trades)
        n_tickets += len(broker.tickets)
    trades = pd.concat(tables)
    assert set(trades["exit_reason"]) == set(EXIT_REASONS.values()) - {"end_of_data"}
    assert set(trades["side"]) == {1, -1}
    assert set(trades["n_entries"]) == {1, 2, 3}
    assert set(trades["n_exits"]) == {1, 2}
    assert n_tickets - len(trades) > 20, "limits that expire"
    assert (trades["entry_time"] - trades["decision_time"] > short_bars.timeframe.duration).any(), "limits that wait"
    assert max(trades.groupby("exit_time").size()) > 1
    alone = tables[0]
    assert (alone["exit_time"].value_counts() > 1).any(), "two trades of one instance that close within one bar"


@pytest.mark.parametrize("reverses", [False, True])
def test_broker_inherits_what_history_left_open(random_rule: RuleFactory, short_bars: Bars, reverses: bool) -> None:
    """Started at any bar, it meets the trades that are decided from then on, and none that were open before."""
    strategy, instrument = random_rule(11, reverses=reverses, rate=0.3), INSTRUMENTS["usual"]
    found = {"flat": 0, "position": 0, "order": 0, "exit_requested": 0}
    for start in range(1, 400, 5):
        bars = short_bars[: start + 60]
        broker = PaperBroker(strategy, instrument, "15m")
        broker.catch_up(short_bars[:start])
        position, order = broker._state.position[0], broker._state.order[0]
        found["flat"] += not (position["open"] or order["pending"])
        found["position"] += bool(position["open"])
        found["order"] += bool(order["pending"])
        found["exit_requested"] += bool(position["open"] and position["exit_requested"])
        _, trades = live(strategy, bars, instrument, start=start)
        assert_equal_bits(trades, researched(strategy, bars, instrument, start=start))
    assert min(found.values()) > 0, found


@pytest.mark.parametrize("start", [0, 200])
def test_broker_equals_simulator_on_finer_bars(random_rule: RuleFactory, start: int) -> None:
    finer = SyntheticMarket(n_days=6, timeframe=parse_timeframe("5m")).generate("BTC-USD")[0]
    bars = resample(finer, parse_timeframe("15m"))
    holes = np.arange(len(finer)) % 50 != 7  # some bars are not covered
    columns = {name: getattr(finer, name)[holes] for name in COLUMNS}
    finer = Bars(finer.symbol, finer.timeframe, **columns)
    strategy, instrument = random_rule(4, reverses=True, rate=0.5), INSTRUMENTS["coarse"]
    expected = researched(strategy, bars, instrument, start=start, finer=finer)
    _, trades = live(strategy, bars, instrument, start=start, finer=finer)
    assert_equal_bits(trades, expected)
    with pytest.raises(AssertionError):
        assert_equal_bits(trades, researched(strategy, bars, instrument, start=start))


def test_an_addition_takes_the_size_of_its_trade(random_rule: RuleFactory, short_bars: Bars) -> None:
    broker, trades = live(random_rule(1, reverses=True, rate=0.6), short_bars, INSTRUMENTS["usual"])
    ticket_of = {ticket.decision_time: ticket for ticket in broker.tickets}
    added = trades[trades["n_entries"] > 1]
    assert len(added) > 10
    for trade in added.itertuples():
        ticket = ticket_of[trade.decision_time]
        assert trade.size == ticket.size
        assert trade.stake > ticket.stake, "the stakes of all entries"


def test_without_history_the_instance_is_flat(random_rule: RuleFactory, short_bars: Bars) -> None:
    strategy = random_rule(3, reverses=False)
    broker = PaperBroker(strategy, INSTRUMENTS["usual"], "15m")
    broker.catch_up(short_bars[:300])
    broker.catch_up(short_bars[:0])
    assert broker.would_accept(1.0)
    assert broker.would_accept(-1.0)


def test_other_costs_are_seen(random_rule: RuleFactory, short_bars: Bars) -> None:
    """The alarm: a broker on other terms does not meet the trades of research."""
    strategy = random_rule(0, reverses=True)
    _, trades = live(strategy, short_bars, Instrument("BTC-USD", slippage=0.00006))
    with pytest.raises(AssertionError):
        assert_equal_bits(trades, researched(strategy, short_bars, INSTRUMENTS["usual"]))


def test_one_bar_at_a_time(random_rule: RuleFactory, short_bars: Bars) -> None:
    broker = PaperBroker(random_rule(0, reverses=False), INSTRUMENTS["usual"], "15m")
    for n in (0, 2):
        with pytest.raises(BadInput, match=f"one bar at a time, not {n}"):
            broker.advance(short_bars[:n])


def test_a_shadow_occupies_its_instance(random_rule: RuleFactory, short_bars: Bars) -> None:
    """Whatever the filter says, the trades that are met are the same."""
    strategy, instrument = random_rule(5, reverses=True, rate=0.4), INSTRUMENTS["usual"]
    taken = {}
    for size in (0.0, 1.0):
        broker = PaperBroker(strategy, instrument, "15m")
        broker.catch_up(short_bars[:0])
        signals, tables = strategy.signals(short_bars), []
        for row in range(len(short_bars)):
            closed = broker.advance(short_bars[row : row + 1])
            tables += [closed] if len(closed) else []
            signal_row = signals.at(int(short_bars.close_time[row]))
            if signal_row is not None and broker.would_add(float(signals.side[signal_row])):
                broker.add(signals, signal_row)
            elif signal_row is not None and broker.would_accept(float(signals.side[signal_row])):
                broker.place(signals, signal_row, size=size, score=0.5)
        taken[size] = pool_trades(tables)
    assert_equal_bits(taken[0.0], taken[1.0])
    assert np.all(taken[0.0]["size"] == 0.0)
