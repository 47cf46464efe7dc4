"""Per-strategy threshold: each strategy instance with enough trades has a threshold of its own."""

from __future__ import annotations

from collections.abc import Iterator
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

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        table = np.array([*self.thresholds, self.fallback])
        known = (instance >= 0) & (instance < len(self.thresholds))
        return (scores >= table[np.where(known, instance, len(self.thresholds))]).astype(np.float64)

    def edges(self, scores: np.ndarray, dataset: Dataset) -> list[str]:
        phrases = super().edges(scores, dataset)
        scores, dataset = scored_rows(scores, dataset)
        order, offsets = dataset.by_instance()
        own = [
            phrase
            for index, threshold in enumerate(self.thresholds)
            for rows in [order[offsets[index] : offsets[index + 1]]]
            if len(rows)
            for phrase in Threshold(threshold).edges(scores[rows], dataset.take(rows))
        ]
        for edge in ("lowest", "highest"):
            n = sum(phrase.endswith(f"{edge} tried") for phrase in own)
            if n:
                phrases.append(f"{n} of {len(self.thresholds)} thresholds are the {edge} tried for their strategy")
        return phrases

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        n_instances = len(dataset.instance_names)
        for pooled in Threshold.candidates(scores, dataset):
            yield cls((pooled.threshold,) * n_instances, pooled.threshold)

    @classmethod
    def fit(
        cls, scores: np.ndarray, dataset: Dataset, *, fitness: Fitness, minimum_trades: int = MINIMUM_TRADES
    ) -> Self:
        """Choose the pooled threshold, then one for each instance that can keep `minimum_trades` of its trades.

        Raises
        ------
        NoChoice : if no pooled threshold qualifies.
        BadInput : as `Application.fit`.
        """
        pooled = super().fit(scores, dataset, fitness=fitness, minimum_trades=minimum_trades)
        scores, dataset = scored_rows(scores, dataset)
        order, offsets = dataset.by_instance()
        thresholds = list(pooled.thresholds)
        for index in range(len(thresholds)):
            rows = order[offsets[index] : offsets[index + 1]]
            if len(rows) < minimum_trades:
                continue
            try:
                own = Threshold.fit(scores[rows], dataset.take(rows), fitness=fitness, minimum_trades=minimum_trades)
            except NoChoice:
                continue
            thresholds[index] = own.threshold
        return cls(tuple(thresholds), pooled.fallback)
