"""The simulator against a slow one, written from the docstring of `market.fills` with plain loops and no arrays."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.bars import Bars
from market.instruments import COSTS, Instrument
from market.orders import EXIT_REASONS
from market.timeframes import parse_timeframe
from strategies.base import Policy, Strategy
from strategies.rules.opening_range_breakout import OpeningRangeBreakout
from strategies.rules.volatility_breakout import VolatilityBreakout
from strategies.signals import Signals, make_signals
from strategies.simulator import InstanceState, close_out, run_signals, simulate
from strategies.trades import check_trades

PLAIN = Policy()
MINUTE, THREE_MINUTES = parse_timeframe("1m"), parse_timeframe("3m")


@dataclass
class Wish:
    """A signal that became an order."""

    decided: int
    side: int
    limit: float | None
    trigger: float | None
    stop: float | None
    target: float | None
    partials: list[tuple[float, float]]
    trail: float | None
    break_even: float | None
    max_hold: int
    leave_at: int | None
    exit_wait: int
    bars_left: int
    stake: float
    adds: bool = False


@dataclass
class Fill:
    """So much, at this price, for this fee."""

    time: int
    quantity: float
    reference: float
    price: float
    fee: float


@dataclass
class Held:
    """An open position."""

    wish: Wish
    entries: list[Fill]
    partials: list[tuple[float, float]]
    exits: list[Fill] = field(default_factory=list)
    stake: float = 0.0
    bars_held: int = 0
    favourable: list[float] = field(default_factory=list)  # prices it has lived through
    adverse: list[float] = field(default_factory=list)
    moved_to_entry: bool = False
    told_to_leave: str | None = None
    exit_limit: float = 0.0
    exit_bars_left: int = 0

    @property
    def quantity(self) -> float:
        return sum(fill.quantity for fill in self.entries)

    @property
    def left(self) -> float:
        return self.quantity - sum(fill.quantity for fill in self.exits)

    @property
    def reference(self) -> float:
        return sum(fill.quantity * fill.reference for fill in self.entries) / self.quantity


class ReferenceSimulator:
    """One instance, bar by bar. A bar is (time, open, high, low, close, the (high, low) of each finer bar or None)."""

    def __init__(self, instrument: Instrument, policy: Policy) -> None:
        self.instrument = instrument
        self.policy = policy
        self.order: Wish | None = None
        self.held: Held | None = None
        self.trades: list[dict] = []
        self.n_bars = 0
        self.taken_from = 0  # the number of bars from which signals are taken again
        self.time, self.range = 0, 0.0

    def run(self, bars: list[tuple], signals: dict[int, Wish]) -> list[dict]:
        for time, open_, high, low, close, finer in bars:
            self.n_bars += 1
            self.time, self.range = time, high - low
            self.live_through(open_, high, low, close, finer)
            if time in signals:
                self.offer(replace(signals[time]), close)
        if self.held is not None:
            self.leave(self.held.left, bars[-1][4], "end_of_data", resting=False)
        return self.trades

    def offer(self, wish: Wish, close: float) -> None:
        held = self.held
        if self.n_bars < self.taken_from:
            return
        if held is None:
            if self.order is None:
                self.order = wish
        elif held.told_to_leave is not None:
            return
        elif wish.side != held.wish.side:
            if self.policy.exits_on_opposite:
                self.tell_to_leave("opposite", close)
                self.order = wish
        elif self.order is None and len(held.entries) < self.policy.max_entries:
            self.order = replace(wish, adds=True)

    def tell_to_leave(self, reason: str, close: float) -> None:
        held = self.held
        held.told_to_leave, held.exit_limit, held.exit_bars_left = reason, self.sold_at(close), held.wish.exit_wait
        if self.order is not None and self.order.adds:
            self.order = None

    def live_through(self, open_: float, high: float, low: float, close: float, finer: list | None) -> None:
        time = self.time
        # 1. What is to leave leaves at the open.
        held = self.held
        if held is not None and held.wish.leave_at is not None and time > held.wish.leave_at:
            self.leave(held.left, open_, "session_end", resting=False)
        elif held is not None and held.told_to_leave is not None:
            long = held.wish.side > 0
            if held.exit_bars_left == 0:
                self.leave(held.left, open_, held.told_to_leave, resting=False)
            elif open_ >= held.exit_limit if long else open_ <= held.exit_limit:
                self.leave(held.left, open_, held.told_to_leave, resting=True)
        # 2. A waiting order enters at the open, or may do so later in the bar.
        later = False
        if self.order is not None and self.order.leave_at is not None and time > self.order.leave_at:
            self.order = None
        if self.order is not None and (self.held is None or self.order.adds):
            order, long = self.order, self.order.side > 0
            if order.limit is not None:
                price = self.bought_at(order)
                at_open = open_ <= price if long else open_ >= price
            elif order.trigger is not None:
                at_open = open_ >= order.trigger if long else open_ <= order.trigger
            else:
                at_open = True
            if at_open:
                self.enter(open_, resting=order.limit is not None)
            else:
                later = True
        # 3. What happens between open and close.
        entered_by = None
        live_at_open = self.held is not None
        stop = self.stop() if live_at_open else None
        if live_at_open:
            self.held.bars_held += 1
        for top, bottom in finer if finer is not None else [(high, low)]:
            waits = later and self.order is not None
            entered_by = self.within(top, bottom, waits, open_, live_at_open, stop) or entered_by
            if self.held is None:
                if live_at_open or entered_by is not None:
                    return
            elif not live_at_open and stop is None:
                stop = self.stop()
        if later and self.order is not None:
            self.order.bars_left -= 1
            if self.order.bars_left == 0:
                self.order = None
        # 4. The close.
        held = self.held
        if held is None:
            return
        long = held.wish.side > 0
        top, bottom = (high, low) if long else (low, high)
        held.favourable.append(close if entered_by == "limit" else top)
        held.adverse.append(close if entered_by == "trigger" else bottom)
        if held.wish.leave_at == time:
            self.leave(held.left, close, "session_end", resting=False)
            return
        best = max(held.favourable) if long else min(held.favourable)
        if held.wish.break_even is not None and abs(best - held.reference) >= held.wish.break_even:
            held.moved_to_entry = held.moved_to_entry or (best > held.reference) == long
        if held.told_to_leave is not None:
            held.exit_bars_left -= 1
        elif held.wish.max_hold > 0 and held.bars_held >= held.wish.max_hold:
            self.tell_to_leave("time", close)

    def within(
        self, high: float, low: float, waits: bool, open_: float, live_at_open: bool, stop: tuple[float, str] | None
    ) -> str | None:
        """Live through one stretch of time of which only high and low are known; say how a position was entered."""
        order = self.order
        price = None
        if waits and order.limit is not None:
            price = self.bought_at(order)
            waits = low < price if order.side > 0 else high > price
        elif waits:
            price = order.trigger
            waits = high >= price if order.side > 0 else low <= price
        entered_by = None
        if self.held is None:
            if not waits:
                return None
            entered_by = "limit" if order.limit is not None else "trigger"
            self.enter(price, resting=order.limit is not None)
            self.held.bars_held = 1
            waits, stop = False, self.stop()
        held = self.held
        long = held.wish.side > 0
        reached = open_ if live_at_open else held.entries[0].reference
        # The stop goes before everything that may have come after it.
        if stop is not None and (low <= stop[0] if long else high >= stop[0]):
            if waits and (order.limit is None or (price > stop[0] if long else price < stop[0])):
                self.enter(price, resting=order.limit is not None)
            self.leave(held.left, (min if long else max)(stop[0], reached), stop[1], resting=False)
            return entered_by
        if entered_by != "limit":
            self.targets(high, low, reached)
            if self.held is None:
                return entered_by
        if waits:
            self.enter(price, resting=order.limit is not None)
        return entered_by

    def targets(self, high: float, low: float, reached: float) -> None:
        """Fill what rests on the favourable side, the nearest first."""
        held = self.held
        long = held.wish.side > 0
        resting = [(self.sold_at(price), 1, "partial", share) for price, share in held.partials]
        if held.wish.target is not None:
            resting.append((self.sold_at(held.wish.target), 0, "target", 1.0))
        if held.told_to_leave is not None:
            resting.append((held.exit_limit, 0.5, held.told_to_leave, 1.0))
        # Where two prices are equal, what closes all goes first; what is only touched fills if it is a target.
        for price, _, reason, share in sorted(resting, key=lambda each: (each[0] if long else -each[0], each[1])):
            through = high > price if long else low < price
            touched = high >= price if long else low <= price
            if not (touched if reason in ("partial", "target") else through):
                continue
            filled_at = max(price, reached) if long else min(price, reached)
            if reason == "partial":
                held.partials = held.partials[1:]
                self.leave(share * held.quantity, filled_at, reason, resting=True)
            else:
                self.leave(held.left, filled_at, reason, resting=True)
                return

    def stop(self) -> tuple[float, str] | None:
        """Give the stop that is nearest, and its name; the first of equals."""
        held = self.held
        long, wish = held.wish.side > 0, held.wish
        stops = []
        if wish.stop is not None:
            stops.append((wish.stop, "stop"))
        if held.moved_to_entry:
            stops.append((held.reference, "break_even"))
        if wish.trail is not None:
            best = max(held.favourable) if long else min(held.favourable)
            stops.append((best - wish.trail if long else best + wish.trail, "trailing_stop"))
        return (max if long else min)(stops, key=lambda each: each[0]) if stops else None

    def bought_at(self, order: Wish) -> float:
        """Move a limit to the grid, to our favour."""
        return self.on_grid(order.limit, up=order.side < 0)

    def sold_at(self, price: float) -> float:
        return self.on_grid(price, up=self.held.wish.side > 0)

    def on_grid(self, price: float, *, up: bool) -> float:
        tick = self.instrument.tick
        if tick == 0:
            return price
        steps = price / tick
        whole = round(steps)
        if abs(steps - whole) > 1e-9:
            whole = math.ceil(steps) if up else math.floor(steps)
        return whole * tick

    def at_market(self, reference: float, *, buys: bool) -> float:
        terms = self.instrument
        direction = 1 if buys else -1
        price = reference * (1 + direction * (terms.half_spread + terms.slippage))
        further = terms.slippage_ticks * terms.tick + terms.slippage_range * self.range
        price = price + further if buys else max(price - further, price / 100)
        return self.on_grid(price, up=buys)

    def enter(self, reference: float, *, resting: bool) -> None:
        wish, terms = self.order, self.instrument
        price = reference if resting else self.at_market(reference, buys=wish.side > 0)
        fee = terms.maker_fee if resting else terms.taker_fee
        self.order = None
        if wish.adds:
            first = self.held.entries[0]
            quantity = wish.stake / self.held.wish.stake * first.reference / reference
            self.held.entries.append(Fill(self.time, quantity, reference, price, fee))
        else:
            self.held = Held(wish, [Fill(self.time, 1.0, reference, price, fee)], wish.partials)
            self.held.favourable.append(reference)
            self.held.adverse.append(reference)
        self.held.stake += wish.stake

    def leave(self, quantity: float, reference: float, reason: str, *, resting: bool) -> None:
        held, terms = self.held, self.instrument
        side = held.wish.side
        price = reference if resting else self.at_market(reference, buys=side < 0)
        held.exits.append(Fill(self.time, quantity, reference, price, terms.maker_fee if resting else terms.taker_fee))
        if reason == "partial":
            return
        whole, entered = held.quantity, held.reference
        paid = sum(fill.quantity * fill.price for fill in held.entries)
        received = sum(fill.quantity * fill.price for fill in held.exits)
        fees = sum(fill.quantity * fill.price * fill.fee for fill in held.entries + held.exits)
        days = sum(fill.quantity * (fill.time - held.entries[0].time) for fill in held.exits)
        days -= sum(fill.quantity * (fill.time - held.entries[0].time) for fill in held.entries)
        carry = (terms.long_carry if side > 0 else terms.short_carry) * days / whole / (24 * 60 * MINUTE.duration)
        gross = side * (sum(fill.quantity * fill.reference for fill in held.exits) / whole / entered - 1)
        net = (side * (received - paid) - fees) / paid - carry
        risk = None if held.wish.stop is None else side * (1 - held.wish.stop / (paid / whole))
        met = held.favourable + held.adverse + [fill.reference for fill in held.exits]
        moves = [side * (price / entered - 1) for price in met]
        self.trades.append(
            {
                "decision_time": held.wish.decided,
                "entry_time": held.entries[0].time,
                "exit_time": self.time,
                "side": side,
                "stake": held.stake,
                "stop": np.nan if held.wish.stop is None else held.wish.stop,
                "target": np.nan if held.wish.target is None else held.wish.target,
                "entry_price": paid / whole,
                "exit_price": received / whole,
                "gross_return": gross,
                "cost": gross - net,
                "net_return": net,
                "r_multiple": net / risk if risk is not None and risk > 0 else np.nan,
                "mae": min(*moves, 0.0),
                "mfe": max(*moves, 0.0),
                "bars_held": held.bars_held,
                "n_entries": len(held.entries),
                "n_exits": len(held.exits),
                "exit_reason": reason,
            }
        )
        self.held = None
        if self.order is not None and self.order.adds:
            self.order = None
        if gross < -1e-12:
            self.taken_from = self.n_bars + self.policy.cooldown


@dataclass(frozen=True)
class Replay(Strategy):
    """A rule that decides what it was told."""

    name = "replay"
    grid = {}  # noqa: RUF012
    told: Signals | None = None
    lives_by: Policy = PLAIN

    @property
    def policy(self) -> Policy:
        return self.lives_by

    @property
    def id(self) -> str:
        return self.name

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        return self.told


def wishes_of(signals: Signals) -> dict[int, Wish]:
    def price(name: str, row: int) -> float | None:
        value = float(getattr(signals, name)[row])
        return None if np.isnan(value) else value

    def partials(row: int) -> list[tuple[float, float]]:
        both = zip(signals.partial_target[row].tolist(), signals.partial_share[row].tolist(), strict=True)
        return [(target, share) for target, share in both if not np.isnan(target)]

    return {
        int(time): Wish(
            decided=int(time),
            side=int(signals.side[row]),
            **{name: price(name, row) for name in ("limit", "trigger", "stop", "target", "trail", "break_even")},
            partials=partials(row),
            max_hold=int(signals.max_hold[row]),
            leave_at=int(signals.leave_at[row]) or None,
            exit_wait=int(signals.exit_wait[row]),
            bars_left=int(signals.expiry[row]),
            stake=float(signals.stake[row]),
        )
        for row, time in enumerate(signals.decision_time)
    }


def rows_of(bars: Bars, finer: Bars | None = None) -> list[tuple]:
    """Write bars as the reference reads them."""
    columns = (bars.close_time, bars.open, bars.high, bars.low, bars.close)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    if finer is None:
        return [(*row, None) for row in rows]
    pieces = {row[0]: row for row in rows_of(finer)}
    step, long = finer.timeframe.duration, bars.timeframe.duration
    covered = []
    for time, open_, high, low, close in rows:
        own = [pieces.get(piece) for piece in range(time - long + step, time + step, step)]
        whole = None not in own and (own[0][1], max(each[2] for each in own), min(each[3] for each in own), own[-1][4])
        settles = whole == (open_, high, low, close)
        covered.append((time, open_, high, low, close, [each[2:4] for each in own] if settles else None))
    return covered


def reference_trades(
    signals: Signals, bars: Bars, instrument: Instrument, *, policy: Policy, finer: Bars | None = None
) -> list[dict]:
    trades = ReferenceSimulator(instrument, policy).run(rows_of(bars, finer), wishes_of(signals))
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


def assert_same_trades(
    strategy: Strategy, bars: Bars, instrument: Instrument, *, finer: Bars | None = None
) -> pd.DataFrame:
    """Simulate a rule with both, and check the table that ours makes."""
    ours = simulate(strategy, bars, instrument, finer=finer)
    signals, policy = strategy.signals(bars), strategy.policy
    assert_same(ours, reference_trades(signals, bars, instrument, policy=policy, finer=finer))
    check_trades(ours)
    return ours


@dataclass
class Case:
    bars: Bars
    signals: Signals
    instrument: Instrument
    policy: Policy
    finer: Bars | None

    def ours(self, *, finer: Bars | None) -> np.ndarray:
        """Give the kernel's trades to the end of the data."""
        state = InstanceState()
        closed = run_signals(self.bars, self.signals, self.instrument, state, policy=self.policy, finer=finer)
        return np.concatenate([closed, close_out(self.bars, self.instrument, state, policy=self.policy)])

    def theirs(self, *, finer: Bars | None) -> list[dict]:
        return reference_trades(self.signals, self.bars, self.instrument, policy=self.policy, finer=finer)


