"""The artifact of a run: the winner with its manifest and golden vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.features.feature_names import parse_features
from tradesieve.features.inputs import is_beside
from tradesieve.features.requirements import requirements_of
from tradesieve.models.applications.base import Application
from tradesieve.models.applications.registry import from_parameters
from tradesieve.models.artifact.artifact import load_artifact, write_artifact
from tradesieve.models.artifact.golden_vectors import GoldenVector
from tradesieve.models.artifact.training_bars import TrainingBars
from tradesieve.models.artifact.training_features import TrainingFeatures
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.scopes.category_columns import CategoryColumns
from tradesieve.models.scopes.registry import category_columns
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.fingerprints import code_fingerprint
from tradesieve.pipelines.steps.chunk_trades import DevelopmentChunk
from tradesieve.pipelines.steps.chunks import Chunk, instance_names
from tradesieve.strategies.instance import Instance

RUN_CODE = ("market", "features", "strategies", "models")
"""The rooms whose code a result and its artifact follow from."""
_N_GOLDEN = 6
_FEWEST_OF_ONE_SIDE = 20
_NEVER = np.iinfo(np.int64).max


def write_run_artifact(
    folder: Path,
    experiment: Experiment,
    parts: Sequence[DevelopmentChunk],
    searched: SearchResult,
    summary: Mapping[str, Any],
) -> Path | None:
    """Write the artifact of the winner and return its folder; None without a winner, or one that cannot be exported.

    It answers for every instance that was run: one that was joined with another is sized as that one is. A model that
    reads no symbol beside the decision's requires the bars of none: those features are left out.

    Parameters
    ----------
    summary : see `models.protocol.leaderboard.summarise`.
    """
    if searched.model is None or searched.application is None or not searched.model.exportable:
        return None
    if folder.exists():  # written before a crash: from the same inputs, so it is the same artifact
        return load_artifact(folder).folder
    chunks = [part.chunk for part in parts]
    names, features = instance_names(chunks), model_features(searched)
    categories = model_categories(searched)
    read = {*features, *categories.names}
    kept = [column for column, name in enumerate(searched.dataset.feature_names) if name in read]
    write_artifact(
        folder,
        model=searched.model.narrowed(np.array(kept)),
        features=features,
        categories=categories,
        application=_for_instances(searched.application, searched.dataset, names),
        manifest=_manifest(experiment, chunks, searched, summary)
        | {"instances": names, "only_sides": only_sides(parts, searched.dataset.same_trades_as)}
        | {"training_bars": _training_bars(parts), "training_features": _training_features(searched, features)},
        golden=_draw_golden(parts, features, seed=experiment.plan.seed),
    )
    return folder


def model_features(searched: SearchResult) -> tuple[str, ...]:
    """Return the features of the winner's artifact: all, or those of the decision's own symbol if it reads no other.

    What is there for scopes is left out, unless the winner reads it.
    """
    dataset = searched.dataset
    if searched.model is None:
        return ()
    used = {dataset.feature_names[column] for column in searched.model.columns} - {*model_categories(searched).names}
    names = tuple(name for name in dataset.feature_names if name not in dataset.scope_columns or name in used)
    reads_beside = any(map(is_beside, used))
    return names if reads_beside else tuple(name for name in names if not is_beside(name))


def model_categories(searched: SearchResult) -> CategoryColumns:
    """Return the columns of categories that the winner's artifact reads after its features."""
    winner = searched.winner
    if winner is None:
        return CategoryColumns()
    return category_columns([winner.candidate.scope], searched.dataset.instance_names)


def _for_instances(application: Application, dataset: Dataset, names: Sequence[str]) -> Application:
    """Give each of `names` the parameters of the dataset's instance that stands for it."""
    position = {name: index for index, name in enumerate(dataset.instance_names)}
    rows = [position[dataset.same_trades_as.get(name, name)] for name in names]
    parameters = {
        key: [value[row] for row in rows] if isinstance(value, list) else value
        for key, value in application.parameters().items()
    }
    return from_parameters(application.name, parameters)


