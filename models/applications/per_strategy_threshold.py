"""Per-strategy threshold: each strategy instance with enough trades has a threshold of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tradesieve.models.applications.base import Application, NoChoice, scored_rows
from tradesieve.models.applications.threshold import Threshold
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.registry import MINIMUM_TRADES, Fitness


@dataclass(frozen=True)
class PerStrategyThreshold(Application):
    """Size 1 where the score is at least the threshold of the row's instance, else 0.

    Parameters
    ----------
    thresholds : one for each of the dataset's ``instance_names``, in their order; `fallback` where trades are too few.
    fallback : the threshold of all instances pooled; also for instances that it was not fitted on.
    """

    thresholds: tuple[float, ...]
    fallback: float
    name: ClassVar[str] = "per_strategy_threshold"
    shared_by: ClassVar[str] = "strategy"
    """What the instances with one threshold share."""

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        table = np.array([*self.thresholds, self.fallback])
        known = (instance >= 0) & (instance < len(self.thresholds))
        return (scores >= table[np.where(known, instance, len(self.thresholds))]).astype(np.float64)

    def edges(self, scores: np.ndarray, dataset: Dataset) -> list[str]:
        phrases = super().edges(scores, dataset)
        scores, dataset = scored_rows(scores, dataset)
        groups = self._groups(dataset.instance_names)
        own = [
            phrase
            for group, rows in zip(groups, _rows_of(groups, dataset), strict=True)
            if len(rows)
            for phrase in Threshold(self.thresholds[group[0]]).edges(scores[rows], dataset.take(rows))
        ]
        for edge in ("lowest", "highest"):
            n = sum(phrase.endswith(f"{edge} tried") for phrase in own)
            if n:
                phrases.append(f"{n} of {len(groups)} thresholds are the {edge} tried for their {self.shared_by}")
        return phrases

    @classmethod
    def _groups(cls, instance_names: Sequence[str]) -> list[list[int]]:
        """List the instances that share a threshold, by their indices."""
        return [[index] for index in range(len(instance_names))]

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        n_instances = len(dataset.instance_names)
        for pooled in Threshold.candidates(scores, dataset):
            yield cls((pooled.threshold,) * n_instances, pooled.threshold)

    @classmethod
    def fit(
        cls, scores: np.ndarray, dataset: Dataset, *, fitness: Fitness, minimum_trades: int = MINIMUM_TRADES
    ) -> Self:
        """Choose the pooled threshold, then one for each that can keep `minimum_trades` of its trades.

        Raises
        ------
        NoChoice : if no pooled threshold qualifies.
        BadInput : as `Application.fit`.
        """
        pooled = super().fit(scores, dataset, fitness=fitness, minimum_trades=minimum_trades)
        scores, dataset = scored_rows(scores, dataset)
        thresholds = list(pooled.thresholds)
        groups = cls._groups(dataset.instance_names)
        for group, rows in zip(groups, _rows_of(groups, dataset), strict=True):
            if len(rows) < minimum_trades:
                continue
            try:
                own = Threshold.fit(scores[rows], dataset.take(rows), fitness=fitness, minimum_trades=minimum_trades)
            except NoChoice:
                continue
            for index in group:
                thresholds[index] = own.threshold
        return cls(tuple(thresholds), pooled.fallback)


def _rows_of(groups: Sequence[Sequence[int]], dataset: Dataset) -> Iterator[np.ndarray]:
    """Yield the rows of each group of instances: int64, ascending."""
    order, offsets = dataset.by_instance()
    for group in groups:
        yield np.sort(np.concatenate([order[offsets[index] : offsets[index + 1]] for index in group]))
