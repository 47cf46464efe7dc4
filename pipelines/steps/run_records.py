"""The record of a run: each trade that was judged, how the filter sized it, and the market it was decided in.

With it, pages and comparisons of a finished run need neither its bars nor its model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.calendars.trading_days import TradingCalendar
from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.dataset import Dataset
from tradesieve.pipelines.steps.chunks import Chunk
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.market_conditions import CONDITIONS, conditions_at

_COLUMNS = ("decision_time", "exit_time", "net_return", "stake", "instance")


@dataclass(frozen=True, eq=False)
class PartRecord:
    """The trades of one part of a run.

    Parameters
    ----------
    dataset : without features and labels.
    sizes, scores : float64 (n_trades,), of the winner, out of fold on the development part; zeros and NaN without one.
    conditions : {condition: int64 (n_trades,), its state}, see `strategies.statistics.market_conditions`.
    """

    dataset: Dataset
    sizes: np.ndarray
    scores: np.ndarray
    conditions: Mapping[str, np.ndarray]

    def take(self, rows: np.ndarray) -> PartRecord:
        """Keep `rows`, ascending."""
        conditions = {name: states[rows] for name, states in self.conditions.items()}
        return PartRecord(self.dataset.take(rows), self.sizes[rows], self.scores[rows], conditions)


def record_part(dataset: Dataset, sizes: np.ndarray, scores: np.ndarray, chunks: Sequence[Chunk]) -> PartRecord:
    """Record the trades of a part, each with the state of every market condition at its decision.

    Parameters
    ----------
    chunks : of all instances of the dataset.
    """
    series = [Instance.parse(name).series for name in dataset.instance_names]
    conditions = {name: np.full(len(dataset), -1, dtype=np.int64) for name in CONDITIONS}
    for chunk in chunks:
        codes = [code for code, own in enumerate(series) if own == (chunk.symbol, str(chunk.timeframe))]
        rows = np.flatnonzero(np.isin(dataset.instance, codes))
        for name, states in conditions_at(chunk.bars, dataset.decision_time[rows]).items():
            conditions[name][rows] = states
    return PartRecord(_without_features(dataset), sizes, scores, conditions)


def write_record(path: Path, parts: Mapping[str, PartRecord]) -> None:
    """Write the record of a run as one .npz file, without a pickle.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    arrays: dict[str, Any] = {}
    for part, record in parts.items():
        dataset = record.dataset
        own = {name: getattr(dataset, name) for name in _COLUMNS}
        own |= {"sizes": record.sizes, "scores": record.scores, "period": np.array(dataset.period)}
        own |= {f"condition_{name}": states.astype(np.int8) for name, states in record.conditions.items()}
        own |= {"instance_names": np.array(dataset.instance_names), "calendar": np.array([dataset.calendar.name])}
        own |= {"days_per_year": np.array([dataset.calendar.days_per_year])}
        arrays |= {f"{part}/{name}": values for name, values in own.items()}
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def read_record(path: Path) -> dict[str, PartRecord]:
    """Read the record of a run, by part.

    Raises
    ------
    BadInput : if there is none, or it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored.items())
        parts = dict.fromkeys(name.partition("/")[0] for name in arrays)
        return {part: _read_part({name.partition("/")[2]: values for name, values in arrays.items()
                                  if name.startswith(f"{part}/")}) for part in parts}  # fmt: skip
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: the record of the run cannot be read ({error}): run the experiment again") from error


def _read_part(arrays: Mapping[str, np.ndarray]) -> PartRecord:
    n = len(arrays["decision_time"])
    columns: dict[str, Any] = {name: arrays[name] for name in _COLUMNS}
    dataset = Dataset(
        X=np.empty((n, 0)), feature_names=(), y=np.zeros(n), weight=np.ones(n),
        **columns,
        instance_names=tuple(arrays["instance_names"].tolist()),
        period=(int(arrays["period"][0]), int(arrays["period"][1])),
        calendar=TradingCalendar(str(arrays["calendar"][0]), float(arrays["days_per_year"][0])),
    )  # fmt: skip
    conditions = {name: arrays[f"condition_{name}"].astype(np.int64) for name in CONDITIONS}
    return PartRecord(dataset, arrays["sizes"], arrays["scores"], conditions)


def _without_features(dataset: Dataset) -> Dataset:
    n = len(dataset)
    columns: dict[str, Any] = {name: getattr(dataset, name) for name in _COLUMNS}
    return Dataset(
        X=np.empty((n, 0)), feature_names=(), y=np.zeros(n), weight=np.ones(n),
        **columns,
        instance_names=dataset.instance_names, period=dataset.period, calendar=dataset.calendar,
    )  # fmt: skip
