"""Kelly: the size grows with the edge, reading the score as the probability of a win."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import Application
from tradesieve.models.dataset import Dataset
from tradesieve.models.labels import CLASSIFICATION

FRACTIONS = (20.0, 10.0, 5.0, 2.0, 1.0)


@dataclass(frozen=True)
class Kelly(Application):
    """Size ``clip(fraction * edge, 0, 1)`` with ``edge = p - (1 - p) / payoff_ratio`` (Kelly, 1956; Thorp, 1969).

    The edge is the fraction of capital that maximises growth on a bet that wins `payoff_ratio` or loses 1. It is exact
    for a calibrated score only; the fitness judges the sizes either way.

    Parameters
    ----------
    payoff_ratio : mean win over mean loss of the rows that it was fitted on.
    fraction : multiple of the edge; size 1 is the rule's own stake. Large fractions come close to a threshold at the
        break-even score, ``1 / (1 + payoff_ratio)``.
    """

    payoff_ratio: float
    fraction: float
    name: ClassVar[str] = "kelly"
    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION,)

    def __post_init__(self) -> None:
        if not (self.payoff_ratio > 0 and self.fraction > 0):
            raise BadInput(f"payoff_ratio {self.payoff_ratio} and fraction {self.fraction} must be above 0")

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        edge = scores - (1.0 - scores) / self.payoff_ratio
        return np.nan_to_num(np.clip(self.fraction * edge, 0.0, 1.0), nan=0.0)

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        won, lost = dataset.net_return[dataset.net_return > 0], dataset.net_return[dataset.net_return < 0]
        # Without a win or without a loss there is no payoff ratio.
        if len(won) and len(lost):
            payoff_ratio = float(won.mean() / -lost.mean())
            for fraction in FRACTIONS:
                yield cls(payoff_ratio, fraction)
