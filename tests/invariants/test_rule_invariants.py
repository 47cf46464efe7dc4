"""Every rule keeps its invariants, and rules that break one are caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from numba import njit

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.perturbation import isolate, scramble_after
from tradesieve.market.timeframes import DAY
from tradesieve.strategies.invariants import check_strategy
from tradesieve.strategies.registry import RULES
from tradesieve.strategies.rules.bollinger_reversion import BollingerReversion
from tradesieve.strategies.rules.dip_buying import DipBuying
from tradesieve.strategies.rules.donchian_channel import DonchianChannel
from tradesieve.strategies.rules.double_top_bottom import DoubleTopBottom
from tradesieve.strategies.rules.moving_average_cross import MovingAverageCross
from tradesieve.strategies.rules.opening_range_breakout import OpeningRangeBreakout
from tradesieve.strategies.rules.random_entries import RandomEntries
from tradesieve.strategies.rules.reversal_breakout import ReversalBreakout
from tradesieve.strategies.rules.rsi_reversal import RsiReversal
from tradesieve.strategies.rules.support_resistance_breakout import SupportResistanceBreakout
from tradesieve.strategies.rules.time_of_day import TimeOfDay
from tradesieve.strategies.rules.timeframe_confirmation import TimeframeConfirmation
from tradesieve.strategies.rules.trend_day import TrendDay
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy

BUSY = {
    "volatility_breakout": VolatilityBreakout(window=10, multiple=0.7),
    "opening_range_breakout": OpeningRangeBreakout(opening_minutes=30, session_minute=810),
    "dip_buying": DipBuying(drop_threshold=-0.001, price_move=0.003, history=200, profit_target=0.01),
    "donchian_channel": DonchianChannel(window=5, exit_window=9),
    "moving_average_cross": MovingAverageCross(fast=3, slow=11),
    "bollinger_reversion": BollingerReversion(window=9, width=1.0),
    "rsi_reversal": RsiReversal(window=3, oversold=25.0),
    "reversal_breakout": ReversalBreakout(window=7, within=5),
    "support_resistance_breakout": SupportResistanceBreakout(window=25, reach=2, touches=2, life=15),
    "double_top_bottom": DoubleTopBottom(gap=0.001, tolerance=0.0008, reach=2, window=30, patience=9),
    "trend_day": TrendDay(sessions=1, first_minutes=65, narrow=1.0, extreme=0.5),
    "time_of_day": TimeOfDay(minute=487),
    "timeframe_confirmation": TimeframeConfirmation(window=3, short=5, middle=10, long=20),
    "random_entries": RandomEntries(probability=0.1),
}
TIMELESS = {"time_of_day", "random_entries"}
"""Rules that look at nothing but the clock: one bar is all they need."""


def with_gaps(bars: Bars, *, seed: int) -> Bars:
    """Leave out single bars, hours, and every second weekend."""
    random = np.random.default_rng(seed)
    kept = random.random(len(bars)) > 0.1
    for first in random.integers(0, len(bars), size=12):
        kept[first : first + random.integers(2, 30)] = False
    day = bars.close_time // DAY
    kept &= ~((day % 14 == 2) | (day % 14 == 3))
    return Bars(bars.symbol, bars.timeframe, **{name: getattr(bars, name)[kept] for name in COLUMNS})


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("market", ["synthetic", "real"])
def test_every_rule_obeys_its_laws(name, market, request):
    bars = request.getfixturevalue("market_bars" if market == "synthetic" else "real_bars")[:6000]
    rules = [RULES[name](), *list(RULES[name].variants())[-2:], BUSY[name]]
    assert len(BUSY[name].signals(bars)) > 10, "laws about signals are held where there are some"
    for rule in rules:
        assert check_strategy(rule, bars, n_samples=24, seed=1) == []


@pytest.mark.parametrize("name", RULES)
def test_every_rule_obeys_its_laws_across_gaps(name, market_bars):
    bars = with_gaps(market_bars, seed=1)
    for rule in (RULES[name](), BUSY[name]):
        assert len(rule.signals(bars)) > 0
        assert check_strategy(rule, bars, n_samples=24, seed=2) == []


@pytest.mark.parametrize("name", RULES)
def test_lines_obey_the_laws_of_signals(name, market_bars):
    bars = with_gaps(market_bars, seed=3)
    for rule in (RULES[name](), BUSY[name]):
        lines, needed = rule.lines(bars), rule.lookback(bars.timeframe)
        other = rule.lines(scramble_after(bars, int(bars.close_time[5000]), seed=1))
        for line, values in lines.items():
            np.testing.assert_array_equal(values[:5001], other[line][:5001])
        for stop in np.random.default_rng(4).integers(needed, len(bars), size=20):
            alone = rule.lines(isolate(bars[stop - needed : stop]))
            assert {line: values[-1:].tobytes() for line, values in alone.items()} == {
                line: values[stop - 1 : stop].tobytes() for line, values in lines.items()
            }, "bit for bit"


@pytest.mark.parametrize("name", [name for name in RULES if name not in TIMELESS])
def test_one_bar_fewer_than_the_lookback_is_too_few(name, market_bars):
    # The declared lookback is not larger than it need be, where a bar less would decide otherwise.
    rule = BUSY[name]
    needed = rule.lookback(market_bars.timeframe)
    signals = rule.signals(market_bars)
    changed = 0
    for time in signals.decision_time[signals.decision_time > market_bars.close_time[needed]][:60]:
        stop = int(np.searchsorted(market_bars.close_time, time, side="right"))
        enough, fewer = (rule.signals(market_bars[stop - n : stop]) for n in (needed, needed // 2))
        row, same, other = signals.at(time), enough.at(time), fewer.at(time)
        assert same is not None
        for column in ("side", "stop", "target", "stake"):
            np.testing.assert_array_equal(getattr(enough, column)[same], getattr(signals, column)[row])
        changed += other is None or fewer.stake[other] != signals.stake[row] or fewer.stop[other] != signals.stop[row]
    assert changed > 0


@dataclass(frozen=True)
class Breakout(Strategy):
    """A rule with a fault: it reads `shift` bars from where it may, and claims a lookback of `claimed`."""

    name: ClassVar[str] = "breakout"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {}

    window: int = 10
    shift: int = 0
    claimed: int = 11

    def lookback(self, timeframe: object) -> int:
        return self.claimed

    def signals(self, bars: Bars) -> Signals:
        seen = np.roll(bars.close, -self.shift)
        rows = np.arange(self.window, len(bars))
        highest = np.array([bars.close[row - self.window : row].max() for row in rows])
        rows = rows[seen[rows] > highest] if len(rows) else rows
        return make_signals(bars.close_time[rows], 1.0)


def test_an_honest_breakout_passes(market_bars):
    assert check_strategy(Breakout(), market_bars[:3000], seed=1) == []


def test_a_rule_that_peeks_one_bar_ahead_is_caught(market_bars):
    broken = check_strategy(Breakout(shift=1), market_bars[:3000], seed=1)
    assert any("breakout(window=10,shift=1,claimed=11) looks at the future" in sentence for sentence in broken)


@pytest.mark.parametrize("claimed", [5, 10])
def test_a_rule_whose_lookback_is_too_short_is_caught(market_bars, claimed):
    broken = check_strategy(Breakout(claimed=claimed), market_bars[:3000], seed=1)
    assert len(broken) == 1
    assert f"depends on more than its lookback of {claimed} bars at 20" in broken[0]


@dataclass(frozen=True)
class Centred(Strategy):
    """A fault that is easily made: values scaled by the mean of all of history."""

    name: ClassVar[str] = "centred"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {}

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        rows = np.flatnonzero(bars.close > bars.close.mean())
        return make_signals(bars.close_time[rows], 1.0)


def test_a_rule_that_knows_the_mean_of_all_of_history_is_caught(market_bars):
    broken = check_strategy(Centred(), market_bars[:3000], seed=1)
    assert any("looks at the future" in sentence for sentence in broken)


@dataclass(frozen=True)
class StopFromTomorrow(Breakout):
    """A subtler one: it decides honestly and takes its stop from the next bar."""

    name: ClassVar[str] = "stop_from_tomorrow"

    def signals(self, bars: Bars) -> Signals:
        honest = Breakout.signals(self, bars)
        rows = np.searchsorted(bars.close_time, honest.decision_time)
        low = bars.low[np.minimum(rows + 1, len(bars) - 1)]
        return make_signals(honest.decision_time, 1.0, stop=low * 0.99)


def test_a_stop_from_the_next_bar_is_caught(market_bars):
    assert any("looks at the future" in each for each in check_strategy(StopFromTomorrow(), market_bars[:3000], seed=1))


@njit
def _one_too_far_nb(close: np.ndarray) -> np.ndarray:
    """Compare each close with the one before it; the first with what lies before the array."""
    rises = np.zeros(len(close), np.bool_)
    for i in range(len(close)):
        rises[i] = close[i] > close[i - 1 - len(close)]  # numba counts a negative index from the end, once
    return rises


@dataclass(frozen=True)
class OneTooFar(Strategy):
    """A compiled rule that reads outside of what it was given."""

    name: ClassVar[str] = "one_too_far"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {}

    def lookback(self, timeframe: object) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        return make_signals(bars.close_time[_one_too_far_nb(bars.close)], 1.0)


def test_a_compiled_rule_that_reads_outside_of_its_window_is_caught(market_bars):
    broken = check_strategy(OneTooFar(), market_bars[:3000], seed=1)
    assert broken == [sentence for sentence in broken if "lookback of 1 bars" in sentence]
    assert len(broken) == 1


def test_history_shorter_than_the_lookback_is_still_held_to_causality(market_bars):
    assert check_strategy(Breakout(claimed=5000), market_bars[:300], seed=1) == []
    assert len(check_strategy(Breakout(shift=1, claimed=5000), market_bars[:300], seed=1)) == 1
    assert check_strategy(Breakout(), market_bars[:0], seed=1) == []


def test_the_check_is_the_same_for_the_same_seed(market_bars):
    first = check_strategy(Breakout(shift=1), market_bars[:2000], seed=3)
    assert first == check_strategy(Breakout(shift=1), market_bars[:2000], seed=3)
