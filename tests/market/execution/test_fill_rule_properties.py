"""Laws of the fill rule that hold on any bars, for any order, any policy and any costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import PRICES, Bars
from tradesieve.market.execution.records import EXIT_REASONS
from tradesieve.market.instruments import COSTS, Instrument
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.backtest.simulator import InstanceState, close_out, run_signals
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Policy

FREE = Instrument("X", maker_fee=0.0, taker_fee=0.0, half_spread=0.0, slippage=0.0)
RATES = tuple(name for name in COSTS if name != "tick")
MIRROR = 256.0
MINUTE, FIVE_MINUTES = parse_timeframe("1m"), parse_timeframe("5m")
SIGNAL_PRICES = ("limit", "trigger", "stop", "target", "partial_target")
EVENTS = (
    "decision_time",
    "entry_time",
    "exit_time",
    "side",
    "stake",
    "bars_held",
    "n_entries",
    "n_exits",
    "exit_reason",
)
RETURNS = ("gross_return", "cost", "net_return", "r_multiple", "mae", "mfe")

# What each kind of entry and exit asks for; the rest of a signal is drawn as well.
ENTRIES = ("market", "limit", "trigger")
EXITS = ("stop", "target", "partial", "trail", "break_even", "max_hold", "leave_at", "exit_wait")


@dataclass(frozen=True)
class Market:
    """Bars, the signals of one rule on them, and how the rule lives with them."""

    bars: Bars
    finer: Bars
    signals: Signals
    policy: Policy

    def play(self, instrument: Instrument, *, finer: bool = False) -> np.ndarray:
        """Live to the end of the data; return the TRADE records."""
        state, settled = InstanceState(), self.finer if finer else None
        closed = run_signals(self.bars, self.signals, instrument, state, policy=self.policy, finer=settled)
        return np.concatenate([closed, close_out(self.bars, instrument, state)])


# Prices on quarters below 256: their mirror image and their double are exact in binary.
quarters = st.integers(4 * 80, 4 * 120)
minutes = st.lists(st.tuples(quarters, quarters, quarters, quarters), min_size=5, max_size=60)


@st.composite
def markets(draw: st.DrawFn, *, entry: str | None = None, leaves: str | None = None, additions: bool = True) -> Market:
    """Draw a market; `entry` and `leaves` fix a kind that every signal has."""
    drawn = draw(minutes)
    path = np.array(drawn[: len(drawn) // 5 * 5]) / 4
    time = MINUTE.duration * np.arange(1, len(path) + 1)
    columns = (path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3], np.ones(len(path)))
    finer = Bars("X", MINUTE, time, *columns)
    bars = resample(finer, FIVE_MINUTES)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = len(bars)
    side = random.choice([-1.0, 1.0], n)
    kind = np.full(n, ENTRIES.index(entry)) if entry else random.integers(0, 3, n)
    price = random.integers(4 * 80, 4 * 120, n) / 4
    limit, trigger = np.where(kind == 1, price, np.nan), np.where(kind == 2, price, np.nan)
    stop = price - side * random.integers(1, 48, n) / 4
    target = price + side * random.integers(16, 64, n) / 4

    def asked(name: str) -> np.ndarray:
        return random.random(n) < (1.0 if leaves == name else 0.4)

    partial = side[:, np.newaxis] * price[:, np.newaxis] + np.cumsum(random.integers(1, 6, (n, 3)), axis=1) / 4
    n_partials = np.where(asked("partial"), random.integers(1, 4, n), 0)
    absent = np.arange(3) >= n_partials[:, np.newaxis]
    signals = make_signals(
        bars.close_time,
        side,
        limit=limit,
        trigger=trigger,
        stop=np.where(asked("stop"), stop, np.nan),
        target=np.where(asked("target"), target, np.nan),
        partial_target=np.where(absent, np.nan, side[:, np.newaxis] * partial),
        partial_share=np.where(absent, np.nan, random.choice([0.125, 0.25], (n, 3))),
        trail=np.where(asked("trail"), random.integers(1, 48, n) / 4, np.nan),
        break_even=np.where(asked("break_even"), random.integers(1, 24, n) / 4, np.nan),
        max_hold=np.where(asked("max_hold") | (leaves == "exit_wait"), random.integers(1, 6, n), 0),
        leave_at=np.where(asked("leave_at"), bars.close_time + FIVE_MINUTES.duration * random.integers(1, 5, n), 0),
        exit_wait=np.where(asked("exit_wait"), random.integers(1, 4, n), 0),
        expiry=random.integers(1, 4, n),
        stake=2.0 ** random.integers(-2, 2, n),
    )
    policy = Policy(
        exits_on_opposite=draw(st.booleans()),
        cooldown=draw(st.sampled_from([0, 0, 2])),
        max_entries=draw(st.sampled_from([1, 3])) if additions else 1,
    )
    return Market(bars, finer, signals, policy)


rates = st.floats(0.0, 0.05)
instruments = st.builds(
    Instrument, st.just("X"), maker_fee=rates, taker_fee=rates, half_spread=rates, slippage=rates,
    slippage_range=rates, long_carry=rates, short_carry=rates,
    tick=st.sampled_from([0.25, 0.1]), slippage_ticks=st.floats(0.0, 3.0),
)  # fmt: skip
any_kind = st.one_of(
    [markets()] + [markets(entry=entry) for entry in ENTRIES] + [markets(leaves=leaves) for leaves in EXITS]
)
law = settings(max_examples=150, deadline=None)


def assert_same_events(first: np.ndarray, second: np.ndarray) -> None:
    """Prices aside, the same happened."""
    assert len(first) == len(second)
    for name in EVENTS:
        assert first[name].tolist() == second[name].tolist(), name


@law
@given(any_kind, instruments, st.booleans())
def test_costs_never_help_and_change_nothing_but_money(market, instrument, finer):
    free = market.play(replace(FREE, tick=instrument.tick), finer=finer)
    paid = market.play(instrument, finer=finer)
    assert_same_events(free, paid)
    assert (paid["cost"] >= -1e-12).all()
    np.testing.assert_allclose(paid["net_return"], paid["gross_return"] - paid["cost"], rtol=0, atol=1e-12)
    assert (paid["net_return"] <= free["net_return"] + 1e-12).all()
    assert paid["gross_return"].tolist() == free["gross_return"].tolist()


@pytest.mark.parametrize("name", RATES)
@settings(max_examples=60, deadline=None)
@given(any_kind, instruments, st.floats(0.0, 0.05))
def test_more_of_each_cost_never_helps_more(name, market, instrument, more):
    dearer = replace(instrument, **{name: getattr(instrument, name) + more * (40 if name == "slippage_ticks" else 1)})
    less, most = market.play(instrument), market.play(dearer)
    assert_same_events(less, most)
    assert (most["net_return"] <= less["net_return"] + 1e-12).all()
    assert (most["cost"] >= less["cost"] - 1e-12).all()
    assert most["gross_return"].tolist() == less["gross_return"].tolist()


@pytest.mark.parametrize("name", RATES)
def test_each_cost_costs(name):
    # The alarm of the laws above: a cost that nobody reads would obey them all.
    time = FIVE_MINUTES.duration * np.arange(1, 5)
    bars = Bars("X", FIVE_MINUTES, time, *(np.full(4, price) for price in (100.0, 101.0, 99.0, 100.0)), np.ones(4))
    side = -1.0 if name == "short_carry" else 1.0
    signals = make_signals(time[:1], side, limit=100.0, max_hold=1, exit_wait=0)
    market = Market(bars, bars, signals, Policy())
    free, paid = (market.play(replace(FREE, tick=0.5, **{name: rate}))[0] for rate in (0.0, 0.01))
    assert paid["cost"] > free["cost"]


@law
@given(any_kind, instruments)
def test_twice_the_price_is_the_same_return(market, instrument):
    # A tick is a price too. Powers of two are exact, so not one bit may differ.
    doubled_signals = replace(
        market.signals, **{name: 2 * getattr(market.signals, name) for name in (*SIGNAL_PRICES, "trail", "break_even")}
    )
    bars, finer = (
        replace(each, **{name: 2 * getattr(each, name) for name in PRICES}) for each in (market.bars, market.finer)
    )
    single = market.play(instrument, finer=True)
    doubled = Market(bars, finer, doubled_signals, market.policy).play(
        replace(instrument, tick=2 * instrument.tick), finer=True
    )
    assert_same_events(single, doubled)
    for name in RETURNS:
        np.testing.assert_array_equal(single[name], doubled[name])


@law
@given(st.one_of([markets(additions=False, entry=entry, leaves=leaves) for entry in ENTRIES for leaves in EXITS]))
def test_mirrored_prices_swap_long_and_short(market):
    # Prices are turned upside down around 128: a move of so many quarters stays one, but from another entry price. So
    # events are equal and prices mirrored, and returns are equal times the entry price. Without additions: their
    # quantity is in proportion to stake / price, which the mirror changes. Partial shares are powers of two.
    def turn(bars: Bars) -> Bars:
        open_, high, low, close = (MIRROR - getattr(bars, name) for name in PRICES)
        return replace(bars, open=open_, high=low, low=high, close=close)

    flipped = {name: MIRROR - getattr(market.signals, name) for name in SIGNAL_PRICES}
    signals = replace(market.signals, side=-market.signals.side, **flipped)
    for finer in (False, True):
        plain = market.play(FREE, finer=finer)
        turned = Market(turn(market.bars), turn(market.finer), signals, market.policy).play(FREE, finer=finer)
        turned["side"] *= -1
        assert_same_events(plain, turned)
        for name in ("entry_price", "exit_price"):
            np.testing.assert_allclose(turned[name], MIRROR - plain[name], rtol=0, atol=1e-10)
        for name in ("gross_return", "mae", "mfe"):
            moves = [trades[name] * trades["entry_price"] for trades in (plain, turned)]
            np.testing.assert_allclose(*moves, rtol=0, atol=1e-10)


@law
@given(any_kind)
def test_fills_lie_within_their_bars(market):
    for trade in market.play(FREE):
        own = market.bars.between(int(trade["entry_time"]) - 1, int(trade["exit_time"]))
        for price, fills, bar in (
            (trade["entry_price"], trade["n_entries"], own[:1]),
            (trade["exit_price"], trade["n_exits"], own[-1:]),
        ):
            within = bar if fills == 1 else own
            assert within.low.min() - 1e-9 <= price <= within.high.max() + 1e-9
        assert trade["decision_time"] < trade["entry_time"] <= trade["exit_time"]
        assert trade["mae"] <= 0.0 <= trade["mfe"]
        assert trade["mae"] - 1e-12 <= trade["gross_return"] <= trade["mfe"] + 1e-12
        assert 1 <= trade["n_entries"] <= market.policy.max_entries
        assert 1 <= trade["n_exits"] <= 4


@law
@given(any_kind)
def test_orders_fill_at_their_price_or_worse_as_their_kind_says(market):
    for trade in market.play(FREE):
        row = market.signals.at(int(trade["decision_time"]))
        side, bar = trade["side"], market.bars.between(int(trade["exit_time"]) - 1, int(trade["exit_time"]))
        low, high = bar.low[0], bar.high[0]
        entry, leave, reason = trade["entry_price"], trade["exit_price"], EXIT_REASONS[int(trade["exit_reason"])]
        limit, trigger, stop, target = (getattr(market.signals, name)[row] for name in SIGNAL_PRICES[:4])
        if trade["n_entries"] == 1:
            assert not side * (entry - limit) > 0.0, "a limit order fills at its price or better"
            assert not side * (entry - trigger) < 0.0, "a trigger order fills at its price or worse"
        if trade["n_exits"] == 1:
            assert reason != "stop" or side * (leave - stop) <= 0.0, "a stop never fills better than its price"
            assert reason != "target" or side * (leave - target) >= 0.0, "a target never fills worse"
        if low <= stop <= high and low <= target <= high:
            assert reason != "target", "a bar that touches stop and target is a loss"
        if reason == "session_end":
            assert trade["exit_time"] >= market.signals.leave_at[row] > 0
        if market.signals.leave_at[row]:
            assert trade["exit_time"] <= market.signals.leave_at[row], "no bar is missing here"


@law
@given(any_kind, st.integers(1, 11))
def test_what_has_closed_does_not_change_when_more_bars_come(market, cut):
    known = market.signals.decision_time <= market.bars.close_time[min(cut, len(market.bars)) - 1]
    signals = Signals(**{name: getattr(market.signals, name)[known] for name in Signals.__dataclass_fields__})
    short = replace(market, bars=market.bars[:cut], signals=signals).play(FREE)
    short = short[short["exit_reason"] != 6]
    assert market.play(FREE)[: len(short)].tobytes() == short.tobytes()


def reach(market: Market, trade: np.void, time: int) -> int:
    """Count what a bar reaches after its open, of a trade: its entry, its stop, its targets and where it waits.

    Taken generously: a stop that moves, or waits at a close, counts as reached wherever it may have stood.
    """
    signals, row = market.signals, market.signals.at(int(trade["decision_time"]))
    bar = market.bars.between(time - 1, time)
    low, high, open_ = bar.low[0], bar.high[0], bar.open[0]
    entered_after_open = trade["entry_time"] == time and trade["entry_price"] != open_
    prices = [signals.stop[row], signals.target[row], *signals.partial_target[row]]
    moves = [not math.isnan(getattr(signals, name)[row]) for name in ("trail", "break_even")]
    waits = signals.exit_wait[row] > 0
    return int(entered_after_open) + sum(bool(low <= price <= high) for price in prices) + sum(moves) + int(waits)


@law
@given(st.one_of([markets(additions=False, entry=entry, leaves=leaves) for entry in ENTRIES for leaves in EXITS[:3]]))
def test_finer_bars_change_only_what_was_ambiguous(market):
    coarse, fine = market.play(FREE), market.play(FREE, finer=True)
    for first, second in zip(coarse, fine, strict=False):
        if first.tobytes() == second.tobytes():
            continue
        # The first difference; what follows it is another history.
        assert first["decision_time"] == second["decision_time"]
        time = int(min(first["exit_time"], second["exit_time"]))
        times = market.bars.between(int(first["entry_time"]) - 1, time).close_time
        assert max(reach(market, first, int(each)) for each in times) >= 2
        return


@law
@given(any_kind)
def test_finer_bars_that_do_not_make_up_the_bar_settle_nothing(market):
    other = replace(market.finer, high=market.finer.high + 0.25)
    kept = np.arange(len(market.finer)) % 5 != 2
    columns = ("close_time", *PRICES, "volume")
    holes = Bars("X", MINUTE, *(getattr(market.finer, name)[kept] for name in columns))
    for finer in (other, holes):
        assert replace(market, finer=finer).play(FREE, finer=True).tobytes() == market.play(FREE).tobytes()
