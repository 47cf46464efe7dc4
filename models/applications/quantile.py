"""Quantile: the whole stake for the best fraction of the scores that it was fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tradesieve.models.applications.base import Application
from tradesieve.models.dataset import Dataset

FRACTIONS = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Fractions that are tried: a coarse grid is harder to overfit than a free threshold."""


@dataclass(frozen=True)
class Quantile(Application):
    """Size 1 for scores in the best `fraction` of the fitted scores, else 0.

    Parameters
    ----------
    fraction : the fraction of trades to keep.
    cut : the score that this fraction of the fitted scores reaches.
    """

    fraction: float
    cut: float
    name: ClassVar[str] = "quantile"

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        return (scores >= self.cut).astype(np.float64)

    def edges(self, scores: np.ndarray, dataset: Dataset) -> list[str]:
        # The cut follows from the fraction.
        return [phrase for phrase in super().edges(scores, dataset) if phrase.startswith("fraction ")]

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        for fraction in FRACTIONS:
            # The cut is one of the scores, so that ties at the cut are kept together.
            yield cls(fraction, float(np.quantile(scores, 1.0 - fraction, method="higher")))
