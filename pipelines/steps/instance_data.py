"""Instance datasets: the trades of each strategy instance by itself, one chunk in memory at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.errors import TradesieveError
from tradesieve.models.dataset import Dataset, dataset_from_trades
from tradesieve.models.labels.registry import label_named
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_features import features_of
from tradesieve.pipelines.steps.chunk_trades import trade_chunks
from tradesieve.pipelines.steps.chunks import Chunk, calendar_of, period_of
from tradesieve.pipelines.steps.dataset import compute_features, present_sets
from tradesieve.pipelines.steps.sealing import holdout_border
from tradesieve.strategies.statistics.duplicates import find_copies
from tradesieve.strategies.trades import instance_codes


@dataclass(frozen=True, eq=False)
class InstanceData:
    """A strategy instance with its trades.

    Parameters
    ----------
    name : ``strategy|symbol|timeframe``.
    dataset : its trades alone, over the period of all chunks; None where there is none.
    same_as : an earlier instance of the same trades, which stands for it; None: it is the first.
    error : why there is no dataset; None where there is one, or another instance stands for it.
    """

    name: str
    dataset: Dataset | None = None
    same_as: str | None = None
    error: str | None = None


def iter_instances(
    experiment: Experiment,
    chunks: Sequence[Chunk],
    settings: Settings,
    *,
    skipped: Collection[str] = (),
    progress: Progress = silent,
) -> Iterator[InstanceData]:
    """Yield every strategy instance, chunk by chunk.

    Parameters
    ----------
    skipped : names of instances that are not yielded; a chunk of these alone is not computed.

    Raises
    ------
    BadInput : if a named feature reads a volume that the bars do not have.
    """
    names, labels = features_of(experiment, chunks).names, experiment.plan.labels
    read = [name for label in labels for name in label_named(label).features]
    computed = tuple(dict.fromkeys((*names, *read)))
    border = holdout_border(experiment, chunks)
    shared: dict[str, Any] = {
        "feature_names": names,
        "labels": labels,
        "period": period_of(chunks),
        "calendar": calendar_of(chunks),
        "factor_sets": present_sets(experiment.factor_sets(), names),
    }
    for chunk in chunks:
        if set(chunk.instance_names) <= set(skipped):
            continue
        (traded,) = trade_chunks([chunk], settings, progress=progress)
        X = compute_features(traded, computed, settings, progress=progress)
        codes = instance_codes(traded.trades, chunk.instance_names)
        joined = find_copies(traded.trades, chunk.instance_names, holdout_start=border)
        for code, name in enumerate(chunk.instance_names):
            if name in skipped:
                continue
            if name in joined:
                yield InstanceData(name, same_as=joined[name])
            else:
                rows = np.flatnonzero(codes == code)
                yield _instance(name, chunk, traded.trades.iloc[rows], X[rows], computed, shared)


def _instance(
    name: str, chunk: Chunk, trades: pd.DataFrame, X: np.ndarray, computed: Sequence[str], shared: dict[str, Any]
) -> InstanceData:
    if trades.empty:
        return InstanceData(name, error="it made no trade")
    read = [each for label in shared["labels"] for each in label_named(label).features]
    try:
        dataset = dataset_from_trades(
            trades.reset_index(drop=True),
            X[:, : len(shared["feature_names"])],
            label_features={each: X[:, computed.index(each)] for each in read},
            bars={(chunk.symbol, str(chunk.timeframe)): chunk.bars},
            instance_names=[name],
            **shared,
        )
    except TradesieveError as failure:
        return InstanceData(name, error=str(failure))
    return InstanceData(name, dataset)
