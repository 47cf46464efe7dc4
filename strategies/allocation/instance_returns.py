"""The daily returns of strategy instances, each on capital of its own: what weights are estimated from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.strategies.statistics.daily_returns import capital_effect, exit_days
from tradesieve.strategies.statistics.grouping import Backtest, group_trades
from tradesieve.strategies.trades import is_closed


@dataclass(frozen=True, eq=False)
class InstanceReturns:
    """Closed trades by instance and trading day.

    Parameters
    ----------
    names : of the instances, with or without a trade.
    days : int64 (n_days,), trading days of the period, since 1970-01-01.
    days_per_year : from the market's calendar.
    code, day : int64 (n_trades,), the instance of each trade and the position of the day on which its exit counts.
    decision_time : int64 ns UTC (n_trades,).
    effect, stake : float64 (n_trades,): stake times net return, and stake, fractions of the instance's capital.
    """

    names: tuple[str, ...]
    days: np.ndarray
    days_per_year: float
    code: np.ndarray
    day: np.ndarray
    decision_time: np.ndarray
    effect: np.ndarray
    stake: np.ndarray

    @classmethod
    def of(cls, trades: pd.DataFrame, backtest: Backtest) -> InstanceReturns:
        """Sort the closed trades of a backtest by instance and day.

        Raises
        ------
        BadData : as `strategies.statistics.grouping.group_trades`, or if an outcome is not finite.
        """
        closed = trades[is_closed(trades)]
        day, _ = exit_days(closed["exit_time"].to_numpy(), period=backtest.period, calendar=backtest.calendar)
        stake = closed["stake"].to_numpy()
        return cls(
            names=backtest.instance_names,
            days=backtest.calendar.days(*backtest.period),
            days_per_year=backtest.calendar.days_per_year,
            code=group_trades(closed, backtest, by="instance").code,
            day=day,
            decision_time=closed["decision_time"].to_numpy(),
            effect=capital_effect(stake, closed["net_return"].to_numpy(), n_instances=1),
            stake=stake,
        )

    def by_day(self) -> np.ndarray:
        """Return the daily returns of each instance, float64 (n_days, n_instances); a day without an exit is 0."""
        return self._summed(self.effect)

    def n_closed(self) -> np.ndarray:
        """Count the trades of each instance that closed before each day, int64 (n_days + 1, n_instances)."""
        counted = np.cumsum(self._summed(np.ones(len(self.code))), axis=0).astype(np.int64)
        return np.vstack([np.zeros((1, len(self.names)), np.int64), counted])

    def _summed(self, values: np.ndarray) -> np.ndarray:
        shape = (len(self.days), len(self.names))
        cell = self.day * shape[1] + self.code
        return np.bincount(cell, weights=values, minlength=shape[0] * shape[1]).reshape(shape)
