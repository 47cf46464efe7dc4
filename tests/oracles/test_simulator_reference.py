"""The simulator against a slow one, written from the docstring of `market.fills` with plain loops and no arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bars import Bars
from market.fills import CLOSED, EXIT_REASONS, close_out_nb, terms_of
from market.instruments import Instrument
from market.timeframes import parse_timeframe
from strategies.base import Policy, Strategy
from strategies.rules.opening_range_breakout import OpeningRangeBreakout
from strategies.rules.volatility_breakout import VolatilityBreakout
from strategies.signals import Signals, make_signals
from strategies.simulator import InstanceState, run_signals, simulate
from strategies.trades import TRADE_COLUMNS, check_trades

MINUTE = parse_timeframe("1m")


@dataclass
class Wish:
    """A signal that became an order."""

    decided: int
    side: int
    limit: float | None
    stop: float | None
    target: float | None
    trail: float | None
    max_hold: int
    bars_left: int
    stake: float


@dataclass
class Held:
    """An open position."""

    wish: Wish
    entered: int
    reference: float
    price: float
    fee: float
    bars_held: int
    best: float
    worst: float
    told_to_leave: str | None = None


class ReferenceSimulator:
    """One instance, bar by bar."""

    def __init__(self, instrument: Instrument, *, exits_on_opposite: bool) -> None:
        self.instrument = instrument
        self.exits_on_opposite = exits_on_opposite
        self.order: Wish | None = None
        self.held: Held | None = None
        self.trades: list[dict] = []

    def run(self, bars: list[tuple[int, float, float, float, float]], signals: dict[int, Wish]) -> list[dict]:
        for time, open_, high, low, close in bars:
            self.live_through(time, open_, high, low, close)
            if time in signals:
                self.offer(signals[time])
        if self.held is not None:
            self.leave(bars[-1][0], bars[-1][4], "end_of_data", resting=False)
        return self.trades

    def offer(self, wish: Wish) -> None:
        if self.order is not None:
            return
        if self.held is None:
            self.order = wish
        elif self.exits_on_opposite and self.held.told_to_leave is None and wish.side != self.held.wish.side:
            self.held.told_to_leave = "opposite"
            self.order = wish

    def live_through(self, time: int, open_: float, high: float, low: float, close: float) -> None:
        # 1. A position that was told to leave leaves at the open.
        if self.held is not None and self.held.told_to_leave is not None:
            self.leave(time, open_, self.held.told_to_leave, resting=False)
        # 2. A waiting order enters.
        filled_after_open = False
        if self.order is not None and self.held is None:
            order = self.order
            if order.limit is None:
                self.enter(time, open_, resting=False)
            elif (open_ <= order.limit) if order.side > 0 else (open_ >= order.limit):
                self.enter(time, open_, resting=True)
            elif (low < order.limit) if order.side > 0 else (high > order.limit):
                self.enter(time, order.limit, resting=True)
                filled_after_open = True
            else:
                order.bars_left -= 1
                if order.bars_left == 0:
                    self.order = None
        held = self.held
        if held is None:
            return
        held.bars_held += 1
        # 3. Stop, trailing stop, target.
        long, wish = held.wish.side > 0, held.wish
        reached = held.reference if filled_after_open else open_
        stop, reason = wish.stop, "stop"
        if wish.trail is not None:
            trailing = held.best - wish.trail if long else held.best + wish.trail
            if stop is None or (trailing > stop if long else trailing < stop):
                stop, reason = trailing, "trailing_stop"
        if stop is not None and (low <= stop if long else high >= stop):
            self.leave(time, min(stop, reached) if long else max(stop, reached), reason, resting=False)
            return
        if not filled_after_open and wish.target is not None and (high >= wish.target if long else low <= wish.target):
            self.leave(time, max(wish.target, open_) if long else min(wish.target, open_), "target", resting=True)
            return
        # 4. The close.
        favourable = close if filled_after_open else (high if long else low)
        held.best = max(held.best, favourable) if long else min(held.best, favourable)
        held.worst = min(held.worst, low) if long else max(held.worst, high)
        if wish.max_hold > 0 and held.bars_held >= wish.max_hold:
            held.told_to_leave = "time"

    def enter(self, time: int, reference: float, *, resting: bool) -> None:
        wish, terms = self.order, self.instrument
        against = 0.0 if resting else wish.side * (terms.half_spread + terms.slippage)
        fee = terms.maker_fee if resting else terms.taker_fee
        self.held = Held(wish, time, reference, reference * (1 + against), fee, 0, reference, reference)
        self.order = None

    def leave(self, time: int, reference: float, reason: str, *, resting: bool) -> None:
        held, terms = self.held, self.instrument
        side = held.wish.side
        price = reference if resting else reference * (1 - side * (terms.half_spread + terms.slippage))
        fee = terms.maker_fee if resting else terms.taker_fee
        gross = side * (reference / held.reference - 1)
        net = side * (price / held.price - 1) - held.fee - fee * price / held.price
        risk = None if held.wish.stop is None else side * (1 - held.wish.stop / held.price)
        favourable = max(side * (extreme / held.reference - 1) for extreme in (held.best, reference))
        adverse = min(side * (extreme / held.reference - 1) for extreme in (held.worst, reference))
        self.trades.append(
            {
                "decision_time": held.wish.decided,
                "entry_time": held.entered,
                "exit_time": time,
                "side": side,
                "stake": held.wish.stake,
                "entry_price": held.price,
                "exit_price": price,
                "gross_return": gross,
                "cost": gross - net,
                "net_return": net,
                "r_multiple": net / risk if risk is not None and risk > 0 else np.nan,
                "mae": min(adverse, 0.0),
                "mfe": max(favourable, 0.0),
                "bars_held": held.bars_held,
                "exit_reason": reason,
            }
        )
        self.held = None


@dataclass(frozen=True)
class Replay(Strategy):
    """A rule that decides what it was told."""

    name = "replay"
    grid = {}  # noqa: RUF012
    told: Signals | None = None
    opposite: bool = False

    @property
    def policy(self) -> Policy:
        return Policy(exits_on_opposite=self.opposite)

    @property
    def id(self) -> str:
        return self.name

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        return self.told


def wishes_of(signals: Signals) -> dict[int, Wish]:
    def price(column: np.ndarray, row: int) -> float | None:
        return None if np.isnan(column[row]) else float(column[row])

    return {
        int(time): Wish(
            int(time), int(signals.side[row]), price(signals.limit, row), price(signals.stop, row),
            price(signals.target, row), price(signals.trail, row), int(signals.max_hold[row]),
            int(signals.expiry[row]), float(signals.stake[row]),
        )
        for row, time in enumerate(signals.decision_time)
    }  # fmt: skip


def rows_of(bars: Bars) -> list[tuple[int, float, float, float, float]]:
    columns = (bars.close_time, bars.open, bars.high, bars.low, bars.close)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def reference_trades(signals: Signals, bars: Bars, instrument: Instrument, *, opposite: bool) -> list[dict]:
    trades = ReferenceSimulator(instrument, exits_on_opposite=opposite).run(rows_of(bars), wishes_of(signals))
    return sorted(trades, key=lambda trade: trade["decision_time"])


def assert_same(ours: pd.DataFrame | np.ndarray, theirs: list[dict]) -> None:
    """Hold trades to the reference's, trade for trade and column for column."""
    assert len(ours) == len(theirs)
    for name in theirs[0] if theirs else ():
        if name not in (ours.columns if isinstance(ours, pd.DataFrame) else ours.dtype.names):
            continue
        found, expected = np.asarray(ours[name]), np.array([trade[name] for trade in theirs])
        if name == "exit_reason" and found.dtype.kind == "i":
            found = np.array([EXIT_REASONS[int(reason)] for reason in found])
        if found.dtype.kind != "f":
            assert found.tolist() == expected.tolist(), name
            continue
        scale = np.maximum(1.0, np.abs(expected))
        # The risk is a difference of two prices: the closer they are, the fewer of its digits mean anything.
        tolerance = 1e-11 * scale + (1e-12 * scale**2 if name == "r_multiple" else 0.0)
        wrong = ~(np.abs(found - expected) <= tolerance) & ~(np.isnan(found) & np.isnan(expected))
        assert not wrong.any(), (name, found[wrong], expected[wrong])


