"""Trade parts: the trades of a batch of strategies on one chunk, the unit that is simulated, kept and resumed.

A part is named by everything that its trades follow from. Parts that are kept are read, the others are simulated on
all cores. However a run ends, the parts that it finished are kept, and the next run ends with the same bytes.
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

BATCH = 32  # strategies a part: few enough that memory is bounded, enough that bars are handed over rarely


@dataclass(frozen=True, eq=False)
class Part:
    """A batch of strategies on the bars of a chunk."""

    chunk: Chunk
    number: int
    strategies: tuple[Strategy, ...]

    @cached_property
    def name(self) -> str:
        """Name its table in the cache, by all that its trades follow from."""
        return f"{self.chunk.symbol}/{self.chunk.timeframe}/{self.chunk.key_of(self.strategies)}"

    @property
    def n_bars(self) -> int:
        """Count the bars to go through: those of the chunk, once a strategy."""
        return len(self.chunk.bars) * len(self.strategies)


def parts_of(chunk: Chunk) -> list[Part]:
    """Cut a chunk's strategies into batches, those of one rule and its parameters side by side."""
    together: dict[Strategy, list[Strategy]] = {}
    for strategy in chunk.strategies:
        together.setdefault(strategy.base_rule, []).append(strategy)
    ordered = tuple(itertools.chain.from_iterable(together.values()))
    rows = range(0, len(ordered), BATCH)
    return [Part(chunk, number, ordered[row : row + BATCH]) for number, row in enumerate(rows)]


def each_part(
    chunks: Sequence[Chunk], settings: Settings, *, progress: Progress = silent
) -> Iterator[tuple[Part, pd.DataFrame]]:
    """Go through the trades of every part of some chunks, once all are simulated; one part is in memory at a time.

    Raises
    ------
    BadInput : if the cache cannot be written.
    """
    parts = [part for chunk in chunks for part in parts_of(chunk)]
    missing = []
    for part in parts:
        kept = settings.trades.read(part.name, TRADE_COLUMNS)
        if kept is None:
            missing.append(part)
        else:
            progress("trades", 1, 1, f"{part.chunk.name}: read {len(kept)}")
    _keep_all(missing, settings.trades, progress)
    for part in parts:
        kept = settings.trades.read(part.name, TRADE_COLUMNS)
        # Another process may have pruned the cache in the meantime.
        yield part, _simulated(part) if kept is None else kept
    if missing:
        settings.trades.prune()


def _keep_all(parts: Sequence[Part], cache: TableCache, progress: Progress) -> None:
    """Simulate parts on all cores and keep them, saying how long the rest will take once that is known."""
    import joblib

    n_workers, total = os.cpu_count() or 1, sum(len(part.strategies) for part in parts)
    bars_left, done, timed, seconds = sum(part.n_bars for part in parts), 0, 0, 0.0
    if parts:
        progress("trades", 0, total, f"{parts[0].chunk.name}: {total} instances")
    # Threads: the kernels leave the interpreter, so the bars are shared and nothing is imported twice.
    workers = joblib.Parallel(n_jobs=n_workers, backend="threading", return_as="generator_unordered")
    for place, (part, took) in enumerate(workers(joblib.delayed(_keep)(part, cache) for part in parts)):
        done, bars_left = done + len(part.strategies), bars_left - part.n_bars
        if (
            place >= n_workers
        ):  # the first part of each worker may have compiled the kernels: it says nothing of the rest
            timed, seconds = timed + part.n_bars, seconds + took
        left = f", about {seconds / timed * bars_left / n_workers:.0f} s left" if timed and bars_left else ""
        progress("trades", done, total, part.chunk.name + left)


def _keep(part: Part, cache: TableCache) -> tuple[Part, float]:
    """Simulate and keep a part; give it back with the seconds that it took."""
    started = time.monotonic()
    cache.write(_simulated(part), part.name)
    return part, time.monotonic() - started


def _simulated(part: Part) -> pd.DataFrame:
    chunk = part.chunk
    tables = []
    # What a rule decides is found once, whatever modifiers follow.
    for rule, strategies in itertools.groupby(part.strategies, key=lambda strategy: strategy.base_rule):
        decided = rule.signals(chunk.bars)
        tables += [
            simulate(strategy, chunk.bars, chunk.instrument, finer=chunk.aligned_finer, decided=decided)
            for strategy in strategies
        ]
    trades = pool_trades(tables)
    check_trades(trades)
    return trades