def _manifest(
    experiment: Experiment, chunks: Sequence[Chunk], searched: SearchResult, summary: Mapping[str, Any]
) -> dict[str, Any]:
    bars = {name: fingerprint for chunk in chunks for name, fingerprint in chunk.fingerprints.items()}
    # The bars that a chunk trades, rather than what another chunk reads of them.
    bars |= {f"{chunk.symbol}|{chunk.timeframe}": chunk.bars.fingerprint for chunk in chunks}
    return {
        "experiment": experiment.hash,
        "run_id": None,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": code_fingerprint(*RUN_CODE),
        "dataset": searched.dataset.fingerprint,
        "bars": bars,
        "same_trades_as": dict(searched.dataset.same_trades_as),
        "data_span": list(searched.dataset.period),
        "n_trials": summary["n_trials"],
        "gate": summary["gate"] or {"open": False, "conditions": []},
        "override": None,
        "model": {"candidate": summary["winner"]["candidate"]},
        "instruments": {chunk.symbol: chunk.instrument.as_dict() for chunk in chunks},
        "settle_with": experiment.settle_with,
        **({} if experiment.trades is None else {"trades": experiment.trades}),
    }


def only_sides(parts: Sequence[DevelopmentChunk], same_trades_as: Mapping[str, str]) -> dict[str, float]:
    """Return the side, 1 or -1, of each instance that took no trade of the other one, by its name.

    An instance with fewer than `_FEWEST_OF_ONE_SIDE` trades is left out: its other side may only be late.

    Parameters
    ----------
    same_trades_as : see `models.dataset.Dataset`.
    """
    found: dict[str, float] = {}
    for part in parts:
        chunk, trades = part.chunk, pd.DataFrame({"strategy": part.strategies, "side": part.decisions.side})
        for strategy, taken in trades.groupby("strategy", observed=True)["side"]:
            if len(taken) >= _FEWEST_OF_ONE_SIDE and taken.nunique() == 1:
                found[str(Instance(str(strategy), chunk.symbol, str(chunk.timeframe)))] = float(taken.iloc[0])
    return found | {name: found[other] for name, other in same_trades_as.items() if other in found}


def _training_bars(parts: Sequence[DevelopmentChunk]) -> dict[str, Any]:
    """Measure the bars of the development part, by symbol and timeframe."""
    series = {f"{bars.symbol}|{bars.timeframe}": bars for part in parts for bars in (*part.others.values(), part.bars)}
    return {name: TrainingBars.of(bars).as_dict() for name, bars in series.items() if len(bars)}


def _training_features(searched: SearchResult, names: Sequence[str]) -> dict[str, Any]:
    """Measure the features of the development part."""
    columns = [searched.dataset.feature_names.index(name) for name in names]
    X = searched.dataset.X[:, columns]
    return {"n_rows": len(X), "features": TrainingFeatures.of(X).as_dict(names)}


def _draw_golden(parts: Sequence[DevelopmentChunk], features: Sequence[str], *, seed: int) -> list[GoldenVector]:
    """Draw golden vectors from the later half of the decisions whose windows are whole; symbols may begin late."""
    rows = [np.flatnonzero(part.decisions.time >= _first_whole_window(part.chunk, features)) for part in parts]
    part_of, row_of = np.repeat(np.arange(len(parts)), [len(own) for own in rows]), np.concatenate(rows)
    times = np.concatenate([part.decisions.time[own] for part, own in zip(parts, rows, strict=True)])
    by_time = np.argsort(times, kind="stable")
    late = by_time[len(by_time) // 2 :]
    drawn = np.random.default_rng(seed).choice(len(late), size=min(_N_GOLDEN, len(late)), replace=False)
    return [_golden_vector(parts[part_of[place]], row_of[place]) for place in late[np.sort(drawn)]]


def _golden_vector(part: DevelopmentChunk, row: int) -> GoldenVector:
    chunk = part.chunk
    name = str(Instance(str(part.strategies[row]), chunk.symbol, str(chunk.timeframe)))
    return GoldenVector(chunk.bars, part.decisions[row : row + 1], name, chunk.others)


def _first_whole_window(chunk: Chunk, features: Sequence[str]) -> int:
    """Find the time from which on every window that a decision needs is whole, int64 ns UTC."""
    required = requirements_of(parse_features(features), chunk.timeframe, symbol=chunk.symbol)
    windows = ((bars, max(1, n)) for bars, n in chunk.windows(required))
    return max(int(bars.close_time[n - 1]) if n <= len(bars) else _NEVER for bars, n in windows)