def assert_same_trades(strategy: Strategy, bars: Bars, instrument: Instrument) -> pd.DataFrame:
    """Simulate a rule with both, and check the table that ours makes."""
    ours = simulate(strategy, bars, instrument)
    signals, opposite = strategy.signals(bars), strategy.policy.exits_on_opposite
    assert_same(ours, reference_trades(signals, bars, instrument, opposite=opposite))
    check_trades(ours)
    return ours


def random_case(seed: int) -> tuple[Bars, Signals, Instrument, bool]:
    """Draw bars on a coarse grid, where opens, limits, stops and targets often meet, and signals at a third of them."""
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 60))
    step = random.choice([0.25, 1.0])
    path = 100.0 + step * np.cumsum(random.integers(-3, 4, size=(n, 4)), axis=None).reshape(n, 4)
    path = np.clip(path, 20.0, None)
    if random.random() < 0.5:
        path[1:, 0] = path[:-1, 3]  # no gaps between bars
    time = MINUTE.duration * np.cumsum(random.integers(1, 3, n))
    bars = Bars("X", MINUTE, time, path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3], np.ones(n))
    rows = np.flatnonzero(random.random(n) < random.choice([0.1, 0.4, 1.0]))
    k = len(rows)
    side = random.choice([-1.0, 1.0], k)

    def maybe(values: np.ndarray, share: float = 0.6) -> np.ndarray:
        return np.where(random.random(k) < share, values, np.nan)

    close = bars.close[rows]
    near = close + step * random.integers(-2, 3, k)  # stops and targets may lie on the wrong side of the price
    signals = make_signals(
        decision_time=bars.close_time[rows],
        side=side,
        limit=maybe(close + step * random.integers(-4, 4, k), 0.4),
        stop=maybe(near - side * step * random.integers(1, 8, k)),
        target=maybe(near + side * step * random.integers(1, 8, k)),
        trail=maybe(step * random.integers(1, 8, k), 0.3),
        max_hold=random.integers(0, 6, k),
        expiry=random.integers(1, 4, k),
        stake=random.uniform(0.1, 1.0, k),
    )
    rates = random.uniform(0, 0.01, 4) * (random.random(4) < 0.7)
    instrument = Instrument("X", maker_fee=rates[0], taker_fee=rates[1], half_spread=rates[2], slippage=rates[3])
    return bars, signals, instrument, bool(random.random() < 0.4)


