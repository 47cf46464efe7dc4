"""Kelly: the size grows with the edge, which follows from the probability of a win."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.applications.base import Application
from tradesieve.models.dataset import Dataset
from tradesieve.models.labels.base import CLASSIFICATION

FRACTIONS = (20.0, 10.0, 5.0, 2.0, 1.0)

_CERTAIN = 1e-6
"""Scores this close to 0 or 1 say no more than this: no history of trades is long enough for certainty."""


@dataclass(frozen=True)
class Kelly(Application):
    """Size ``clip(fraction * edge, 0, 1)`` with ``edge = p - (1 - p) / payoff_ratio`` (Kelly, 1956; Thorp, 1969).

    The edge is the fraction of capital that maximises growth on a bet that wins `payoff_ratio` or loses 1 with the
    probability p of a win. Scores are no such probabilities: those of estimators with balanced classes, of single trees
    and of naive Bayes are off by 0.1 to 0.25 on average. So p is calibrated on the rows that it was fitted on, whose
    scores are out of fold: ``logit(p) = slope * logit(score) + intercept`` (Platt, 1999).

    Parameters
    ----------
    payoff_ratio : mean win over mean loss of the rows that it was fitted on.
    fraction : multiple of the edge; size 1 is the rule's own stake. Large fractions come close to a threshold at the
        break-even probability, ``1 / (1 + payoff_ratio)``.
    slope, intercept : of the calibration; 1 and 0 take the score as it is.
    """

    payoff_ratio: float
    fraction: float
    slope: float = 1.0
    intercept: float = 0.0
    name: ClassVar[str] = "kelly"
    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION,)

    def __post_init__(self) -> None:
        if not (self.payoff_ratio > 0 and self.fraction > 0):
            raise BadInput(f"payoff_ratio {self.payoff_ratio} and fraction {self.fraction} must be above 0")
        if not (0 < self.slope < np.inf and np.isfinite(self.intercept)):
            raise BadInput(f"slope {self.slope} must be above 0, and it and intercept {self.intercept} finite")

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Calibrate scores: float64 (n_trades,), the probability of a win; NaN stays NaN."""
        if (self.slope, self.intercept) == (1.0, 0.0):
            return scores
        from scipy.special import expit

        return np.asarray(expit(self.slope * _logit(scores) + self.intercept))

    def sizes(self, scores: np.ndarray, instance: np.ndarray) -> np.ndarray:
        p = self.probability(scores)
        edge = p - (1.0 - p) / self.payoff_ratio
        return np.nan_to_num(np.clip(self.fraction * edge, 0.0, 1.0), nan=0.0)

    @classmethod
    def candidates(cls, scores: np.ndarray, dataset: Dataset) -> Iterator[Self]:
        won, lost = dataset.net_return[dataset.net_return > 0], dataset.net_return[dataset.net_return < 0]
        # Without a win or without a loss there is no payoff ratio.
        if not (len(won) and len(lost)):
            return
        slope, intercept = _calibration(scores, dataset.net_return > 0)
        # Where wins are no more frequent among high scores, there is nothing to size by.
        if slope > 0:
            payoff_ratio = float(won.mean() / -lost.mean())
            for fraction in FRACTIONS:
                yield cls(payoff_ratio, fraction, slope, intercept)


def _logit(scores: np.ndarray) -> np.ndarray:
    from scipy.special import logit

    return np.asarray(logit(np.clip(scores, _CERTAIN, 1.0 - _CERTAIN)))


def _calibration(scores: np.ndarray, won: np.ndarray) -> tuple[float, float]:
    """Fit slope and intercept by logistic regression without a penalty."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=np.inf).fit(_logit(scores)[:, None], won)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
