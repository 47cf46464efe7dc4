"""Trade batches: the trades of some strategies on one chunk, the unit that is simulated, stored and resumed.

A batch is stored under a hash of everything its trades follow from. Stored batches are read, the others are simulated
on all cores. An interrupted run keeps the batches that it finished, and the next one ends with the same bytes.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.pipelines.steps.rule_checks import require_rule_invariants
from tradesieve.pipelines.table_cache import TableCache
from tradesieve.strategies.backtest.simulator import simulate
from tradesieve.strategies.imports.excursions import trades_within
from tradesieve.strategies.strategy import Strategy
from tradesieve.strategies.trades import TRADE_COLUMNS, check_trades, pool_trades

BATCH_SIZE = 32
"""Strategies in a batch: few enough to bound memory, enough to amortise handing over the bars."""

_N_WORKERS = os.cpu_count() or 1


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

    1. Check the invariants of the user's own rules, see `pipelines.steps.rule_checks`; stored trades passed them.
    2. Simulate the batches that are not stored, on all cores, and store each once it is finished.
    3. Read each batch once and yield it, in the order of the chunks.

    Batches that could not be stored are simulated when it is their turn, as many at a time as there are cores. Imported
    trades are neither simulated nor stored.

    Raises
    ------
    Refused : if a user's rule breaks an invariant; names it, and the first time at which it is broken.
    """
    if chunks and all(chunk.imported is not None for chunk in chunks):
        yield from _imported(chunks)
        return
    cache = settings.trades
    batches = [batch for chunk in chunks for batch in split_batches(chunk)]
    missing = [batch for batch in batches if batch.name not in cache]
    require_rule_invariants(((batch.chunk.bars, batch.strategies) for batch in missing), progress=progress)
    _simulate_all(missing, cache, progress)
    simulated = {batch.name for batch in missing}
    for batch, trades in _read_all(batches, cache):
        if batch.name not in simulated:
            progress("trades", 1, 1, f"{batch.chunk.name}: read {len(trades)}")
        yield batch, trades
    if missing:
        cache.prune()


def _imported(chunks: Sequence[Chunk]) -> Iterator[tuple[TradeBatch, pd.DataFrame]]:
    """Yield the imported trades of each chunk as one batch, up to the end of its bars."""
    for chunk in chunks:
        if chunk.imported is not None:
            yield TradeBatch(chunk, 0, chunk.strategies), trades_within(chunk.imported, chunk.bars)


def _read_all(batches: Sequence[TradeBatch], cache: TableCache) -> Iterator[tuple[TradeBatch, pd.DataFrame]]:
    """Read batches in order; simulate those that could not be stored."""
    for first in range(0, len(batches), _N_WORKERS):
        group = batches[first : first + _N_WORKERS]
        absent = [batch for batch in group if batch.name not in cache]
        simulated = dict(zip([batch.name for batch in absent], _on_all_cores(_simulate, absent), strict=True))
        for batch in group:
            trades = simulated.pop(batch.name, None)
            if trades is None:
                trades = cache.read(batch.name, TRADE_COLUMNS)
            if trades is None:  # damaged, or deleted by another process in the meantime
                trades = _simulate(batch)
                cache.write(trades, batch.name)
            yield batch, trades


def _simulate_all(batches: Sequence[TradeBatch], cache: TableCache, progress: Progress) -> None:
    """Simulate and store batches on all cores, reporting the time left once it can be estimated.

    Stops once a batch cannot be stored: it would have to be simulated again.
    """
    total = sum(len(batch.strategies) for batch in batches)
    bars_left, done, timed_bars, seconds = sum(batch.n_bars for batch in batches), 0, 0, 0.0
    if batches:
        progress("trades", 0, total, f"{batches[0].chunk.name}: {total} instances")
    is_writable = threading.Event()
    is_writable.set()

    def simulate_and_store(batch: TradeBatch) -> tuple[TradeBatch, float]:
        started = time.monotonic()
        if is_writable.is_set() and not cache.write(_simulate(batch), batch.name):
            is_writable.clear()
        return batch, time.monotonic() - started

    for place, (batch, took) in enumerate(_on_all_cores(simulate_and_store, batches)):
        done, bars_left = done + len(batch.strategies), bars_left - batch.n_bars
        # The first batch of each worker may have compiled the kernels, so its time says nothing about the others.
        if place >= _N_WORKERS:
            timed_bars, seconds = timed_bars + batch.n_bars, seconds + took
        left = f", about {seconds / timed_bars * bars_left / _N_WORKERS:.0f} s left" if timed_bars and bars_left else ""
        progress("trades", done, total, batch.chunk.name + left)


def _on_all_cores(work: Callable[[TradeBatch], Any], batches: Sequence[TradeBatch]) -> Iterator[Any]:
    """Yield the result of each batch, in order."""
    if not batches:
        return iter(())
    import joblib

    # Threads: the kernels release the GIL, so bars are shared and nothing is imported twice.
    workers = joblib.Parallel(n_jobs=_N_WORKERS, backend="threading", return_as="generator")
    return workers(joblib.delayed(work)(batch) for batch in batches)


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
