"""Feature drift: how far the features of the last decisions lie from those of training, by feature.

The distance is robust: from the median of training to that of the last decisions, in interquartile ranges of training;
at one of them, half of the live values lie where a quarter of training's did. It is computed by the thread that stores
decisions, now and then, so that no answer waits for it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from tradesieve.models.artifact.training_features import TrainingFeatures

LAST = 500
"""Decisions that count."""
FEWEST = 50
"""Decisions below which a median says little."""
_EVERY_SECONDS = 5.0


class FeatureDrift:
    """Keeps the features of the last decisions of one model. Not thread-safe.

    Parameters
    ----------
    training : where each feature lay.
    names : of the features.
    now : seconds of a clock that never goes back.
    """

    def __init__(
        self, training: TrainingFeatures, names: Sequence[str], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._training, self._names, self._now = training, tuple(names), now
        self._rows = np.full((LAST, len(names)), np.nan)
        self._n_seen, self._next = 0, -np.inf

    def add(self, features: np.ndarray) -> dict[str, float]:
        """Add a decision's features, float64 (n,) or longer; return distances by feature when they are due.

        Features whose distance cannot be said, such as those that were the same in all of training, are left out.
        """
        self._rows[self._n_seen % LAST] = features[: len(self._names)]
        self._n_seen += 1
        now = self._now()
        if self._n_seen < FEWEST or now < self._next:
            return {}
        self._next = now + _EVERY_SECONDS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a feature that is missing in all of them
            center = np.nanmedian(self._rows[: min(self._n_seen, LAST)], axis=0)
        distances = self._training.distances(center)
        known = zip(self._names, distances.tolist(), strict=True)
        return {name: distance for name, distance in known if np.isfinite(distance)}
