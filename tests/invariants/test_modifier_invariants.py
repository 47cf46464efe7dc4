"""A modified rule keeps the invariants of a rule on any bars, and a modifier that breaks one is caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.timeframes import parse_timeframe
from tradesieve.strategies.invariants import check_strategy
from tradesieve.strategies.modifiers.base import ModifiedStrategy, Modifier
from tradesieve.strategies.modifiers.kelly import Kelly
from tradesieve.strategies.modifiers.signal_prices import decision_rows, replace_columns
from tradesieve.strategies.registry import MODIFIERS, parse_strategy
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.signals import Signals

BUSY = "volatility_breakout(window=10,multiple=0.7)"
RANGE = "opening_range_breakout(opening_minutes=30,session_minute=810)"
DIP = "dip_buying(drop_threshold=-0.001,price_move=0.003,history=200,profit_target=0.01)"

COMBINATIONS = [
    f"{BUSY}+limit_entry(offset=0.2,expiry=5)+fixed_target(ranges=4)",
    f"{BUSY}+stop_entry(offset=0.1,expiry=3)+trailing(ranges=3,window=30)+risk_to_stop(risk=0.01,leverage=3)",
    f"{BUSY}+fixed_stop(ranges=1.5)+reward_target(reward=3)+scale_out(share=0.3,reward=1)+scale_out(share=0.3,reward=2)",
    f"{BUSY}+break_even(after=1)+time_exit(bars=12)+limit_exit(wait=3)+cooldown(bars=4)",
    f"{BUSY}+kelly(history=150,least=5,leverage=2)+opposite_exit+scale_in(entries=3)",
    f"{BUSY}+limit_entry(offset=0.1,expiry=5)+fixed_stop(ranges=2)+reward_target(reward=1)+kelly(history=300,least=5)",
    f"{BUSY}+stop_entry(offset=0.1,expiry=5,window=5)+kelly(history=300,least=5,fraction=1)",
    f"{RANGE}+session_end(minute=1230)+volatility_target(target=0.02,window=50,leverage=4)",
    f"{RANGE}+exchange_close(calendar=XNYS,before=10)+fixed_fraction(fraction=0.25)",
    f"{DIP}+limit_entry(offset=0.5,window=40)+session_end(minute=0)+volatility_target(window=20)",
    "donchian_channel+stop_entry(offset=0.2)+trailing(ranges=3)+break_even(after=2)+risk_to_stop(risk=0.01,leverage=3)",
    "random_entries(probability=0.1)+fixed_stop(ranges=2,window=7)+reward_target(reward=1)+kelly(history=200,least=4)",
    "time_of_day+limit_entry(offset=0.1,expiry=6)+scale_in(entries=2)+fixed_fraction(fraction=0.5)",
    "moving_average_cross+fixed_stop+scale_out(share=0.5,reward=1,window=9)+volatility_target(window=60)",
    f"{DIP}+trailing(ranges=2)+risk_to_stop(risk=0.005)+opposite_exit",
    f"{BUSY}+limit_entry(offset=0.2,expiry=5)+reward_target(reward=2)+flip+risk_to_stop(risk=0.01,leverage=3)",
]


def random_bars(n: int) -> Bars:
    """Make bars of a random walk."""
    random = np.random.default_rng(11)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.004, n)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * np.exp(random.exponential(0.001, n))
    low = np.minimum(open_, close) * np.exp(-random.exponential(0.001, n))
    timeframe = parse_timeframe("5m")
    time = 1_700_000_100_000_000_000 // timeframe.duration * timeframe.duration + timeframe.duration * np.arange(n)
    return Bars("X", timeframe, time, open_, high, low, close, np.ones(n))


def gappy_bars(bars: Bars) -> Bars:
    """Take a third of the bars away, and four days in the middle."""
    random = np.random.default_rng(12)
    kept = random.random(len(bars)) > 1 / 3
    kept[len(bars) // 2 : len(bars) // 2 + 1152] = False
    return Bars(bars.symbol, bars.timeframe, **{name: getattr(bars, name)[kept] for name in COLUMNS})


def test_each_modifier_is_in_some_combination():
    used = {piece.partition("(")[0] for text in COMBINATIONS for piece in text.split("+")[1:]}
    assert used == set(MODIFIERS)


@pytest.mark.parametrize("market", ["random", "gappy", "real"])
@pytest.mark.parametrize("text", COMBINATIONS)
def test_modified_rules_obey_the_laws_of_a_rule(text, market, request):
    if market == "real":
        bars = request.getfixturevalue("real_bars")[:5000]
    else:
        bars = random_bars(5000) if market == "random" else gappy_bars(request.getfixturevalue("market_bars"))
    strategy = parse_strategy(text)
    assert len(strategy.signals(bars)) > 5, "laws about signals are held where there are some"
    assert check_strategy(strategy, bars, n_samples=20, seed=2) == []


@pytest.mark.parametrize("history", [40, 150])
def test_a_record_needs_all_of_its_history(history, market_bars):
    kelly = Kelly(history=history, least=3)
    short = ModifiedStrategy(VolatilityBreakout(window=10, multiple=0.7), (ShortSighted(history=history, least=3),))
    assert check_strategy(ModifiedStrategy(short.rule, (kelly,)), market_bars[:4000], n_samples=40, seed=1) == []
    (broken,) = check_strategy(short, market_bars[:4000], n_samples=40, seed=1)
    assert "depends on more than its lookback" in broken


@dataclass(frozen=True)
class ShortSighted(Kelly):
    """One that forgets that the first signal of its history needs bars too."""

    def lookback(self, timeframe: object, inner: int) -> int:
        return self.history // 2


@dataclass(frozen=True)
class StopFromTomorrow(Modifier):
    """A fault: the stop stands at the low of the bar to come."""

    name: ClassVar[str] = "stop_from_tomorrow"
    aspect: ClassVar[str] = "stop"

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        rows = np.minimum(decision_rows(signals, bars) + 1, len(bars) - 1)
        return replace_columns(signals, bars, stop=np.where(signals.side > 0, bars.low[rows], bars.high[rows]))


def test_a_modifier_that_looks_ahead_is_caught(market_bars):
    strategy = ModifiedStrategy(VolatilityBreakout(window=10, multiple=0.7), (StopFromTomorrow(),))
    assert any("looks at the future" in line for line in check_strategy(strategy, market_bars[:3000], seed=1))
