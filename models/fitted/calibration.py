"""Calibration: a monotone map from the scores of a classification to probabilities.

It keeps the order of scores, so it matters to applications that read their values, such as Kelly sizes. Fit it on
scores of rows that the model was not fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput, Unknown

NONE, SIGMOID, ISOTONIC = "none", "sigmoid", "isotonic"
CALIBRATIONS = (NONE, SIGMOID, ISOTONIC)


@dataclass(frozen=True)
class Calibration:
    """A fitted map.

    Parameters
    ----------
    method : ``sigmoid`` or ``isotonic``.
    scores, probabilities : of an isotonic map, its corners, between which it is linear; of a sigmoid, the slope and the
        intercept.
    """

    method: str
    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Map scores, float64 (n,), to probabilities; a score has the same bits, however many are mapped at once."""
        if self.method == ISOTONIC:
            return np.interp(scores, self.scores, self.probabilities)
        from scipy.special import expit

        return np.asarray(expit(self.scores[0] * scores + self.probabilities[0]), dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; `calibration_from` restores it from them."""
        return {"method": self.method, "scores": list(self.scores), "probabilities": list(self.probabilities)}


def calibration_from(values: Mapping[str, Any]) -> Calibration:
    """Restore a calibration from its `as_dict`."""
    return Calibration(values["method"], tuple(values["scores"]), tuple(values["probabilities"]))


def check_calibration(name: str) -> None:
    """Raise Unknown if there is no such method."""
    if name not in CALIBRATIONS:
        raise Unknown("calibration", name, CALIBRATIONS)


def fit_calibration(method: str, scores: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Calibration:
    """Fit a map.

    Parameters
    ----------
    method : ``sigmoid`` (Platt, 1999): a logistic regression on the score; ``isotonic`` (Zadrozny and Elkan, 2002): the
        best map that never falls.
    scores : float64 (n,), finite.
    y : float64 (n,), 0 or 1.
    weight : float64 (n,), positive.

    Raises
    ------
    BadInput : if a sigmoid falls, or the scores are all the same: they tell no good trade from a bad one.
    """
    if np.ptp(scores) == 0.0 or y.min() == y.max():
        raise BadInput(f"{method} calibration needs scores and outcomes that vary")
    if method == ISOTONIC:
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, y, sample_weight=weight)
        return Calibration(method, tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))
    from sklearn.linear_model import LogisticRegression

    mean, deviation = float(scores.mean()), float(scores.std())
    fitted = LogisticRegression(C=np.inf).fit(((scores - mean) / deviation)[:, None], y, sample_weight=weight)
    slope = float(fitted.coef_[0, 0]) / deviation
    if slope <= 0.0:
        raise BadInput("sigmoid calibration falls: out of fold, higher scores go with worse trades")
    return Calibration(method, (slope,), (float(fitted.intercept_[0]) - slope * mean,))