@settings(max_examples=3000, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_signals_on_random_bars(seed):
    bars, signals, instrument, opposite = random_case(seed)
    state, last = InstanceState(), np.zeros(2, CLOSED)
    closed = run_signals(bars, signals, instrument, state, policy=Policy(opposite))
    n_left = close_out_nb(state.position, last, bars.close_time[-1], bars.close[-1], terms_of(instrument))
    ours = np.concatenate([closed, last[:n_left]])
    assert (np.diff(ours["decision_time"]) > 0).all()
    assert_same(ours, reference_trades(signals, bars, instrument, opposite=opposite))
    assert ours["tag"].tolist() == np.searchsorted(signals.decision_time, ours["decision_time"]).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_the_whole_table_of_random_signals(seed):
    bars, signals, instrument, opposite = random_case(seed)
    assert_same_trades(Replay(told=signals, opposite=opposite), bars, instrument)


def test_the_random_cases_reach_every_corner():
    reasons, kinds, n_trades = set(), set(), 0
    for seed in range(300):
        bars, signals, instrument, opposite = random_case(seed)
        for trade in reference_trades(signals, bars, instrument, opposite=opposite):
            row = np.searchsorted(signals.decision_time, trade["decision_time"])
            reasons.add((trade["exit_reason"], trade["side"]))
            kinds.add((not np.isnan(signals.limit[row]), trade["entry_time"] == trade["exit_time"]))
            n_trades += 1
    every = ("stop", "target", "trailing_stop", "time", "opposite", "end_of_data")
    assert reasons == {(reason, side) for reason in every for side in (1, -1)}
    assert kinds == {(limited, at_once) for limited in (True, False) for at_once in (True, False)}
    assert n_trades > 1500


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_a_run_in_two_parts_is_a_run_in_one(seed, cut):
    # What lets a bot go on where history ended: the state between two bars is all that matters.
    bars, signals, instrument, opposite = random_case(seed)
    whole, parts = InstanceState(), InstanceState()
    expected = run_signals(bars, signals, instrument, whole, policy=Policy(opposite))
    border = int(np.searchsorted(signals.decision_time, bars.close_time[:cut][-1], side="right")) if cut else 0
    found = []
    for rows, part in ((slice(0, border), bars[:cut]), (slice(border, None), bars[cut:])):
        own = Signals(**{name: getattr(signals, name)[rows] for name in Signals.__dataclass_fields__})
        found.append(run_signals(part, own, instrument, parts, policy=Policy(opposite)))
    joined = np.concatenate(found)
    for name in (set(TRADE_COLUMNS) & set(expected.dtype.names or ())) - {"tag"}:
        np.testing.assert_array_equal(joined[name], expected[name])
    assert whole.flat == parts.flat


@pytest.mark.parametrize(
    "strategy",
    [
        VolatilityBreakout(window=10, multiple=1.0, reward=1.0, max_hold=12),
        OpeningRangeBreakout(opening_minutes=30, session_minute=480),
    ],
    ids=lambda strategy: strategy.name,
)
def test_rules_on_real_bars(strategy, real_bars):
    instrument = Instrument("BTC-USD")
    trades = assert_same_trades(strategy, real_bars, instrument)
    assert len(trades) > 80
    signals = strategy.signals(real_bars)
    trailing = replace(
        signals,
        limit=real_bars.close[np.searchsorted(real_bars.close_time, signals.decision_time)],
        trail=np.abs(signals.target - signals.stop) / 2,
        target=np.full(len(signals), np.nan),
        expiry=np.full(len(signals), 3),
    )
    assert_same_trades(Replay(told=trailing, opposite=True), real_bars, replace(instrument, symbol="BTC-USD"))
