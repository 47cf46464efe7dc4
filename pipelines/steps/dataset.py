"""The steps: plain functions that the command line and the Prefect flows both call.

bars -> trades -> features -> dataset -> experiment. Each step keeps what it made under the name of everything that
made it, so that a second run reads, and an interrupted one goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradesieve.models.dataset import Dataset, dataset_from_trades
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk, calendar_of, instance_names, period_of
from tradesieve.pipelines.steps.trade_batches import each_part
from tradesieve.strategies.backtest.trade_decisions import decisions_of
from tradesieve.strategies.trades import pool_trades


def generate_trades(chunk: Chunk, settings: Settings, *, progress: Progress = silent) -> pd.DataFrame:
    """Generate the trades of a chunk, or read them when they were generated before."""
    return pool_trades([trades for _, trades in each_part([chunk], settings, progress=progress)])


def compute_features(
    chunk: Chunk, trades: pd.DataFrame, names: Sequence[str], settings: Settings, *, progress: Progress = silent
) -> np.ndarray:
    """Compute the features of a chunk's trades, or read them when they were computed before.

    Parameters
    ----------
    trades : all of the chunk's, as `generate_trades` gives them: each is looked at beside the others.
    """
    decisions = decisions_of(trades, instance_names([chunk]))
    computed = 0

    def tell(done: int, total: int, name: str) -> None:
        nonlocal computed
        computed = total
        progress("factors", done, total, f"{chunk.name}: {name}" if name else f"{chunk.name}: {total} factors computed")

    X = settings.factors.compute(chunk.bars, decisions, names, others=chunk.others, on_progress=tell)
    if not computed:
        progress("factors", 1, 1, f"{chunk.name}: read {len(names)} factors")
    return X


def build_dataset(
    experiment: Experiment, chunks: Sequence[Chunk], settings: Settings, *, progress: Progress = silent
) -> Dataset:
    """Pool the chunks' trades with their features into one dataset, in decision order.

    Raises
    ------
    BadInput : if no trade closed.
    """
    names = experiment.feature_names()
    tables, matrices = [], []
    for chunk in chunks:
        trades = generate_trades(chunk, settings, progress=progress)
        tables.append(trades)
        matrices.append(compute_features(chunk, trades, names, settings, progress=progress))
    trades = pd.concat(tables, ignore_index=True)
    order = trades.sort_values(["decision_time", "strategy", "symbol", "timeframe"], kind="stable").index.to_numpy()
    return dataset_from_trades(
        trades.iloc[order].reset_index(drop=True),
        np.concatenate(matrices)[order],
        names,
        label=experiment.plan.label,
        instance_names=instance_names(chunks),
        period=period_of(chunks),
        calendar=calendar_of(chunks),
    )
