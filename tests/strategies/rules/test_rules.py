"""The first three rules against slow ones, written from their docstrings (dip-buying from its specification)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import DAY, parse_timeframe
from tradesieve.strategies.registry import RULES
from tradesieve.strategies.rules.dip_buying import DipBuying
from tradesieve.strategies.rules.opening_range_breakout import OpeningRangeBreakout
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals

FIVE = parse_timeframe("5m")
MINUTE = 60_000_000_000
COLUMNS = ("decision_time", "side", "stop", "target", "max_hold", "stake")


def bars_of(closes: list[float], *, wick: float = 0.0, timeframe: str = "5m", skipped: tuple[int, ...] = ()) -> Bars:
    """Make bars that open where the one before closed."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.concatenate([close[:1], close[:-1]])
    kept = np.setdiff1d(np.arange(len(close)), skipped)
    duration = parse_timeframe(timeframe).duration
    return Bars(
        "X",
        parse_timeframe(timeframe),
        close_time=DAY * 19_000 + duration * (kept + 1),
        open=open_[kept],
        high=(np.maximum(open_, close) * (1 + wick))[kept],
        low=(np.minimum(open_, close) * (1 - wick))[kept],
        close=close[kept],
        volume=np.ones(len(kept)),
    )


def assert_same(signals: Signals, expected: list[tuple]) -> None:
    """Hold signals to rows of decision_time, side, stop, target, max_hold, stake."""
    found = list(zip(*(getattr(signals, name).tolist() for name in COLUMNS), strict=True))
    assert [row[0] for row in found] == [row[0] for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        assert row == pytest.approx(wanted, rel=1e-9)
    for name in ("limit", "trail"):
        assert np.isnan(getattr(signals, name)).all(), "these rules enter at market, with a fixed stop"


def slow_volatility_breakout(rule: VolatilityBreakout, bars: Bars) -> list[tuple]:
    rows = []
    high, low, close = (column.tolist() for column in (bars.high, bars.low, bars.close))
    true_range = [None, *(max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, len(close)))]
    for i in range(rule.window + 1, len(close)):
        average = sum(true_range[i - rule.window : i]) / rule.window
        move = close[i] - close[i - 1]
        if average == 0 or abs(move) <= rule.multiple * average:
            continue
        side = 1 if move > 0 else -1
        risk = min(rule.stop_ranges * average, close[i] / 2)
        target = close[i] + side * min(rule.reward * risk, 0.9 * close[i])
        rows.append((int(bars.close_time[i]), side, close[i] - side * risk, target, rule.max_hold, 1.0))
    return rows


