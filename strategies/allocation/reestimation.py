"""What weights would have earned, re-estimated as time went on.

1. The first days, the warm-up, are not traded: weights need a past.
2. On the first day after it, and on the first trading day of each week, of each month or on each day, weights are
   estimated from the trades whose exits counted on earlier days.
3. A trade is decided at the weight that its instance has then, and keeps it until its exit.

So a weight depends on no trade that closed on its day or later. All paths are judged on the same days: those of
re-estimated weights, of the first weights kept for ever, and of equal weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradesieve.market.errors import BadData, BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.strategies.allocation.instance_returns import InstanceReturns
from tradesieve.strategies.allocation.methods import EQUAL, MINIMUM_TRADES, estimate_weights
from tradesieve.strategies.statistics.daily_returns import equity, max_drawdown, sortino
from tradesieve.strategies.statistics.profitable_spans import SPANS, count_spans, share_intervals, span_of

OnProgress = Callable[[int, int, str], None]
SCHEDULES = ("daily", "weekly", "monthly")
ONCE = "once"
WARM_UP = 0.25
"""The fraction of the days that is not traded, unless told otherwise."""


@dataclass(frozen=True)
class Estimation:
    """How weights are estimated.

    Parameters
    ----------
    method : of `strategies.allocation.methods.METHODS`.
    window : how many of the last trading days are looked at; None: all of them.
    minimum_trades : closed trades that an instance needs in them.
    """

    method: str
    window: int | None = None
    minimum_trades: int = MINIMUM_TRADES

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 2:
            raise BadInput(f"window is {self.window}: weights need at least 2 days")


@dataclass(frozen=True, eq=False)
class WeightPath:
    """One way of weighting over the days after the warm-up.

    Parameters
    ----------
    name : of the schedule, `ONCE`, or ``equal``.
    days : int64 (n_days,), since 1970-01-01.
    estimated : int64 (n_estimates,), the days whose openings have new weights.
    weights : float64 (n_estimates, n_instances).
    returns : float64 (n_days,), daily returns of the whole capital.
    measures : see `measure_path`.
    """

    name: str
    days: np.ndarray
    estimated: np.ndarray
    weights: np.ndarray
    returns: np.ndarray
    measures: dict[str, Any]


@dataclass
class Estimator:
    """Weights at the openings of days, each estimated once.

    Parameters
    ----------
    failed : positions of the days at which a solver found none; there the weights before stay.
    """

    returns: InstanceReturns
    estimation: Estimation
    failed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._by_day, self._closed = self.returns.by_day(), self.returns.n_closed()
        self._found: dict[int, np.ndarray] = {}

    def at(self, position: int) -> np.ndarray:
        """Return the weights at the opening of a day, from the days before it: float64 (n_instances,).

        Parameters
        ----------
        position : of the day; the number of days for the weights after the last of them.

        Raises
        ------
        BadData : if a solver finds no weights.
        """
        if position not in self._found:
            first = 0 if self.estimation.window is None else max(0, position - self.estimation.window)
            self._found[position] = estimate_weights(
                self.estimation.method,
                self._by_day[first:position],
                self._closed[position] - self._closed[first],
                minimum_trades=self.estimation.minimum_trades,
            )
        return self._found[position]

    def along(self, positions: Sequence[int], *, on_progress: OnProgress | None = None) -> np.ndarray:
        """Return the weights at several openings; where a solver finds none, the weights before it stay."""
        found = np.zeros((len(positions), len(self.returns.names)))
        for row, position in enumerate(positions):
            if on_progress is not None:
                on_progress(row, len(positions), self.estimation.method)
            try:
                found[row] = found[row - 1] if position in self.failed else self.at(position)
            except BadData:
                self.failed.add(position)
                found[row] = found[row - 1]  # before the first row stands the last one, still zeros
        return found


def weight_paths(
    estimator: Estimator, *, warm_up: int | None = None, on_progress: OnProgress | None = None
) -> list[WeightPath]:
    """Follow weights that are re-estimated daily, weekly and monthly, kept from the first day on, and equal.

    Parameters
    ----------
    warm_up : days that are not traded; None: the fraction `WARM_UP` of all.
    on_progress : called with the days estimated, their number and the method.

    Raises
    ------
    BadInput : if no day is left to trade, or a library is missing.
    """
    returns = estimator.returns
    n_days = len(returns.days)
    first = math.ceil(WARM_UP * n_days) if warm_up is None else warm_up
    if not 1 <= first < n_days - 1:
        raise BadInput(
            f"the warm-up takes {first:,} of {n_days:,} trading days: leave at least 2 to trade and 1 to learn from"
        )
    days = returns.days[first:]
    paths = []
    for name in (*SCHEDULES, ONCE):
        positions = first + _openings(days, name)
        weights = estimator.along(positions.tolist(), on_progress=on_progress if name == "daily" else None)
        paths.append(_path(name, returns, first, positions, weights))
    equal = estimate_weights(EQUAL, np.zeros((0, len(returns.names))), np.zeros(len(returns.names), np.int64))
    paths.append(_path(EQUAL, returns, first, np.array([first]), equal[None]))
    return paths


def _openings(days: np.ndarray, schedule: str) -> np.ndarray:
    """Return the positions of the days on which a schedule estimates; the first day is always one."""
    if schedule == ONCE:
        return np.zeros(1, np.int64)
    if schedule == "daily":
        return np.arange(len(days))
    span = span_of(days, "weeks" if schedule == "weekly" else "months")
    return np.flatnonzero(np.diff(span, prepend=span[0] - 1))


def _path(name: str, returns: InstanceReturns, first: int, positions: np.ndarray, weights: np.ndarray) -> WeightPath:
    """Weigh each trade decided after the warm-up by the weight of its instance at its decision."""
    days = returns.days[first:]
    estimated = returns.days[positions]
    row = np.searchsorted(estimated * DAY, returns.decision_time, side="right") - 1
    kept = np.flatnonzero((row >= 0) & (returns.day >= first))
    weight = weights[row[kept], returns.code[kept]]
    day = returns.day[kept] - first
    daily = np.bincount(day, weights=weight * returns.effect[kept], minlength=len(days))
    traded = np.bincount(day, weights=weight, minlength=len(days)) > 0
    years = len(days) / returns.days_per_year
    measures = measure_path(daily, traded, days, days_per_year=returns.days_per_year)
    measures |= {
        "n_trades": int((weight > 0).sum()),
        "n_estimates": len(positions),
        "turnover": float((weight * returns.stake[kept]).sum()) / years,
        "reallocated": float(np.abs(np.diff(weights, axis=0)).sum()) / 2 / years,
    }
    return WeightPath(name, days, estimated, weights, daily, measures)


def measure_path(returns: np.ndarray, traded: np.ndarray, days: np.ndarray, *, days_per_year: float) -> dict[str, Any]:
    """Measure daily returns: Sortino, return, drawdown, and the profitable weeks and months with their intervals.

    Parameters
    ----------
    returns, traded, days : (n_days,) each: daily returns, whether a trade left, days since 1970-01-01.

    Returns
    -------
    ``sortino``, ``total_return``, ``max_drawdown``, and by week and month as
    `strategies.statistics.trade_statistics.MEASURES` names them; NaN where undefined.
    """
    found: dict[str, Any] = {
        "sortino": sortino(returns, days_per_year=days_per_year),
        "total_return": float(equity(returns)[-1]) - 1.0,
        "max_drawdown": max_drawdown(returns),
    }
    for span in SPANS:
        n, gained = count_spans(returns, traded, span_of(days, span))
        low, high = share_intervals(np.array([gained]), np.array([n]))
        found[f"n_{span}"] = n
        found[f"profitable_{span}_rate"] = gained / n if n else math.nan
        found[f"profitable_{span}_low"], found[f"profitable_{span}_high"] = float(low[0]), float(high[0])
    return found
