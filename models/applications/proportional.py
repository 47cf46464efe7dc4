"""Proportional: the size grows linearly with the score, from 0 to 1 between two scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import Application
from tradesieve.models.dataset import Dataset

LOW_QUANTILES = (0.0, 0.2, 0.4, 0.6)
HIGH_QUANTILES = (0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Proportional(Application):
    """Size ``clip((score - low) / (high - low), 0, 1)``; `low` < `high`."""

    low: float
    high: float
    name: ClassVar[str] = "proportional"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise BadInput(f"low is {self.low}, but must be below high, {self.high}")

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        return np.nan_to_num(np.clip((scores - self.low) / (self.high - self.low), 0.0, 1.0), nan=0.0)

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        highs = np.quantile(scores, HIGH_QUANTILES)
        for low in np.quantile(scores, LOW_QUANTILES):
            for high in highs[highs > low]:
                yield cls(float(low), float(high))
