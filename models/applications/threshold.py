"""Threshold: the whole stake at or above a score, nothing below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tradesieve.models.applications.base import Application
from tradesieve.models.dataset import Dataset

QUANTILES = np.arange(0.0, 0.96, 0.05)
"""Thresholds that are tried, as quantiles of the scores: from all trades to the best twentieth."""


@dataclass(frozen=True)
class Threshold(Application):
    """Size 1 where the score is at least `threshold`, else 0."""

    threshold: float
    name: ClassVar[str] = "threshold"

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        return (scores >= self.threshold).astype(np.float64)

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        for threshold in np.unique(np.quantile(scores, QUANTILES)):
            yield cls(float(threshold))
