"""A slow simulator, written from the docstring of `market.execution.fill_rule` with plain loops and no arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from tradesieve.market.instruments import Instrument
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.strategy import Policy

PLAIN = Policy()
MINUTE = parse_timeframe("1m")


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
