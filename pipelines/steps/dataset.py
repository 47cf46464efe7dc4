"""The dataset of an experiment: trades with their features, in decision order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset, dataset_from_trades
from tradesieve.models.labels.registry import label_named
from tradesieve.models.scopes.category_columns import with_category_columns
from tradesieve.models.scopes.registry import category_columns
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_features import features_of
from tradesieve.pipelines.steps.chunk_trades import TradedChunk, trade_chunks
from tradesieve.pipelines.steps.chunks import Chunk, calendar_of, instance_names, period_of
from tradesieve.pipelines.steps.sealing import holdout_border
from tradesieve.strategies.statistics.duplicates import find_copies


def compute_features(
    traded: TradedChunk, names: Sequence[str], settings: Settings, *, progress: Progress = silent
) -> np.ndarray:
    """Compute the features of a chunk's trades, or read those that were computed before.

    Returns
    -------
    float64 (n_trades, n_features), in the order of the trades; NaN where a feature's history is too short.
    """
    chunk, computed = traded.chunk, 0

    def report(done: int, total: int, name: str) -> None:
        nonlocal computed
        computed = total
        progress("factors", done, total, f"{chunk.name}: {name}" if name else f"{chunk.name}: {total} factors computed")

    X = settings.factors.compute(chunk.bars, traded.decisions, names, others=chunk.others, on_progress=report)
    if not computed:
        progress("factors", 1, 1, f"{chunk.name}: read {len(names)} factors")
    return X


def build_dataset(
    experiment: Experiment, chunks: Sequence[Chunk], settings: Settings, *, progress: Progress = silent
) -> Dataset:
    """Generate the trades of chunks and pool them with their features into one dataset, see `pool_dataset`.

    Raises
    ------
    BadInput : if no trade closed.
    """
    return pool_dataset(experiment, trade_chunks(chunks, settings, progress=progress), settings, progress=progress)


def pool_dataset(
    experiment: Experiment, traded: Sequence[TradedChunk], settings: Settings, *, progress: Progress = silent
) -> Dataset:
    """Pool the trades of chunks with their features into one dataset, in decision order.

    Instances with the same trades are joined: two copies of one set of trades are one, so the first in order stays.
    Features are chosen as by `chunk_features.features_of`; scopes of the plan add columns of categories.

    Raises
    ------
    BadInput : if no trade closed, or a feature that is named reads a volume which the bars do not have.
    """
    chunks = [each.chunk for each in traded]
    names, labels = features_of(experiment, chunks).names, experiment.plan.labels
    read = [name for label in labels for name in label_named(label).features]
    computed = tuple(dict.fromkeys((*names, *read)))
    X = np.concatenate([compute_features(each, computed, settings, progress=progress) for each in traded])
    trades = pd.concat([each.trades for each in traded], ignore_index=True)
    order = trades.sort_values(["decision_time", "strategy", "symbol", "timeframe"], kind="stable").index.to_numpy()
    trades, every, period = trades.iloc[order].reset_index(drop=True), instance_names(chunks), period_of(chunks)
    dataset = dataset_from_trades(
        trades,
        X[order][:, : len(names)],
        names,
        labels=labels,
        label_features={name: X[order, computed.index(name)] for name in read},
        bars={(chunk.symbol, str(chunk.timeframe)): chunk.bars for chunk in chunks},
        instance_names=every,
        period=period,
        calendar=calendar_of(chunks),
        same_trades_as=find_copies(trades, every, holdout_start=holdout_border(experiment, chunks)),
        factor_sets=present_sets(experiment.factor_sets(), names),
        scope_columns=tuple(name for name in experiment.scope_columns() if name in names),
    )
    return with_category_columns(dataset, category_columns(experiment.plan.scopes, dataset.instance_names))


def present_sets(sets: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Leave out of sets the features that are not computed."""
    present = {name: tuple(feature for feature in own if feature in names) for name, own in sets.items()}
    for name, left in present.items():
        if not left:
            raise BadInput(
                f"factor_sets: every feature of {name} reads volume, which the bars do not have: leave it out"
            )
    return present
