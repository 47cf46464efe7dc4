"""Thresholds: the lowest score at which a trade is accepted, of any application, for the answers that show it."""

from __future__ import annotations

import numpy as np

from tradesieve.models.artifact.artifact import Artifact


def acceptance_thresholds(artifact: Artifact) -> list[float | None]:
    """Find the lowest score at which each instance accepts a trade; None where it accepts none.

    Sizes never fall as scores rise, so bisection finds it for any application. It runs on integers that are ordered
    like the floats whose bits they hold, and is therefore exact.
    """
    index, largest = np.arange(len(artifact.manifest["instances"])), np.finfo(np.float64).max
    low, high = (_ordered_bits(np.full(len(index), end)) for end in (-largest, largest))

    def accepted(bits: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return artifact.application.sizes(_float_of(bits), index) > 0

    always, never = accepted(low), ~accepted(high)
    while np.any(high - low > _ONE):
        middle = low + (high - low) // np.uint64(2)
        below = accepted(middle)
        low, high = np.where(below, low, middle), np.where(below, middle, high)
    thresholds = np.where(always, -largest, _float_of(high)) + 0.0  # -0.0 becomes 0.0
    return [None if refused else float(threshold) for refused, threshold in zip(never, thresholds, strict=True)]


_ONE, _SIGN = np.uint64(1), np.uint64(1 << 63)


def _ordered_bits(values: np.ndarray) -> np.ndarray:
    bits = values.view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _float_of(ordered: np.ndarray) -> np.ndarray:
    return np.where(ordered & _SIGN, ordered ^ _SIGN, ~ordered).view(np.float64)
