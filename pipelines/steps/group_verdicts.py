"""Verdicts on groups of simulated trades, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tradesieve.models.significance.verdicts import Outcomes, judge_outcomes
from tradesieve.strategies.statistics.daily_returns import exit_days
from tradesieve.strategies.statistics.grouping import Backtest, TradeGroups, group_trades
from tradesieve.strategies.trades import is_closed


def judge_groups(trades: pd.DataFrame, backtest: Backtest, *, by: str, seed: int) -> dict[str, Any]:
    """Give each group of trades a verdict, see `models.significance.verdicts.judge_outcomes`.

    Parameters
    ----------
    trades : the trades table; trades that the end of the data cut off are not judged.
    by : one of `strategies.statistics.grouping.GROUPINGS`.

    Raises
    ------
    Unknown, BadData : as `strategies.statistics.grouping.group_trades`.
    """
    trades = trades[is_closed(trades)]
    groups = group_trades(trades, backtest, by=by)
    return judge_outcomes(list(map(str, groups.keys)), outcomes_of(trades, groups, backtest), seed=seed)


def outcomes_of(trades: pd.DataFrame, groups: TradeGroups, backtest: Backtest) -> list[Outcomes]:
    """Sum the trades of each group by the day of their exit."""
    day, n_days = exit_days(trades["exit_time"].to_numpy(), period=backtest.period, calendar=backtest.calendar)
    net_return, stake = trades["net_return"].to_numpy(), trades["stake"].to_numpy()
    order = np.argsort(groups.code, kind="stable")
    borders = np.searchsorted(groups.code[order], np.arange(len(groups.keys) + 1))
    rows = [order[borders[group] : borders[group + 1]] for group in range(len(groups.keys))]
    return [Outcomes.of(day[own], n_days, net_return[own], stake[own]) for own in rows]
