"""Trade batches: the trades of some strategies on one chunk, the unit that is simulated, stored and resumed.

A batch is stored under a hash of everything its trades follow from. Stored batches are read, the others are simulated
on all cores. An interrupted run keeps the batches that it finished, and the next one ends with the same bytes.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.pipelines.table_cache import TableCache
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.strategy import Strategy
from tradesieve.strategies.trades import TRADE_COLUMNS, check_trades, pool_trades

BATCH_SIZE = 32
"""Strategies in a batch: few enough to bound memory, enough to amortise handing over the bars."""


@dataclass(frozen=True, eq=False)
class TradeBatch:
    """Some strategies on the bars of a chunk; `number` counts the batches of the chunk."""

    chunk: Chunk
    number: int
    strategies: tuple[Strategy, ...]

    @cached_property
    def name(self) -> str:
        """Name of its table in the cache."""
        return f"{self.chunk.symbol}/{self.chunk.timeframe}/{self.chunk.trades_key(self.strategies)}"

    @property
    def n_bars(self) -> int:
        """Number of bars to simulate: those of the chunk, once for each strategy."""
        return len(self.chunk.bars) * len(self.strategies)


def split_batches(chunk: Chunk) -> list[TradeBatch]:
    """Split a chunk's strategies into batches; those that share a rule and its parameters stay side by side."""
    same_rule: dict[Strategy, list[Strategy]] = {}
    for strategy in chunk.strategies:
        same_rule.setdefault(strategy.base_rule, []).append(strategy)
    ordered = tuple(itertools.chain.from_iterable(same_rule.values()))
    starts = range(0, len(ordered), BATCH_SIZE)
    return [TradeBatch(chunk, number, ordered[start : start + BATCH_SIZE]) for number, start in enumerate(starts)]


def iter_trades(
    chunks: Sequence[Chunk], settings: Settings, *, progress: Progress = silent
) -> Iterator[tuple[TradeBatch, pd.DataFrame]]:
    """Yield every batch of some chunks with its trades, one table in memory at a time.

    1. Simulate the batches that are not stored, on all cores, and store each once it is finished.
    2. Read each batch once and yield it, in the order of the chunks.

    Raises
    ------
    BadInput : if the cache cannot be written.
    """
    cache = settings.trades
    batches = [batch for chunk in chunks for batch in split_batches(chunk)]
    missing = [batch for batch in batches if batch.name not in cache]
    _simulate_all(missing, cache, progress)
    simulated = {batch.name for batch in missing}
    for batch in batches:
        trades = cache.read(batch.name, TRADE_COLUMNS)
        if trades is None:  # damaged, or deleted by another process in the meantime
            trades = _simulate(batch)
            cache.write(trades, batch.name)
        elif batch.name not in simulated:
            progress("trades", 1, 1, f"{batch.chunk.name}: read {len(trades)}")
        yield batch, trades
    if missing:
        cache.prune()


def _simulate_all(batches: Sequence[TradeBatch], cache: TableCache, progress: Progress) -> None:
    """Simulate and store batches on all cores, reporting the time left once it can be estimated."""
    import joblib

    n_workers, total = os.cpu_count() or 1, sum(len(batch.strategies) for batch in batches)
    bars_left, done, timed_bars, seconds = sum(batch.n_bars for batch in batches), 0, 0, 0.0
    if batches:
        progress("trades", 0, total, f"{batches[0].chunk.name}: {total} instances")
    # Threads: the kernels release the GIL, so bars are shared and nothing is imported twice.
    workers = joblib.Parallel(n_jobs=n_workers, backend="threading", return_as="generator_unordered")
    stored = workers(joblib.delayed(_simulate_and_store)(batch, cache) for batch in batches)
    for place, (batch, took) in enumerate(stored):
        done, bars_left = done + len(batch.strategies), bars_left - batch.n_bars
        # The first batch of each worker may have compiled the kernels, so its time says nothing about the others.
        if place >= n_workers:
            timed_bars, seconds = timed_bars + batch.n_bars, seconds + took
        left = f", about {seconds / timed_bars * bars_left / n_workers:.0f} s left" if timed_bars and bars_left else ""
        progress("trades", done, total, batch.chunk.name + left)


def _simulate_and_store(batch: TradeBatch, cache: TableCache) -> tuple[TradeBatch, float]:
    """Simulate and store a batch; return it with the seconds it took."""
    started = time.monotonic()
    cache.write(_simulate(batch), batch.name)
    return batch, time.monotonic() - started


def _simulate(batch: TradeBatch) -> pd.DataFrame:
    chunk = batch.chunk
    tables = []
    # Strategies that differ in their modifiers only share the signals of their rule.
    for rule, strategies in itertools.groupby(batch.strategies, key=lambda strategy: strategy.base_rule):
        signals = rule.signals(chunk.bars)
        tables += [
            simulate(strategy, chunk.bars, chunk.instrument, finer=chunk.aligned_finer, decided=signals)
            for strategy in strategies
        ]
    trades = pool_trades(tables)
    check_trades(trades)
    return trades
