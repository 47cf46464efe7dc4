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
class Order:
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
    is_addition: bool = False


@dataclass
class Fill:
    """So much, at this price, for this fee."""

    time: int
    quantity: float
    reference: float
    price: float
    fee: float
    untraded: bool = False


@dataclass
class Position:
    """An open position."""

    order: Order
    entries: list[Fill]
    partials: list[tuple[float, float]]
    exits: list[Fill] = field(default_factory=list)
    stake: float = 0.0
    bars_held: int = 0
    favourable: list[float] = field(default_factory=list)  # prices in the bars it was open in
    adverse: list[float] = field(default_factory=list)
    moved_to_entry: bool = False
    exit_requested: str | None = None
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
    """One instance, bar by bar.

    A bar is (time, open, high, low, close, volume, the (high, low) of each finer bar or None).
    """

    def __init__(self, instrument: Instrument, policy: Policy) -> None:
        self.instrument = instrument
        self.policy = policy
        self.order: Order | None = None
        self.position: Position | None = None
        self.trades: list[dict] = []
        self.n_bars = 0
        self.taken_from = 0  # the number of bars from which signals are taken again
        self.time, self.range = 0, 0.0
        self.volume_seen = False
        self.untraded = False

    def run(self, bars: list[tuple], signals: dict[int, Order]) -> list[dict]:
        for time, open_, high, low, close, volume, finer in bars:
            self.n_bars += 1
            self.time, self.range = time, high - low
            self.volume_seen = self.volume_seen or volume > 0
            self.untraded = self.volume_seen and volume == 0
            if self.untraded and not self.instrument.fill_without_trades:
                self.wait(high, low, close)
            else:
                self.advance(open_, high, low, close, finer)
            if time in signals:
                self.offer(replace(signals[time]), close)
        self.untraded = False  # no fill, but a valuation
        if self.position is not None:
            self.leave(self.position.left, bars[-1][4], "end_of_data", resting=False)
        return self.trades

    def offer(self, order: Order, close: float) -> None:
        position = self.position
        if self.n_bars < self.taken_from:
            return
        if position is None:
            if self.order is None:
                self.order = order
        elif position.exit_requested is not None:
            return
        elif order.side != position.order.side:
            if self.policy.exits_on_opposite:
                self.request_exit("opposite", close)
                self.order = order
        elif self.order is None and len(position.entries) < self.policy.max_entries:
            self.order = replace(order, is_addition=True)

    def request_exit(self, reason: str, close: float) -> None:
        position = self.position
        position.exit_requested, position.exit_limit, position.exit_bars_left = (
            reason,
            self.sold_at(close),
            position.order.exit_wait,
        )
        if self.order is not None and self.order.is_addition:
            self.order = None

    def wait(self, high: float, low: float, close: float) -> None:
        """Live through a bar in which nothing fills."""
        order, position = self.order, self.position
        if order is not None and order.leave_at is not None and self.time > order.leave_at:
            self.order = None
        elif order is not None and (position is None or order.is_addition):
            order.bars_left -= order.limit is not None or order.trigger is not None
            if order.bars_left == 0:
                self.order = None
        if position is None:
            return
        position.bars_held += 1
        position.favourable.append(high if position.order.side > 0 else low)
        position.adverse.append(low if position.order.side > 0 else high)
        self.look_ahead(close)

    def advance(self, open_: float, high: float, low: float, close: float, finer: list | None) -> None:
        time = self.time
        # 1. At the open: exit.
        position = self.position
        if position is not None and position.order.leave_at is not None and time > position.order.leave_at:
            self.leave(position.left, open_, "session_end", resting=False)
        elif position is not None and position.exit_requested is not None:
            long = position.order.side > 0
            if position.exit_bars_left == 0:
                self.leave(position.left, open_, position.exit_requested, resting=False)
            elif open_ >= position.exit_limit if long else open_ <= position.exit_limit:
                self.leave(position.left, open_, position.exit_requested, resting=True)
        # 2. At the open: enter, or later in the bar.
        later = False
        if self.order is not None and self.order.leave_at is not None and time > self.order.leave_at:
            self.order = None
        if self.order is not None and (self.position is None or self.order.is_addition):
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
        # 3. Within the bar.
        entered_by = None
        live_at_open = self.position is not None
        stop = self.stop() if live_at_open else None
        if live_at_open:
            self.position.bars_held += 1
        for top, bottom in finer if finer is not None else [(high, low)]:
            waits = later and self.order is not None
            entered_by = self.within(top, bottom, waits, open_, live_at_open, stop) or entered_by
            if self.position is None:
                if live_at_open or entered_by is not None:
                    return
            elif not live_at_open and stop is None:
                stop = self.stop()
        if later and self.order is not None:
            self.order.bars_left -= 1
            if self.order.bars_left == 0:
                self.order = None
        # 4. At the close.
        position = self.position
        if position is None:
            return
        long = position.order.side > 0
        top, bottom = (high, low) if long else (low, high)
        position.favourable.append(close if entered_by == "limit" else top)
        position.adverse.append(close if entered_by == "trigger" else bottom)
        if position.order.leave_at == time:
            self.leave(position.left, close, "session_end", resting=False)
            return
        self.look_ahead(close)

    def look_ahead(self, close: float) -> None:
        """At the close of a bar that has been lived through: prepare for the next."""
        position = self.position
        long = position.order.side > 0
        best = max(position.favourable) if long else min(position.favourable)
        if position.order.break_even is not None and abs(best - position.reference) >= position.order.break_even:
            position.moved_to_entry = position.moved_to_entry or (best > position.reference) == long
        if position.exit_requested is not None:
            position.exit_bars_left = max(position.exit_bars_left - 1, 0)
        elif position.order.max_hold > 0 and position.bars_held >= position.order.max_hold:
            self.request_exit("time", close)

    def within(
        self, high: float, low: float, waits: bool, open_: float, live_at_open: bool, stop: tuple[float, str] | None
    ) -> str | None:
        """Advance by a stretch of time of which only high and low are known; return how a position was entered."""
        order = self.order
        price = None
        if waits and order.limit is not None:
            price = self.bought_at(order)
            waits = low < price if order.side > 0 else high > price
        elif waits:
            price = order.trigger
            waits = high >= price if order.side > 0 else low <= price
        entered_by = None
        if self.position is None:
            if not waits:
                return None
            entered_by = "limit" if order.limit is not None else "trigger"
            self.enter(price, resting=order.limit is not None)
            self.position.bars_held = 1
            waits, stop = False, self.stop()
        position = self.position
        long = position.order.side > 0
        reached = open_ if live_at_open else position.entries[0].reference
        # The stop goes before everything that may have come after it.
        if stop is not None and (low <= stop[0] if long else high >= stop[0]):
            if waits and (order.limit is None or (price > stop[0] if long else price < stop[0])):
                self.enter(price, resting=order.limit is not None)
            self.leave(position.left, (min if long else max)(stop[0], reached), stop[1], resting=False)
            return entered_by
        if entered_by != "limit":
            self.targets(high, low, reached)
            if self.position is None:
                return entered_by
        if waits:
            self.enter(price, resting=order.limit is not None)
        return entered_by

    def targets(self, high: float, low: float, reached: float) -> None:
        """Fill the resting orders on the favourable side, the nearest first."""
        position = self.position
        long = position.order.side > 0
        resting = [(self.sold_at(price), 1, "partial", share) for price, share in position.partials]
        if position.order.target is not None:
            resting.append((self.sold_at(position.order.target), 0, "target", 1.0))
        if position.exit_requested is not None:
            resting.append((position.exit_limit, 0.5, position.exit_requested, 1.0))
        # Where two prices are equal, what closes all goes first; what is only touched fills if it is a target.
        for price, _, reason, share in sorted(resting, key=lambda each: (each[0] if long else -each[0], each[1])):
            through = high > price if long else low < price
            touched = high >= price if long else low <= price
            if not (touched if reason in ("partial", "target") else through):
                continue
            filled_at = max(price, reached) if long else min(price, reached)
            if reason == "partial":
                position.partials = position.partials[1:]
                self.leave(share * position.quantity, filled_at, reason, resting=True)
            else:
                self.leave(position.left, filled_at, reason, resting=True)
                return

    def stop(self) -> tuple[float, str] | None:
        """Return the nearest stop and its name; of equals, the first."""
        position = self.position
        long, order = position.order.side > 0, position.order
        stops = []
        if order.stop is not None:
            stops.append((order.stop, "stop"))
        if position.moved_to_entry:
            stops.append((position.reference, "break_even"))
        if order.trail is not None:
            best = max(position.favourable) if long else min(position.favourable)
            stops.append((best - order.trail if long else best + order.trail, "trailing_stop"))
        return (max if long else min)(stops, key=lambda each: each[0]) if stops else None

    def bought_at(self, order: Order) -> float:
        """Move a limit to the tick grid, in our favour."""
        return self.on_grid(order.limit, up=order.side < 0)

    def sold_at(self, price: float) -> float:
        return self.on_grid(price, up=self.position.order.side > 0)

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
        order, terms = self.order, self.instrument
        price = reference if resting else self.at_market(reference, buys=order.side > 0)
        fee = terms.maker_fee if resting else terms.taker_fee
        self.order = None
        if order.is_addition:
            first = self.position.entries[0]
            quantity = order.stake / self.position.order.stake * first.reference / reference
            self.position.entries.append(Fill(self.time, quantity, reference, price, fee, self.untraded))
        else:
            fill = Fill(self.time, 1.0, reference, price, fee, self.untraded)
            self.position = Position(order, [fill], order.partials)
            self.position.favourable.append(reference)
            self.position.adverse.append(reference)
        self.position.stake += order.stake

    def leave(self, quantity: float, reference: float, reason: str, *, resting: bool) -> None:
        position, terms = self.position, self.instrument
        side = position.order.side
        price = reference if resting else self.at_market(reference, buys=side < 0)
        fee = terms.maker_fee if resting else terms.taker_fee
        position.exits.append(Fill(self.time, quantity, reference, price, fee, self.untraded))
        if reason == "partial":
            return
        whole, entered = position.quantity, position.reference
        paid = sum(fill.quantity * fill.price for fill in position.entries)
        received = sum(fill.quantity * fill.price for fill in position.exits)
        fees = sum(fill.quantity * fill.price * fill.fee for fill in position.entries + position.exits)
        days = sum(fill.quantity * (fill.time - position.entries[0].time) for fill in position.exits)
        days -= sum(fill.quantity * (fill.time - position.entries[0].time) for fill in position.entries)
        carry = (terms.long_carry if side > 0 else terms.short_carry) * days / whole / (24 * 60 * MINUTE.duration)
        gross = side * (sum(fill.quantity * fill.reference for fill in position.exits) / whole / entered - 1)
        net = (side * (received - paid) - fees) / paid - carry
        risk = None if position.order.stop is None else side * (1 - position.order.stop / (paid / whole))
        met = position.favourable + position.adverse + [fill.reference for fill in position.exits]
        moves = [side * (price / entered - 1) for price in met]
        self.trades.append(
            {
                "decision_time": position.order.decided,
                "entry_time": position.entries[0].time,
                "exit_time": self.time,
                "side": side,
                "stake": position.stake,
                "stop": np.nan if position.order.stop is None else position.order.stop,
                "target": np.nan if position.order.target is None else position.order.target,
                "entry_price": paid / whole,
                "exit_price": received / whole,
                "gross_return": gross,
                "cost": gross - net,
                "net_return": net,
                "r_multiple": net / risk if risk is not None and risk > 0 else np.nan,
                "mae": min(*moves, 0.0),
                "mfe": max(*moves, 0.0),
                "bars_held": position.bars_held,
                "n_entries": len(position.entries),
                "n_exits": len(position.exits),
                "n_untraded_fills": sum(fill.untraded for fill in position.entries + position.exits),
                "exit_reason": reason,
            }
        )
        self.position = None
        if self.order is not None and self.order.is_addition:
            self.order = None
        if gross < -1e-12:
            self.taken_from = self.n_bars + self.policy.cooldown
