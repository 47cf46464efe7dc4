"""Market conditions: what kind of market each decision was made in, in words that were knowable then.

Trend, trendiness and volatility are factors over the last 50 bars, told in thirds: a value is compared with the
thirds of the past alone. The other two are read off the clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tradesieve.features.engine.compute import compute
from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import DAY, HOUR

_WINDOW = 50
CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "trend": ("falling", "flat", "rising"),
    "trendiness": ("choppy", "mixed", "trending"),
    "volatility": ("calm", "usual", "wild"),
    "hours": ("00-06 UTC", "06-12 UTC", "12-18 UTC", "18-24 UTC"),
    "week": ("Monday to Friday", "weekend"),
}
"""Condition: its states, in order."""
MEANINGS: Mapping[str, str] = {
    "trend": f"slope of a line through the last {_WINDOW} closes, in thirds of all earlier ones",
    "trendiness": f"how straight the way of the last {_WINDOW} closes was, in thirds of all earlier ones",
    "volatility": f"volatility of the last {_WINDOW} bars, in thirds of all earlier ones",
    "hours": "time of the decision",
    "week": "day of the decision, UTC",
}
"""Condition: how it is told."""
_FACTORS = {name: f"close__{factor}__window_{_WINDOW}" for name, factor in (
    ("trend", "slope"), ("trendiness", "trendiness"), ("volatility", "volatility"),
)}  # fmt: skip
_STEP = 5  # neighbouring windows are nearly the same
_LEAST_KNOWN = 50  # values, so 250 bars, before thirds are told
_WEEK, _MONDAY = 7 * DAY, 4 * DAY  # 1970-01-01 was a Thursday


def conditions_at(bars: Bars, decision_time: np.ndarray) -> dict[str, np.ndarray]:
    """Tell the state of each condition at decisions.

    1. Compute the factors at every fifth bar, and at the decisions.
    2. On each Monday at midnight, UTC, set the thirds of every factor anew, from its values at all earlier bars.
    3. Compare the value of each decision with the thirds of its week.

    Parameters
    ----------
    bars : history of one symbol.
    decision_time : int64 ns UTC (n,), each the close_time of a bar.

    Returns
    -------
    {condition: int64 (n,), position of its state in `CONDITIONS`}; -1 where too little is known before the decision, or
    a factor has no value.

    Known at: the decision.

    Examples
    --------
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> bars, _ = SyntheticMarket(n_days=30).generate("BTC-USD")
    >>> found = conditions_at(bars, bars.close_time[[9, 8000]])
    >>> [CONDITIONS[name][states[1]] for name, states in found.items()], found["trend"].tolist()
    (['rising', 'mixed', 'wild', '18-24 UTC', 'weekend'], [-1, 2])
    """
    weekday = (decision_time // DAY + 3) % 7
    codes = {"hours": decision_time % DAY // (6 * HOUR), "week": (weekday >= 5).astype(np.int64)}
    known_time = np.ascontiguousarray(bars.close_time[::_STEP])
    names = list(_FACTORS.values())
    known, own = compute(bars, known_time, names), compute(bars, decision_time, names)
    for column, condition in enumerate(_FACTORS):
        codes[condition] = _thirds(known_time, known[:, column], decision_time, own[:, column])
    return {name: codes[name] for name in CONDITIONS}


def _thirds(known_time: np.ndarray, known: np.ndarray, decision_time: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Place each value among the thirds of the values that were known at the start of its week."""
    defined = ~np.isnan(known)
    known_time, known = known_time[defined], known[defined]
    # A bar that closes at midnight is known then.
    week = (decision_time - _MONDAY) // _WEEK * _WEEK + _MONDAY
    found = np.full(len(own), -1, dtype=np.int64)
    for start in np.unique(week):
        n_known = int(np.searchsorted(known_time, start, side="right"))
        if n_known >= _LEAST_KNOWN:
            rows = week == start
            thirds = np.quantile(known[:n_known], [1 / 3, 2 / 3])
            found[rows] = np.searchsorted(thirds, own[rows], side="left")
    return np.where(np.isnan(own), -1, found)
