"""The trades of a chunk: read or simulated once a run, with the decisions behind them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import Bars
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.pipelines.steps.trade_batches import iter_trades
from tradesieve.strategies.backtest.trade_decisions import decisions_of
from tradesieve.strategies.trades import pool_trades


@dataclass(frozen=True, eq=False)
class TradedChunk:
    """A chunk with its trades.

    Parameters
    ----------
    trades : every trade in decision order, also those that the end of the data cut off.
    """

    chunk: Chunk
    trades: pd.DataFrame

    @cached_property
    def decisions(self) -> Decisions:
        """The decisions of the trades, row by row."""
        return decisions_of(self.trades, self.chunk.instance_names)

    def development(self, end_time: int) -> DevelopmentChunk:
        """Return what is known before the hold-out, without the trades table.

        Parameters
        ----------
        end_time : int64 ns UTC, the end of the development part.
        """
        closed = (self.trades["exit_reason"] != "end_of_data") & (self.trades["exit_time"] <= end_time)
        rows = np.flatnonzero(closed)
        strategies = pd.Categorical(self.trades["strategy"].iloc[rows])
        return DevelopmentChunk(self.chunk, end_time, strategies, self.decisions[rows])


@dataclass(frozen=True, eq=False)
class DevelopmentChunk:
    """The development part of a chunk: much smaller than its trades, to be kept through a search.

    Parameters
    ----------
    end_time : int64 ns UTC, the end of the development part.
    strategies : the strategy's id of each trade that closed by then.
    decisions : of these trades, row by row.
    """

    chunk: Chunk
    end_time: int
    strategies: pd.Categorical
    decisions: Decisions

    @cached_property
    def bars(self) -> Bars:
        """The chunk's bars up to the end of the development part."""
        return self.chunk.bars.between(None, self.end_time)

    @cached_property
    def others(self) -> dict[str, Bars]:
        """The bars of the other symbols up to the end of the development part."""
        return {symbol: bars.between(None, self.end_time) for symbol, bars in self.chunk.others.items()}


def trade_chunks(chunks: Sequence[Chunk], settings: Settings, *, progress: Progress = silent) -> list[TradedChunk]:
    """Generate the trades of chunks, or read those that were generated before; each stored table is read once."""
    batches = iter_trades(chunks, settings, progress=progress)
    return [
        TradedChunk(chunk, pool_trades([trades for _, trades in own]))
        for chunk, own in itertools.groupby(batches, key=lambda pair: pair[0].chunk)
    ]


def generate_trades(chunk: Chunk, settings: Settings, *, progress: Progress = silent) -> pd.DataFrame:
    """Generate the trades of a chunk, or read them if they were generated before."""
    return pool_trades([trades for _, trades in iter_trades([chunk], settings, progress=progress)])
