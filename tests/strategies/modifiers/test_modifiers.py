"""Each modifier by hand: a market that stands at 100 with a range of 2 a bar, until a bar decides at 104."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from inspect import cleandoc
from typing import ClassVar

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadData, BadInput, Unknown
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.strategies.modifiers.base import ASPECTS, ModifiedStrategy, Modifier
from tradesieve.strategies.modifiers.entries import Cooldown, LimitEntry, ScaleIn, StopEntry
from tradesieve.strategies.modifiers.exits import BreakEven, FixedStop, FixedTarget, RewardTarget, ScaleOut, Trailing
from tradesieve.strategies.modifiers.kelly import Kelly
from tradesieve.strategies.modifiers.sizing import FixedFraction, RiskToStop, VolatilityTarget
from tradesieve.strategies.modifiers.timed_exits import ExchangeClose, LimitExit, OppositeExit, SessionEnd, TimeExit
from tradesieve.strategies.registry import MODIFIERS, get_modifier
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Policy, Strategy

FIVE = parse_timeframe("5m")
START = 19_000 * DAY
NAN = float("nan")


def bars_of(close: list[float], high: list[float], low: list[float], *, timeframe: str = "5m") -> Bars:
    """Make bars that open at their close."""
    duration = parse_timeframe(timeframe).duration
    time = START + duration * np.arange(1, len(close) + 1)
    columns = {name: np.array(values, dtype=np.float64) for name, values in (("close", close), ("high", high))}
    return Bars(
        "X", parse_timeframe(timeframe), close_time=time, open=columns["close"], low=np.array(low, dtype=np.float64),
        volume=np.ones(len(close)), **columns,
    )  # fmt: skip


# Ranges of 2, 2, 2 and, from 99 to 105 with the close before at 100, 6: of the last four bars 3 on average.
BARS = bars_of([100.0] * 5 + [104.0], [101.0] * 5 + [105.0], [99.0] * 6)


def decided(side: float = 1.0, **columns: float) -> Signals:
    """Make one signal at the last bar."""
    return make_signals(BARS.close_time[-1:], side, **columns)


def only(signals: Signals, name: str) -> float:
    assert len(signals) == 1
    return getattr(signals, name)[0].tolist()


@pytest.mark.parametrize(("side", "limit", "trigger"), [(1.0, 102.5, 105.5), (-1.0, 105.5, 102.5)])
def test_an_entry_stands_off_the_close_in_average_true_ranges_and_waits(side, limit, trigger):
    waiting = LimitEntry(offset=0.5, expiry=4, window=4).apply(decided(side, trigger=110.0), BARS)
    assert (only(waiting, "limit"), only(waiting, "expiry")) == (limit, 4)
    assert math.isnan(only(waiting, "trigger")), "the rule's own entry is replaced"
    waiting = StopEntry(offset=0.5, expiry=2, window=4).apply(decided(side, limit=90.0), BARS)
    assert (only(waiting, "trigger"), only(waiting, "expiry")) == (trigger, 2)
    assert math.isnan(only(waiting, "limit"))


def test_an_entry_that_lies_beyond_the_stop_or_the_target_is_dropped():
    assert only(LimitEntry(offset=0.5, window=4).apply(decided(stop=102.4), BARS), "stop") == 102.4
    assert len(LimitEntry(offset=0.5, window=4).apply(decided(stop=102.5), BARS)) == 0
    assert only(StopEntry(offset=0.5, window=4).apply(decided(target=105.6), BARS), "target") == 105.6
    assert len(StopEntry(offset=0.5, window=4).apply(decided(target=105.5), BARS)) == 0
    assert len(StopEntry(offset=0.5, window=4).apply(decided(partial_target=105.5, partial_share=0.5), BARS)) == 0
    assert len(LimitEntry(offset=35.0, window=4).apply(decided(), BARS)) == 0, "104 - 35 * 3 is no price"


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize(("entry", "price"), [({}, 104.0), ({"limit": 103.0}, 103.0), ({"trigger": 106.0}, 106.0)])
def test_exits_are_measured_from_where_the_trade_would_enter(side, entry, price):
    wish = decided(side, **entry)
    stopped = FixedStop(ranges=2.0, window=4).apply(wish, BARS)
    assert only(stopped, "stop") == price - side * 6.0
    assert only(FixedTarget(ranges=1.5, window=4).apply(wish, BARS), "target") == price + side * 4.5
    assert only(RewardTarget(reward=2.0, window=4).apply(stopped, BARS), "target") == price + side * 12.0
    assert only(RewardTarget(reward=2.0, window=4).apply(wish, BARS), "target") == price + side * 6.0
    assert only(Trailing(ranges=3.0, window=4).apply(wish, BARS), "trail") == 9.0
    assert only(BreakEven(after=0.5, window=4).apply(stopped, BARS), "break_even") == 3.0
    assert only(BreakEven(after=0.5, window=4).apply(wish, BARS), "break_even") == 1.5
    trailed = Trailing(ranges=1.0, window=4).apply(stopped, BARS)
    assert only(BreakEven(after=0.5, window=4).apply(trailed, BARS), "break_even") == 1.5, "the nearer one is the risk"
    assert only(trailed, "stop") == only(stopped, "stop")


def test_a_signal_without_enough_history_or_room_is_dropped():
    for modifier in (LimitEntry, StopEntry, FixedStop, Trailing, FixedTarget, RewardTarget, ScaleOut, BreakEven):
        assert len(modifier(window=5).apply(decided(), BARS)) == 1
        assert len(modifier(window=6).apply(decided(), BARS)) == 0, "the first range needs the close before it"
        assert modifier(window=5).lookback(FIVE, 3) == 6
        assert modifier(window=5).lookback(FIVE, 30) == 30
    assert len(FixedStop(ranges=35.0, window=4).apply(decided(), BARS)) == 0, "104 - 105 is no price"
    assert len(FixedTarget(ranges=35.0, window=4).apply(decided(-1.0), BARS)) == 0
    assert len(FixedTarget(ranges=1.0, window=4).apply(decided(stop=99.0), BARS)) == 1
    still = bars_of([100.0] * 6, [100.0] * 6, [100.0] * 6)
    assert len(FixedStop(window=4).apply(decided(), still)) == 0, "a market that stands still leaves no room for a stop"


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_parts_leave_in_the_order_in_which_they_are_met(side):
    rule = Fixed(side=side, stop=104.0 - side * 2.0, target=104.0 + side * 12.0)
    parts = (ScaleOut(0.25, 10.0), ScaleOut(0.5, 2.0), ScaleOut(0.1, 1.0))
    parts = tuple(replace(part, window=4) for part in parts)
    signals = ModifiedStrategy(rule, parts).signals(BARS)
    expected = [104.0 + side * 2.0, 104.0 + side * 4.0, NAN]  # the third lies beyond the target: it is left out
    assert only(signals, "partial_target") == pytest.approx(expected, nan_ok=True)
    assert only(signals, "partial_share") == pytest.approx([0.1, 0.5, NAN], nan_ok=True)
    without_target = ModifiedStrategy(replace(rule, target=NAN), parts).signals(BARS)
    assert only(without_target, "partial_target") == [104.0 + side * part for part in (2.0, 4.0, 20.0)]
    assert only(without_target, "partial_share") == [0.1, 0.5, 0.25]
    without_stop = ModifiedStrategy(replace(rule, stop=NAN), parts).signals(BARS)
    assert only(without_stop, "partial_target")[:2] == [104.0 + side * 3.0, 104.0 + side * 6.0]


def test_parts_beside_those_of_the_rule():
    own = decided(stop=102.0, partial_target=107.0, partial_share=0.5)
    both = ScaleOut(share=0.25, reward=1.0, window=4).apply(own, BARS)
    assert only(both, "partial_target") == pytest.approx([106.0, 107.0, NAN], nan_ok=True)
    assert only(both, "partial_share") == pytest.approx([0.25, 0.5, NAN], nan_ok=True)
    assert only(FixedTarget(ranges=1.0, window=4).apply(own, BARS), "partial_target") == pytest.approx(
        [NAN] * 3, nan_ok=True
    ), "a part that lies beyond the new target is left out"
    full = decided(partial_target=np.array([106.0, 107.0, 108.0]), partial_share=np.full(3, 0.1))
    with pytest.raises(BadInput, match="the rule already has 3 partial targets, which is the maximum"):
        ScaleOut(window=4).apply(full, BARS)
    with pytest.raises(BadData, match="leave nothing for the last exit"):
        ScaleOut(share=0.5, window=4).apply(own, BARS)


def test_the_clock():
    assert only(TimeExit(bars=7).apply(decided(max_hold=3), BARS), "max_hold") == 7
    assert only(LimitExit(wait=4).apply(decided(), BARS), "exit_wait") == 4
    now = int(BARS.close_time[-1])  # half past midnight
    for minute, later in [(31, 1), (30, 1440), (29, 1439), (0, 1410), (1439, 1409)]:
        left = SessionEnd(minute=minute).apply(decided(), BARS)
        assert only(left, "leave_at") == now + later * 60_000_000_000


def at(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("decision", "before", "leave"),
    [
        ("2024-03-08T20:00", 0, "2024-03-08T21:00"),  # a Friday in winter
        ("2024-03-08T21:00", 0, "2024-03-11T20:00"),  # the Monday after: daylight saving time
        ("2024-03-11T19:44", 15, "2024-03-11T19:45"),
        ("2024-03-11T19:45", 15, "2024-03-12T19:45"),
        ("2024-07-03T12:00", 0, "2024-07-03T17:00"),  # a half day
        ("2024-12-31T21:30", 0, "2025-01-02T21:00"),  # New Year's Day
    ],
)
def test_an_exchange_closes_when_it_does(decision, before, leave):
    bars = Bars("X", FIVE, np.array([at(decision)]), *(np.ones(1) for _ in range(5)))
    left = ExchangeClose(before=before).apply(make_signals(bars.close_time, 1.0), bars)
    assert left.leave_at.tolist() == [at(leave)]


def test_an_exchange_that_nobody_knows_and_one_without_sessions():
    with pytest.raises(Unknown, match="unknown calendar 'XNYZ': did you mean 'X"):
        ExchangeClose(calendar="XNYZ")
    assert len(ExchangeClose().apply(make_signals(np.empty(0, np.int64), 1.0), BARS)) == 0


def test_what_holds_for_all_signals_is_a_policy():
    strategy = ModifiedStrategy(Fixed(), (OppositeExit(), ScaleIn(entries=3), Cooldown(bars=5)))
    assert strategy.policy == Policy(exits_on_opposite=True, cooldown=5, max_entries=3)
    assert ModifiedStrategy(Fixed(), (Cooldown(bars=5),)).policy == Policy(cooldown=5)
    signals, same = strategy.rule.signals(BARS), strategy.signals(BARS)
    assert all(np.array_equal(getattr(signals, f.name), getattr(same, f.name), equal_nan=True) for f in fields(Signals))


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_risk_to_stop_loses_the_risk_at_the_stop(side):
    wish = decided(side, stop=104.0 - side * 5.2)
    assert only(RiskToStop(risk=0.01, leverage=3.0).apply(wish, BARS), "stake") == pytest.approx(0.2)
    assert only(RiskToStop(risk=0.2, leverage=3.0).apply(wish, BARS), "stake") == 3.0, "as much as the leverage"
    nearer = replace(wish, trail=np.array([2.6]))
    assert only(RiskToStop(risk=0.01, leverage=3.0).apply(nearer, BARS), "stake") == pytest.approx(0.4)
    with pytest.raises(BadInput, match=r"risk_to_stop\(risk=0.01,leverage=1\): the signal at 20.* has no stop"):
        RiskToStop().apply(decided(side), BARS)


def test_fixed_fraction_is_what_it_says():
    assert only(FixedFraction(fraction=2.5).apply(decided(stake=0.1), BARS), "stake") == 2.5


def test_volatility_target_asks_for_less_where_the_market_moves_more():
    close = [100.0, 101.0, 100.0, 101.0, 100.0]
    bars = bars_of(close, close, close, timeframe="1h")
    signals = make_signals(bars.close_time[-1:], 1.0)
    a_day = math.log(1.01) * math.sqrt(24)
    target = VolatilityTarget(target=0.01, window=4, leverage=10.0).apply(signals, bars)
    assert only(target, "stake") == pytest.approx(0.01 / a_day)
    assert only(VolatilityTarget(target=1.0, window=4, leverage=2.0).apply(signals, bars), "stake") == 2.0
    assert len(VolatilityTarget(window=5).apply(signals, bars)) == 0, "too little history"
    assert VolatilityTarget(window=4).lookback(FIVE, 2) == 5
    # The same moves over twice the time, since every other bar is absent, are half the variance a day.
    sparse = Bars("X", bars.timeframe, START + (bars.close_time - START) * 2, *(np.array(close),) * 4, np.ones(5))
    slower = VolatilityTarget(target=0.01, window=4, leverage=10.0).apply(
        make_signals(sparse.close_time[-1:], 1.0), sparse
    )
    assert only(slower, "stake") == pytest.approx(0.01 / (a_day / math.sqrt(2)))
    still = bars_of([100.0] * 6, [100.0] * 6, [100.0] * 6)
    assert only(VolatilityTarget(window=4, leverage=2.0).apply(decided(), still), "stake") == 2.0


# A target 3 away is met at once by the first two, a stop 2 away by the third; the fourth meets neither.
KELLY_CLOSE = [100.0] * 10
KELLY_HIGH = [100.0, 103.0, 103.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0]
KELLY_LOW = [100.0, 100.0, 100.0, 98.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0]
KELLY_BARS = bars_of(KELLY_CLOSE, KELLY_HIGH, KELLY_LOW)


def kelly(rows: list[int], *, bars: Bars = KELLY_BARS, signals: dict | None = None, **parameters: float) -> dict:
    """Give the stake at each row that is kept."""
    wishes = make_signals(bars.close_time[rows], 1.0, **{"stop": 98.0, "target": 103.0, **(signals or {})})
    found = Kelly(**{"fraction": 1.0, "least": 1, "leverage": 5.0, **parameters}).apply(wishes, bars)
    return dict(zip(np.searchsorted(bars.close_time, found.decision_time).tolist(), found.stake.tolist(), strict=True))


def full(p: float, b: float = 1.5) -> float:
    return (b * p - (1 - p)) / b


def test_kelly_counts_what_had_ended_by_then():
    assert kelly([0, 1, 2, 3]) == pytest.approx({1: full(1.0), 2: full(1.0), 3: full(2 / 3)})
    assert kelly([0, 1, 2, 3, 6]) == kelly([0, 1, 2, 3]) | {6: pytest.approx(full(2 / 3))}, "the one at 3 is open still"
    assert kelly([0, 1, 2, 3], fraction=0.5)[3] == pytest.approx(0.5 * full(2 / 3))
    assert kelly([0, 1, 2, 3], leverage=0.3)[3] == 0.3
    assert kelly([0, 1, 2, 3], least=3) == pytest.approx({3: full(2 / 3)})
    assert kelly([0, 1, 2, 3], least=4) == {}


def test_kelly_forgets_what_lies_before_its_history():
    assert kelly([0, 1, 2, 3, 5], history=4)[5] == pytest.approx(full(0.5)), "of those at 1, 2 and 3"
    assert 5 not in kelly([0, 1, 2, 3, 5], history=3), "a stop alone is worth nothing"
    assert Kelly(history=100).lookback(FIVE, 22) == 122


def test_kelly_takes_a_bar_that_touches_both_for_a_loss_and_time_for_no_outcome():
    both = bars_of([100.0] * 4, [100.0, 103.0, 103.0, 100.0], [100.0, 98.0, 100.0, 100.0])
    assert kelly([0, 1, 2], bars=both) == pytest.approx({2: full(0.5)})
    late = bars_of([100.0] * 6, [100.0] * 3 + [103.0] + [100.0] * 2, [100.0] * 6)
    assert kelly([0, 4], bars=late, signals={"max_hold": 3}) == pytest.approx({4: full(1.0)})
    assert kelly([0, 4], bars=late, signals={"max_hold": 2}) == {}, "it was left before"
    assert kelly([0, 4], bars=late, signals={"stop": NAN}) == {}, "without a stop there is no loss"


def test_kelly_counts_only_what_was_entered():
    # The low of 99 at bar 1 fills a limit at 99.5, the high of 103 at bar 3 meets the target from there.
    bars = bars_of([100.0] * 6, [100.0, 104.0, 100.0, 103.0, 100.0, 100.0], [100.0, 99.0, *[100.0] * 4])
    b = (103.0 - 99.5) / (99.5 - 98.0)
    rows, limit = [0, 2, 4], {"limit": 99.5, "expiry": 1}
    assert kelly(rows[:2], bars=bars, signals=limit) == {}, "the high of the bar that fills may have come before"
    assert kelly(rows, bars=bars, signals=limit) == pytest.approx({4: full(1.0, b)})
    assert kelly([0, 4], bars=bars, signals={"limit": 98.5, "expiry": 1}) == {}
    # A trigger at 102 is met within bar 1, whose high of 104 must come after that.
    triggered = {"trigger": 102.0, "expiry": 1}
    b = (103.0 - 102.0) / (102.0 - 98.0)
    assert kelly([0, 2], bars=bars, signals=triggered) == pytest.approx({2: full(1.0, b)})
    assert kelly([1, 4], bars=bars, signals=triggered) == {}, "it expired"
    assert kelly([1, 4], bars=bars, signals=triggered | {"expiry": 2}) == pytest.approx({4: full(1.0, b)})


def test_kelly_passes_over_what_comes_after_the_session():
    bars = bars_of([100.0] * 6, [100.0] * 3 + [103.0] + [100.0] * 2, [100.0] * 6)
    for minutes, expected in [(20, {4: pytest.approx(full(1.0))}), (19, {})]:
        leave_at = START + np.array([minutes, 100]) * 60_000_000_000
        assert kelly([0, 4], bars=bars, signals={"leave_at": leave_at}) == expected


@dataclass(frozen=True)
class Fixed(Strategy):
    """A signal at the last bar."""

    name: ClassVar[str] = "fixed"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {}

    side: float = 1.0
    stop: float = 100.0
    target: float = 110.0

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        return make_signals(bars.close_time[-1:], self.side, stop=self.stop, target=self.target)


def test_modifiers_are_applied_in_one_order_however_they_are_written():
    modifiers = (RiskToStop(risk=0.01, leverage=3.0), RewardTarget(2.0, 4), FixedStop(2.0, 4), LimitEntry(0.5, 3, 4))
    strategy = ModifiedStrategy(Fixed(), modifiers)
    assert strategy == ModifiedStrategy(Fixed(), modifiers[::-1])
    assert strategy.name == "fixed", "trades are grouped by the rule"
    assert (
        strategy.id
        == ModifiedStrategy(Fixed(), modifiers[::-1]).id
        == (
            "fixed(side=1,stop=100,target=110)+limit_entry(offset=0.5,expiry=3,window=4)+fixed_stop(ranges=2,window=4)"
            "+reward_target(reward=2,window=4)+risk_to_stop(risk=0.01,leverage=3)"
        )
    )
    signals = strategy.signals(BARS)
    assert [only(signals, name) for name in ("limit", "stop", "target")] == [102.5, 96.5, 114.5]
    assert only(signals, "stake") == pytest.approx(0.01 * 102.5 / 6.0)


def test_the_lookback_serves_the_rule_and_each_modifier():
    rule = VolatilityBreakout(window=20)
    assert ModifiedStrategy(rule, (FixedStop(window=10),)).lookback(FIVE) == 22
    assert ModifiedStrategy(rule, (FixedStop(window=30),)).lookback(FIVE) == 31
    assert ModifiedStrategy(rule, (Kelly(history=100), FixedStop(window=30))).lookback(FIVE) == 131


@pytest.mark.parametrize(
    ("modifiers", "match"),
    [
        ((LimitEntry(), StopEntry()), "limit_entry and stop_entry both set how a trade is entered: keep one of them"),
        ((StopEntry(), StopEntry(offset=1)), "stop_entry is given 2 times; at most 1 is allowed"),
        ((Kelly(), RiskToStop(), FixedFraction()), "fixed_fraction and kelly and risk_to_stop all set how large"),
        ((SessionEnd(), ExchangeClose()), "exchange_close and session_end both set when the session ends"),
        (tuple(ScaleOut(0.1, reward) for reward in (1, 2, 3, 4)), "scale_out is given 4 times; at most 3 is allowed"),
        ((ScaleOut(0.5, 1), ScaleOut(0.1, 1)), "scale_out: two parts exit at the same reward"),
        ((ScaleOut(0.5, 1), ScaleOut(0.5, 2)), "the shares add up to 1, which leaves nothing for the last exit"),
    ],
)  # fmt: skip
def test_modifiers_that_contradict_each_other_are_refused(modifiers, match):
    with pytest.raises(BadInput, match=f"{match}"):
        ModifiedStrategy(Fixed(), modifiers)


WRONG = {
    "limit_entry": [{"offset": -0.1}, {"expiry": 0}, {"window": 0}],
    "stop_entry": [{"offset": -0.1}, {"expiry": 0}, {"window": 0}],
    "scale_in": [{"entries": 1}],
    "cooldown": [{"bars": 0}],
    "fixed_stop": [{"ranges": 0.0}, {"window": 0}],
    "trailing": [{"ranges": 0.0}, {"window": 0}],
    "fixed_target": [{"ranges": 0.0}, {"window": 0}],
    "reward_target": [{"reward": 0.0}, {"window": 0}],
    "scale_out": [{"share": 0.0}, {"share": 1.0}, {"reward": 0.0}, {"window": 0}],
    "break_even": [{"after": 0.0}, {"window": 0}],
    "time_exit": [{"bars": 0}],
    "session_end": [{"minute": -1}, {"minute": 1440}],
    "exchange_close": [{"before": -1}, {"before": 1440}],
    "opposite_exit": [],
    "limit_exit": [{"wait": 0}],
    "flip": [],
    "fixed_fraction": [{"fraction": 0.0}],
    "risk_to_stop": [{"risk": 0.0}, {"risk": 1.0}, {"leverage": 0.0}],
    "volatility_target": [{"target": 0.0}, {"window": 1}, {"leverage": 0.0}],
    "kelly": [{"fraction": 0.0}, {"history": 0}, {"leverage": 0.0}, {"least": 0}],
}


@pytest.mark.parametrize("name", MODIFIERS)
def test_a_modifier_documents_its_parameters_and_refuses_what_is_out_of_range(name):
    modifier = get_modifier(name)
    assert modifier.aspect in ASPECTS
    parameters = [field.name for field in fields(modifier)]
    for parameter in parameters:
        assert re.search(rf"^{parameter} : ", cleandoc(modifier.__doc__), re.MULTILINE), f"{parameter} is documented"
    assert {parameter for wrong in WRONG[name] for parameter in wrong} == set(parameters) - {"calendar"}
    for wrong in WRONG[name]:
        (parameter,) = wrong
        with pytest.raises(BadInput, match=f"{name}: {parameter} is .*, which is out of range: \\w"):
            modifier(**wrong)


def test_every_aspect_is_set_by_some_modifier():
    assert {modifier.aspect for modifier in MODIFIERS.values()} == set(ASPECTS)
    assert all(issubclass(modifier, Modifier) for modifier in MODIFIERS.values())
