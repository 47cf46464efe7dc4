"""Evaluation: a model on bars that it was not trained on, computed in one batch as in research."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.dataset import Dataset, dataset_from_trades
from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.leaderboard import compare_instances
from tradesieve.models.significance.random_filters import random_filter
from tradesieve.models.significance.verdicts import judge_instances
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk, calendar_of
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.duplicates import digest_instances, find_duplicates
from tradesieve.strategies.trades import instance_codes, pool_trades


def evaluate(
    artifact: Artifact,
    settings: Settings,
    *,
    strategies: Sequence[str] = (),
    start: str | None = None,
    end: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Compare each strategy with and without the model, on trades decided after its training.

    1. Generate the trades of the model's instances, and score and size them.
    2. Join the instances that the training joined, as long as their trades are still the same.
    3. Record the opening of the hold-out in the ledger.
    4. Measure the trades as they are, as the model filters them, and under a random filter of the same coverage.

    Parameters
    ----------
    strategies : rules or whole strategies; empty takes all that the model knows.
    start : ISO 8601; trades decided after it count. None: after the span that the model was trained on.
    end : ISO 8601; bars up to it are used.

    Returns
    -------
    JSON-safe: ``baseline``, ``filtered``, ``random``, ``by_instance``, ``verdicts``, see
    `models.significance.verdicts.judge_instances`, ``same_trades_as``, ``period``, ``opening``.

    Raises
    ------
    Unknown : if the model does not know a strategy.
    BadInput : if `start` lies within the model's training, or no trade closed after it.
    """
    start_time = _start_time(artifact, start)
    instances = _select_instances(artifact, strategies)
    chunks, trades = _scored_trades(artifact, settings, instances, start_time, parse_time("--to", end), progress)
    if trades.empty:
        raise BadInput(f"no trade closed after {format_time(start_time)}: import later bars or choose other strategies")
    symbols = sorted({instance.symbol for instance in instances})
    names = [str(instance) for instance in instances]
    joined = _joined(trades, names, artifact.manifest.get("same_trades_as", {}))
    trades = trades[~np.array([name in joined for name in names])[instance_codes(trades, names)]]
    dataset = _dataset(trades, names, joined, chunks, start_time)
    opening = settings.ledger.open_holdout(
        artifact.manifest["experiment"], symbols, dataset.period, "model eval", look=True
    )
    sizes = trades["size"].to_numpy()
    return {
        "period": [format_time(time) for time in dataset.period],
        "baseline": measure(dataset, np.ones(len(dataset))).as_dict(),
        "filtered": measure(dataset, sizes).as_dict(),
        "random": random_filter(dataset, sizes, seed=0).as_dict(),
        "by_instance": compare_instances(dataset, sizes, seed=0),
        "verdicts": judge_instances(dataset, sizes, seed=0),
        "same_trades_as": joined,
        "opening": opening,
    }


def _start_time(artifact: Artifact, start: str | None) -> int:
    trained_until = int(artifact.manifest["data_span"][1])
    start_time = parse_time("--from", start) or trained_until
    if start_time < trained_until:
        raise BadInput(
            f"--from {start} lies before {format_time(trained_until)}, up to which the model was trained: "
            "its own training trades prove nothing"
        )
    return start_time


def _select_instances(artifact: Artifact, strategies: Sequence[str]) -> list[Instance]:
    ids = dict.fromkeys(instance.strategy for instance in artifact.instances)
    rules = dict.fromkeys(instance.rule for instance in artifact.instances)
    for strategy in strategies:
        if strategy not in ids and strategy not in rules:
            raise Unknown("strategy of this model:", strategy, [*rules, *ids])
    wanted = set(strategies)
    return [instance for instance in artifact.instances if not wanted or wanted & {instance.strategy, instance.rule}]


def _scored_trades(
    artifact: Artifact,
    settings: Settings,
    instances: Sequence[Instance],
    start_time: int,
    end_time: int | None,
    progress: Progress,
) -> tuple[list[Chunk], pd.DataFrame]:
    by_series: dict[tuple[str, str], list[str]] = {}
    for instance in instances:
        by_series.setdefault(instance.series, []).append(instance.strategy)
    chunks, tables = [], []
    for done, (series, strategies) in enumerate(by_series.items()):
        progress("evaluate", done, len(by_series), " ".join(series))
        chunk = load_model_chunk(artifact, *series, settings, end_time=end_time)
        chunks.append(chunk)
        tables.append(research_trades(artifact, chunk, settings, start_time=start_time, strategies=strategies))
    return chunks, pool_trades(tables)


def _joined(trades: pd.DataFrame, names: Sequence[str], trained_as: Mapping[str, str]) -> dict[str, str]:
    """Find the instances that were joined in training and have the same trades here."""
    digests = digest_instances(trades, names)
    return find_duplicates({name: trained_as.get(name, name).encode() + own for name, own in digests.items()})


def _dataset(
    trades: pd.DataFrame, names: Sequence[str], joined: Mapping[str, str], chunks: Sequence[Chunk], start_time: int
) -> Dataset:
    end_time = max(int(chunk.bars.close_time[-1]) for chunk in chunks if len(chunk.bars))
    return dataset_from_trades(
        trades,
        np.empty((len(trades), 0)),
        (),
        labels=("won",),
        instance_names=names,
        # What was known at midnight belongs to the day before, which is not part of this period.
        period=(start_time + 1, end_time),
        calendar=calendar_of(chunks),
        same_trades_as=joined,
    )