def slow_opening_range_breakout(rule: OpeningRangeBreakout, bars: Bars) -> list[tuple]:
    rows = []
    sessions: dict[int, list[int]] = {}
    for i, opened in enumerate(bars.open_time.tolist()):
        sessions.setdefault((opened - rule.session_minute * MINUTE) // DAY, []).append(i)
    for session, members in sorted(sessions.items()):
        start = session * DAY + rule.session_minute * MINUTE
        opening = [i for i in members if bars.close_time[i] <= start + rule.opening_minutes * MINUTE]
        if not opening:
            continue
        high, low = max(bars.high[opening]), min(bars.low[opening])
        if high == low:
            continue
        sides = set()
        for i in members:
            if i in opening:
                continue
            side = 1 if bars.close[i] > high else -1 if bars.close[i] < low else 0
            if side == 0 or side in sides:
                continue
            sides.add(side)
            target = bars.close[i] + side * rule.reward * (high - low)
            if target > 0:
                rows.append((int(bars.close_time[i]), side, low if side > 0 else high, target, rule.max_hold, 1.0))
    return rows


def slow_dip_buying(rule: DipBuying, bars: Bars) -> list[tuple]:
    """The specification, sentence by sentence.

    A drop is a one-bar return at or below `drop_threshold`; p is the share of the drops in the last `history` bars
    after which the price rose by `price_move` within `look_back` bars (a drop whose outcome is not yet decided does not
    count); with b = profit_target / price_move, buy the fraction f = max(0, (b p - (1 - p)) / b) of the capital, leave
    at `price_move`, at the stop, or on time.
    """
    close, high = bars.close.tolist(), bars.high.tolist()
    rows = []

    def is_drop(i: int) -> bool:
        return i > 0 and (close[i] - close[i - 1]) / close[i - 1] <= rule.drop_threshold

    def outcome(drop: int, now: int) -> bool | None:
        """True: it rose. False: its time is over without a rise. None: nobody can know yet."""
        last = drop + rule.look_back
        seen = high[drop + 1 : min(last, now) + 1]
        if any(price >= close[drop] * (1 + rule.price_move) for price in seen):
            return True
        return False if last <= now else None

    for now in range(len(close)):
        if not is_drop(now):
            continue
        outcomes = [outcome(drop, now) for drop in range(max(0, now - rule.history), now) if is_drop(drop)]
        decided = [each for each in outcomes if each is not None]
        if not decided:
            continue
        p = sum(decided) / len(decided)
        b = rule.profit_target / rule.price_move
        fraction = max(0.0, (b * p - (1 - p)) / b)
        if fraction > 0:
            stop, target = close[now] * (1 - rule.stop_loss), close[now] * (1 + rule.price_move)
            rows.append((int(bars.close_time[now]), 1, stop, target, rule.look_back, fraction))
    return rows


SLOW = {
    "volatility_breakout": slow_volatility_breakout,
    "opening_range_breakout": slow_opening_range_breakout,
    "dip_buying": slow_dip_buying,
}
OTHERS = {
    "volatility_breakout": [VolatilityBreakout(window=2, multiple=0.5, stop_ranges=40.0, reward=3.0)],
    "opening_range_breakout": [OpeningRangeBreakout(opening_minutes=7, session_minute=1439, reward=0.5)],
    "dip_buying": [
        DipBuying(drop_threshold=-0.002, price_move=0.003, look_back=5, history=40, profit_target=0.009),
        DipBuying(drop_threshold=-0.001, price_move=0.002, look_back=60, history=30, profit_target=0.001),
    ],
}


@pytest.mark.parametrize("name", SLOW)
def test_a_rule_decides_as_its_slow_twin_on_synthetic_bars(name, market_bars):
    bars = market_bars[:4000]
    variants = list(RULES[name].variants())
    n_signals = []
    for rule in [*variants[:: max(1, len(variants) // 5)], *OTHERS[name]]:
        expected = SLOW[name](rule, bars)
        assert_same(rule.signals(bars), expected)
        n_signals.append(len(expected))
    assert min(n_signals[-len(OTHERS[name]) :]) > 20
    assert sum(n_signals) > 60


@pytest.mark.parametrize("name", SLOW)
def test_a_rule_decides_as_its_slow_twin_on_real_bars(name, real_bars):
    bars = real_bars[:6000]
    for rule in [RULES[name](), *OTHERS[name]]:
        assert_same(rule.signals(bars), SLOW[name](rule, bars))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rules_decide_as_their_slow_twins_on_bars_of_few_prices(seed):
    # Few prices and many gaps: flat windows, equal highs, sessions without an opening, drops that lie on the edge.
    random = np.random.default_rng(seed)
    n = 400
    path = 100 + np.cumsum(random.choice([-1, 0, 0, 0, 1], n)) * random.choice([1.0, 0.1])
    bars = bars_of(path.tolist(), timeframe="15m", skipped=tuple(np.flatnonzero(random.random(n) < 0.3).tolist()))
    assert_same(
        VolatilityBreakout(window=3, multiple=1.0).signals(bars),
        slow_volatility_breakout(VolatilityBreakout(window=3, multiple=1.0), bars),
    )
    opening = OpeningRangeBreakout(opening_minutes=45, session_minute=int(random.integers(0, 1440)), reward=200.0)
    assert_same(opening.signals(bars), slow_opening_range_breakout(opening, bars))
    dip = DipBuying(drop_threshold=-0.001, price_move=0.004, look_back=7, history=25, profit_target=0.008)
    assert_same(dip.signals(bars), slow_dip_buying(dip, bars))


def test_no_breakout_of_a_market_that_stood_still():
    closes = [100.0] * 30 + [101.0, 102.0]
    signals = VolatilityBreakout(window=20).signals(bars_of(closes))
    # The first move has no range to be measured by; the second is measured by the first.
    assert len(signals) == 1
    assert signals.stop[0] < 102.0 < signals.target[0]
    # A range below the last digit of the price leaves no room for a stop.
    tiny = [100.0] * 30 + [np.nextafter(100.0, 101.0), 100.0, np.nextafter(100.0, 101.0)]
    assert len(VolatilityBreakout(window=20, stop_ranges=0.01).signals(bars_of(tiny))) == 0


def test_stops_and_targets_of_wild_bars_are_prices():
    closes = [100.0, 101.0, 99.0, 100.0, 102.0, 30.0, 2.0, 90.0]
    for rule in (VolatilityBreakout(window=2, multiple=0.1, stop_ranges=50.0, reward=50.0),):
        signals = rule.signals(bars_of(closes))
        assert len(signals) >= 4
        assert (signals.stop > 0).all()
        assert (signals.target > 0).all()


def test_the_first_breakout_of_a_session_by_hand():
    # An hour of 5-minute bars between 99 and 101, then up, back, up again, and down.
    closes = [100, 101, 99, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100.5, 101.5, 100, 102, 98.5, 98, 103]
    signals = OpeningRangeBreakout(reward=2.0).signals(bars_of(closes))
    assert signals.side.tolist() == [1.0, -1.0], "once a side"
    assert ((signals.decision_time - 19_000 * DAY) // FIVE.duration).tolist() == [14, 17]
    assert signals.stop.tolist() == [99.0, 101.0], "the range's other side"
    assert signals.target.tolist() == [101.5 + 2 * 2, 98.5 - 2 * 2]


def test_a_session_begins_at_its_minute_and_needs_a_bar_in_its_opening():
    day = [100.0] * 288
    quiet_then_up = [*day[:100], 101.0, 99.0, *day[:50], 105.0, *day[:136]]
    late = OpeningRangeBreakout(opening_minutes=60, session_minute=100 * 5)
    times = late.signals(bars_of(quiet_then_up)).decision_time - 19_000 * DAY
    assert times.tolist() == [153 * FIVE.duration], "its hour, from 08:20 on, lies between 99 and 101"
    gone = OpeningRangeBreakout(opening_minutes=60, session_minute=100 * 5)
    no_opening = bars_of(quiet_then_up, skipped=tuple(range(100, 112)))
    assert len(gone.signals(no_opening)) == 0
    # Bars longer than the opening are never wholly within it.
    assert len(OpeningRangeBreakout(opening_minutes=30).signals(bars_of(quiet_then_up, timeframe="1h"))) == 0


def test_a_short_whose_target_would_lie_below_zero_is_not_taken():
    closes = [100, 101, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.4]
    assert len(OpeningRangeBreakout(reward=1.0).signals(bars_of(closes))) == 0
    long = [1, 100, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 101, 102]
    assert OpeningRangeBreakout(reward=3.0).signals(bars_of(long)).target.tolist() == [101 + 3 * 99]


def test_kelly_s_fraction_by_hand():
    # Drops of 10 % from 100 to 90; two of them rise by 10 % within two bars, one does not, the last is the decision.
    good, bad = [100, 90, 99, 100], [100, 90, 90, 90, 100]
    rule = DipBuying(drop_threshold=-0.1, price_move=0.1, look_back=2, history=50, profit_target=0.2, stop_loss=0.05)
    bars = bars_of([*good, *bad, *good, 90])
    signals = rule.signals(bars)
    # First decision at the second drop: p = 1, so f = 1. Then p = 1/2: (2/2 - 1/2) / 2 = 1/4. Then 2/3: 1/2.
    assert signals.stake.tolist() == pytest.approx([1.0, 0.25, 0.5])
    assert signals.stop.tolist() == pytest.approx([90 * 0.95] * 3)
    assert signals.target.tolist() == pytest.approx([90 * 1.1] * 3)
    assert signals.max_hold.tolist() == [2] * 3
    # With even odds a share of one half is worth nothing.
    even = DipBuying(drop_threshold=-0.1, price_move=0.1, look_back=2, history=50, profit_target=0.1, stop_loss=0.05)
    assert even.signals(bars).stake.tolist() == pytest.approx([1.0, (2 / 3 - 1 / 3)])


def test_a_drop_that_is_not_decided_does_not_count():
    rule = DipBuying(drop_threshold=-0.1, price_move=0.1, look_back=5, history=50, profit_target=0.2)
    # The first drop neither rose nor is its time over when the second comes: there is no p, and no trade.
    assert len(rule.signals(bars_of([100, 90, 91, 80]))) == 0
    # One bar after its time is over it counts, as a failure.
    assert len(rule.signals(bars_of([100, 90, 91, 91, 91, 91, 91, 80]))) == 0
    # A failure and an undecided drop that will succeed: nobody may know that yet.
    assert len(rule.signals(bars_of([100, 90, 91, 91, 91, 91, 91, 81, 82, 70, 90]))) == 0
    # The moment it rose it counts, long before its time is over.
    assert rule.signals(bars_of([100, 90, 100, 80])).stake.tolist() == [1.0]
    # The rise may come in the deciding bar itself, by its high.
    spike = bars_of([100, 90, 91, 80], wick=0.12)
    assert rule.signals(spike).stake.tolist() == [1.0]


def test_only_the_drops_of_the_history_count():
    rule = DipBuying(drop_threshold=-0.1, price_move=0.1, look_back=1, history=5, profit_target=0.2)
    at_border = [100, 90, 100, 100, 100, 100, 90]
    assert len(rule.signals(bars_of(at_border))) == 1, "five bars before the decision"
    assert len(rule.signals(bars_of([*at_border[:3], 100, *at_border[3:]]))) == 0, "six bars before"


def test_a_high_that_reaches_the_price_move_exactly_is_a_rise():
    rule = DipBuying(drop_threshold=-0.2, price_move=0.25, look_back=1, history=50, profit_target=1.0)
    assert len(rule.signals(bars_of([80, 64, 80, 64]))) == 1
    assert len(rule.signals(bars_of([80, 64, np.nextafter(80, 0), 60]))) == 0


def test_the_threshold_itself_is_a_drop():
    rule = DipBuying(drop_threshold=-0.25, price_move=0.25, look_back=1, history=50, profit_target=1.0)
    assert len(rule.signals(bars_of([100, 75, 100, 75]))) == 1
    assert len(rule.signals(bars_of([100, 75.01, 100, 75.01]))) == 0
