"""Batches do not change the trades, and strategies of one rule share its signals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from tradesieve.market.bars import Bars
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps import trade_batches
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.rules.dip_buying import DipBuying
from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
from tradesieve.strategies.trades import pool_trades

MakeHome = Callable[..., Settings]


@pytest.fixture(scope="module")
def home(make_home: MakeHome, small_bars: Bars) -> Settings:
    return make_home(bars=small_bars[:3000])


@pytest.fixture(scope="module")
def many(small_experiment: Experiment) -> Experiment:
    """More strategies than one batch holds, at two timeframes."""
    return replace(small_experiment, num_strategies=40, timeframes=("15m", "1h"))


def test_parts_do_not_change_the_trades(
    many: Experiment, home: Settings, make_home: MakeHome, small_bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chunk, _) = load_chunks(many, home)
    whole = generate_trades(chunk, home)
    monkeypatch.setattr(trade_batches, "BATCH_SIZE", 7)
    other = make_home(bars=small_bars[:3000])
    pd.testing.assert_frame_equal(generate_trades(load_chunks(many, other)[0], other), whole, check_exact=True)
    assert len(list((other.home / "trades").rglob("*.parquet"))) == 6


def test_strategies_of_one_rule_share_what_it_decides(
    small_experiment: Experiment, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ("volatility_breakout", "dip_buying")
    texts = [f"{rule}{exits}" for exits in ("", "+trailing(ranges=2|4)", "+cooldown(bars=5)") for rule in rules]
    experiment = replace(small_experiment, strategies=tuple(texts), num_strategies=24)
    (chunk, *_) = load_chunks(experiment, home)
    alone = pool_trades([simulate(strategy, chunk.bars, chunk.instrument) for strategy in chunk.strategies])
    assert len({strategy.base_rule for strategy in chunk.strategies}) < 24
    asked: list[str] = []
    for rule in (VolatilityBreakout, DipBuying):
        own = rule.signals
        monkeypatch.setattr(rule, "signals", lambda self, bars, own=own: asked.append(self.id) or own(self, bars))
    pd.testing.assert_frame_equal(generate_trades(chunk, home), alone, check_exact=True)
    assert sorted(asked) == sorted({strategy.base_rule.id for strategy in chunk.strategies})
