"""Positive score: nothing at or below zero, and above it a size that grows linearly with the score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import Application
from tradesieve.models.dataset import Dataset
from tradesieve.models.labels.base import REGRESSION

SMALLEST = 0.01
"""Smaller sizes are 0: no venue fills a hundredth of an order, and it would still count as a trade."""


@dataclass(frozen=True)
class PositiveScore(Application):
    """Size ``clip(score / full, 0, 1)``, and 0 below a hundredth. A trade breaks even at a score of zero.

    Parameters
    ----------
    full : the score of the whole stake: twice the mean of the positive scores that it was fitted on.
    """

    full: float
    name: ClassVar[str] = "positive_score"
    tasks: ClassVar[tuple[str, ...]] = (REGRESSION,)

    def __post_init__(self) -> None:
        if not 0 < self.full < np.inf:
            raise BadInput(f"full is {self.full}, but must be finite and above 0")

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        sizes = np.nan_to_num(np.clip(scores / self.full, 0.0, 1.0), nan=0.0)
        return np.where(sizes < SMALLEST, 0.0, sizes)

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        positive = scores[scores > 0]
        if len(positive):
            yield cls(2.0 * float(positive.mean()))