def random_bars(random: np.random.Generator, step: float, scale: int) -> tuple[Bars, Bars]:
    """Draw bars on a coarse grid, where opens, limits, stops and targets often meet, and finer bars of most of them."""
    n, parts = int(random.integers(1, 60 * scale)), 3
    path = 100.0 * scale + step * np.cumsum(random.integers(-2, 3, size=(n * parts, 4)), axis=None).reshape(-1, 4)
    path = np.clip(path, 20.0, None)
    if random.random() < 0.5:
        path[1:, 0] = path[:-1, 3]  # no gaps between bars
    time = MINUTE.duration * np.arange(1, n * parts + 1)
    columns = (path[:, 0], path.max(axis=1), path.min(axis=1), path[:, 3])
    groups = [column.reshape(n, parts) for column in columns]
    kept = random.random(n) < 0.9
    kept[-1] = True
    coarse = [groups[0][:, 0], groups[1].max(axis=1), groups[2].min(axis=1), groups[3][:, -1], np.ones(n)]
    bars = Bars("X", THREE_MINUTES, time[parts - 1 :: parts][kept], *(column[kept] for column in coarse))
    # Now and then a finer bar is missing, or another vendor's, which knows a higher high.
    high = columns[1] + step * (random.random(n * parts) < 0.02)
    some = random.random(n * parts) < 0.97
    finer = Bars(
        "X", MINUTE, time[some], *(each[some] for each in (columns[0], high, *columns[2:], np.ones(n * parts)))
    )
    return bars, finer


