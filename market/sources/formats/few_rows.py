"""Few rows: whether gaps explain that no row is one bar after another, or the bars last longer."""

from __future__ import annotations

import numpy as np

from tradesieve.market.timeframes import DAY, HOUR, MINUTE, Timeframe

_USUAL = (
    *(count * MINUTE for count in (2, 3, 5, 10, 15, 30)),
    *(count * HOUR for count in (1, 2, 3, 4, 6, 8, 12)),
    DAY,
    7 * DAY,
)
_LEAST_CHANCE = 1 / 500
"""Below it, gaps do not explain the steps. Only usual timeframes are looked for, so few sparse files fall below."""


def longer_timeframe(steps: np.ndarray, timeframe: Timeframe) -> int | None:
    """Return the usual timeframe, in ns, that all steps are multiples of, where gaps cannot explain it; else None.

    Sparse bars stand anywhere on their grid: n steps are all multiples of m bars with a chance of ``m ** -n``. Two
    steps of a day settle that bars are not hours, one does not; of 4 hours it takes five.

    Parameters
    ----------
    steps : int64 ns (n,), between rows, above 0.
    """
    common = int(np.gcd.reduce(steps))
    found = max((each for each in _USUAL if common % each == 0), default=0)
    n_bars = found // timeframe.duration
    return found if n_bars > 1 and n_bars ** -float(len(steps)) < _LEAST_CHANCE else None
