"""The trade's own terms, known with the signal."""

from __future__ import annotations

import numpy as np

from features.factor import decision_factor


@decision_factor
def side(decision_time: np.ndarray, side: np.ndarray | None) -> np.ndarray:
    """Give the side: +1 long, -1 short."""
    return np.asarray(side, dtype=np.float64)