def random_case(seed: int, *, scale: int = 1) -> Case:
    """Draw bars, and signals of every kind at some of them; so many times as many, and exits so many times as far."""
    random = np.random.default_rng(seed)
    step = random.choice([0.25, 1.0])
    bars, finer = random_bars(random, step, scale)
    n = len(bars)
    rows = np.flatnonzero(random.random(n) < random.choice([0.1 / scale, 0.4, 1.0]))
    k = len(rows)
    side = random.choice([-1.0, 1.0], k, p=random.choice([0.1, 0.5]) * np.array([1, -1]) + [0, 1])

    def maybe(values: np.ndarray, share: float = 0.6) -> np.ndarray:
        return np.where(random.random(k) < share, values, np.nan)

    close, far = bars.close[rows], step * scale
    near = close + step * random.integers(-2, 3, k)  # stops and targets may lie on the wrong side of the price
    kind = random.random(k)
    stop = maybe(near - side * far * random.integers(1, 8, k))
    target = maybe(near + side * far * random.integers(2, 10, k))
    limit = np.where(kind < 0.35, close + step * random.integers(-4, 4, k), np.nan)
    trigger = np.where(kind > 0.7, close + step * random.integers(-4, 5, k), np.nan)
    bounds = np.stack([side * each for each in (stop, limit, trigger, close - side * 2 * step)])
    floor = np.nanmax(bounds, axis=0)
    partials = floor[:, np.newaxis] + far * np.cumsum(random.integers(1, 3, (k, 3)), axis=1)
    absent = (random.random((k, 3)) < 0.6) | (partials >= np.where(np.isnan(target), 1e9, side * target)[:, np.newaxis])
    absent = np.logical_or.accumulate(absent, axis=1)
    policy = Policy(
        exits_on_opposite=bool(random.random() < 0.4),
        cooldown=int(random.choice([0, 0, 1, 3])),
        max_entries=int(random.choice([1, 1, 2, 4])),
    )
    leave_at = bars.close_time[rows] + THREE_MINUTES.duration * scale * random.integers(1, 12, k)
    signals = make_signals(
        decision_time=bars.close_time[rows],
        side=side,
        limit=limit,
        trigger=trigger,
        stop=stop,
        target=target,
        partial_target=np.where(absent, np.nan, side[:, np.newaxis] * partials),
        partial_share=np.where(absent, np.nan, random.choice([0.1, 0.25, 0.3], (k, 3))),
        trail=maybe(far * random.integers(1, 8, k), 0.3),
        break_even=maybe(far * random.integers(1, 6, k), 0.3),
        max_hold=scale * random.integers(0, 6, k),
        leave_at=np.where(random.random(k) < 0.3, leave_at, 0),
        exit_wait=random.integers(0, 3, k) * (random.random(k) < 0.5),
        expiry=random.integers(1, 4, k),
        stake=random.uniform(0.1, 1.0, k),
    )
    rates = {name: random.uniform(0, 0.01) for name in COSTS if random.random() < 0.6}
    tick = step * random.choice([0.0, 1.0, 2.0])
    ticks = random.uniform(0, 3) if tick else 0.0
    instrument = Instrument("X", **(rates | {"tick": tick, "slippage_ticks": ticks}))
    return Case(bars, signals, instrument, policy, finer if random.random() < 0.5 else None)


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_signals_on_random_bars(seed):
    case = random_case(seed)
    ours = case.ours(finer=case.finer)
    assert (np.diff(ours["decision_time"]) > 0).all()
    assert_same(ours, case.theirs(finer=case.finer))
    assert ours["tag"].tolist() == np.searchsorted(case.signals.decision_time, ours["decision_time"]).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_the_whole_table_of_random_signals(seed):
    case = random_case(seed)
    rule = Replay(told=case.signals, lives_by=case.policy)
    assert_same_trades(rule, case.bars, case.instrument, finer=case.finer)


