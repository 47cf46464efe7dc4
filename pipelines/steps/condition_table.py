"""The condition table: what each strategy earns in which market, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tradesieve.models.significance.verdicts import NOT_WORTH, UNTOLD, WORTH_ALONE, Outcomes, judge_outcomes
from tradesieve.pipelines.steps.chunk_trades import TradedChunk
from tradesieve.pipelines.steps.group_verdicts import outcomes_of
from tradesieve.pipelines.steps.run_records import PartRecord
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.statistics.daily_returns import sortino
from tradesieve.strategies.statistics.grouping import Backtest, group_trades
from tradesieve.strategies.statistics.market_conditions import CONDITIONS, conditions_at
from tradesieve.strategies.trades import is_closed, pool_trades

UNKNOWN = "too early to tell"
"""The state of decisions before which too little is known."""
_MOST_BY_INSTANCE = 60
_WORDS = {WORTH_ALONE: "earns", NOT_WORTH: "loses", UNTOLD: UNTOLD}


def with_conditions(traded: Sequence[TradedChunk]) -> pd.DataFrame:
    """Pool the closed trades of chunks, each with the state of every condition at its decision.

    Returns
    -------
    The trades table in decision order with a text column for each of `market_conditions.CONDITIONS`.
    """
    tables = []
    for each in traded:
        closed = each.trades[is_closed(each.trades)]
        codes = conditions_at(each.chunk.bars, closed["decision_time"].to_numpy())
        tables.append(closed.assign(**{name: _words(name, code) for name, code in codes.items()}))
    # Without a trade there are no states, and a table without rows lacks their columns.
    return pool_trades(tables).reindex(columns=list(tables[0].columns))


def judge_conditions(trades: pd.DataFrame, backtest: Backtest, *, by: str, seed: int) -> dict[str, Any]:
    """Judge what each group of trades earns in each state of each condition.

    False discoveries are controlled over all of them together, see `models.significance.verdicts`.

    Parameters
    ----------
    trades : from `with_conditions`.
    by : one of `strategies.statistics.grouping.INSTANCE_GROUPS`.

    Returns
    -------
    As `models.significance.verdicts.judge_outcomes`; each row has ``group``, ``condition``, ``state``, ``found``
    (``earns``, ``loses`` or ``cannot be told``) and ``sortino`` of the days, besides the numbers of a verdict.
    """
    groups = group_trades(trades, backtest, by=by)
    rows: list[dict[str, Any]] = []
    outcomes: list[Outcomes] = []
    for condition, states in CONDITIONS.items():
        labels = trades[condition].to_numpy()
        for state in (*states, UNKNOWN):
            kept = labels == state
            if state == UNKNOWN and not kept.any():
                continue
            own = replace(groups, code=groups.code[kept])
            for key, outcome in zip(groups.keys, outcomes_of(trades[kept], own, backtest), strict=True):
                ratio = sortino(outcome.effect, days_per_year=backtest.calendar.days_per_year)
                rows.append({"group": str(key), "condition": condition, "state": state, "sortino": ratio})
                outcomes.append(outcome)
    judged = judge_outcomes([row["group"] for row in rows], outcomes, seed=seed)
    numbers = ("expectancy", "low", "high", "n_trades", "n_days", "reason")
    judged["rows"] = [
        {
            **row,
            "sortino": None if np.isnan(row["sortino"]) else row["sortino"],
            "found": _WORDS[own["verdict"]],
            **{name: own[name] for name in numbers},
        }
        for row, own in zip(rows, judged["rows"], strict=True)
    ]
    return judged


def judge_record(record: PartRecord, *, seed: int) -> dict[str, Any]:
    """Judge what the recorded trades of a run earn in each state of each condition, as `judge_conditions`.

    Trades are grouped by strategy instance; those of more than sixty instances by rule, since so many are neither drawn
    nor judged one by one within a minute.
    """
    dataset = record.dataset
    instances = [Instance.parse(name) for name in dataset.instance_names]
    columns = {
        name: pd.array([getattr(instance, name) for instance in instances], dtype="str").take(dataset.instance)
        for name in ("strategy", "symbol", "timeframe")
    }
    states = {
        name: pd.array([*words, UNKNOWN], dtype="str").take(record.conditions[name])
        for name, words in CONDITIONS.items()
    }
    money = {name: getattr(dataset, name) for name in ("exit_time", "net_return", "stake")}
    n_bars = (1,) * len(instances)
    backtest = Backtest(dataset.instance_names, n_bars, dataset.period, dataset.calendar)
    trades = pd.DataFrame({**columns, **money, **states})
    by = "instance" if len(instances) <= _MOST_BY_INSTANCE else "rule"
    return judge_conditions(trades, backtest, by=by, seed=seed)


def _words(condition: str, codes: np.ndarray) -> Any:
    # Code -1 takes the last word.
    return pd.array([*CONDITIONS[condition], UNKNOWN], dtype="str").take(codes)
