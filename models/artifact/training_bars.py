"""Training bars: how far the bars of a series moved and lay apart before the model was trained.

Live, it shows that a window is nothing like what the model has learned from: a bad print, another timeframe, a hole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from tradesieve.market.bars import Bars


@dataclass(frozen=True)
class TrainingBars:
    """How far bars moved and lay apart.

    Parameters
    ----------
    largest_move : the largest of `moves`.
    largest_step, usual_step : the largest, and the median, of the steps of the timeframe from one bar to the next; 1 if
        none is absent.
    """

    largest_move: float
    largest_step: int
    usual_step: int

    @classmethod
    def of(cls, bars: Bars) -> TrainingBars:
        """Measure bars, at least one."""
        steps = bars.timeframe.steps(bars.close_time)
        largest, usual = (int(steps.max()), int(np.median(steps))) if len(steps) else (1, 1)
        return cls(float(moves(bars).max()), largest, max(1, usual))

    def as_dict(self) -> dict[str, float | int]:
        """Return plain values."""
        return asdict(self)


def moves(bars: Bars) -> np.ndarray:
    """Return the log of each bar's highest price to its lowest, the close before it included: float64 (n,)."""
    before = np.empty(len(bars))
    before[0], before[1:] = bars.open[0], bars.close[:-1]
    with np.errstate(over="ignore"):  # of prices that no market has
        return np.log(np.maximum(bars.high, before) / np.minimum(bars.low, before))