def test_the_random_cases_reach_every_corner():
    reasons, kinds, counts, n_trades, settled = set(), set(), set(), 0, 0
    for seed in range(300):
        case = random_case(seed)
        trades = case.theirs(finer=case.finer)
        for trade in trades:
            row = np.searchsorted(case.signals.decision_time, trade["decision_time"])
            reasons.add((trade["exit_reason"], trade["side"], trade["n_exits"] > 1))
            kind = "limit" if case.signals.limit[row] > 0 else "trigger" if case.signals.trigger[row] > 0 else "market"
            kinds.add((kind, trade["entry_time"] == trade["exit_time"]))
            counts.add((trade["n_entries"], trade["n_exits"]))
            n_trades += 1
        settled += case.finer is not None and trades != case.theirs(finer=None)
    assert reasons == set(itertools.product(EXIT_REASONS.values(), (1, -1), (True, False)))
    assert kinds == {(kind, at_once) for kind in ("limit", "trigger", "market") for at_once in (True, False)}
    assert counts >= {(1, 1), (1, 4), (2, 1), (3, 1), (4, 1), (2, 3)}
    assert n_trades > 1500
    assert settled > 20, "cases in which finer bars settled something"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_a_run_in_two_parts_is_a_run_in_one(seed, cut):
    # What lets a bot go on where history ended: the state between two bars is all that matters.
    case = random_case(seed)
    bars, signals = case.bars, case.signals
    whole, parts = InstanceState(), InstanceState()
    expected = run_signals(bars, signals, case.instrument, whole, policy=case.policy, finer=case.finer)
    border = int(np.searchsorted(signals.decision_time, bars.close_time[:cut][-1], side="right")) if cut else 0
    found = []
    for rows, part in ((slice(0, border), bars[:cut]), (slice(border, None), bars[cut:])):
        own = Signals(**{name: getattr(signals, name)[rows] for name in Signals.__dataclass_fields__})
        found.append(run_signals(part, own, case.instrument, parts, policy=case.policy, finer=case.finer))
    joined = np.concatenate(found)
    for name in set(expected.dtype.names or ()) - {"tag"}:
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
    assert_same_trades(Replay(told=trailing, lives_by=Policy(exits_on_opposite=True)), real_bars, instrument)
