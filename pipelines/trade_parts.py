"""Trade parts: the trades of a batch of strategies on one chunk, the unit that is simulated, kept and resumed.

A part is named by everything that its trades follow from. Parts that are kept are read, the others are simulated on
all cores. However a run ends, the parts that it finished are kept, and the next run ends with the same bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from pipelines.cache import TableCache
from pipelines.chunks import Chunk
from pipelines.progress import Progress, silent
from pipelines.settings import Settings
from strategies.base import Strategy
from strategies.simulator import simulate
from strategies.trades import TRADE_COLUMNS, check_trades, pool_trades

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
    """Cut a chunk's strategies into batches."""
    rows = range(0, len(chunk.strategies), BATCH)
    return [Part(chunk, number, chunk.strategies[row : row + BATCH]) for number, row in enumerate(rows)]


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
    """Simulate parts on all cores and keep them, saying how long the rest will take."""
    import joblib

    total, all_bars = sum(len(part.strategies) for part in parts), sum(part.n_bars for part in parts)
    started, done, bars_done = time.monotonic(), 0, 0
    if parts:
        progress("trades", 0, total, f"{parts[0].chunk.name}: {total} instances")
    # Threads: the kernels leave the interpreter, so the bars are shared and nothing is imported twice.
    workers = joblib.Parallel(n_jobs=os.cpu_count() or 1, backend="threading", return_as="generator_unordered")
    for part in workers(joblib.delayed(_keep)(part, cache) for part in parts):
        done, bars_done = done + len(part.strategies), bars_done + part.n_bars
        left = (time.monotonic() - started) * (all_bars - bars_done) / max(bars_done, 1)
        progress("trades", done, total, f"{part.chunk.name}, about {left:.0f} s left")


def _keep(part: Part, cache: TableCache) -> Part:
    cache.write(_simulated(part), part.name)
    return part


def _simulated(part: Part) -> pd.DataFrame:
    chunk = part.chunk
    finer = chunk.covering
    tables = [simulate(strategy, chunk.bars, chunk.instrument, finer=finer) for strategy in part.strategies]
    trades = pool_trades(tables)
    check_trades(trades)
    return trades
