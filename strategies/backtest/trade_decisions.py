"""The decisions behind trades: what factors may see of them, laid out from the trades table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradesieve.features.decisions import Decisions
from tradesieve.market.errors import BadInput
from tradesieve.strategies.strategy import instance_name

_PARTS = ["strategy", "symbol", "timeframe"]


def decisions_of(trades: pd.DataFrame, instance_names: Sequence[str]) -> Decisions:
    """Lay out the decisions of trades, with all that was known at each of them beside the bars.

    Parameters
    ----------
    trades : the trades table, of every instance that was run and in any order; also those that the end of the data cut
        off, because their positions were open.
    instance_names : every instance that was run (``strategy|symbol|timeframe``), also those without a trade.

    Returns
    -------
    One row a trade. `results` are the net returns of each instance's closed trades, in the order of their exits.

    Raises
    ------
    BadInput : if a trade is of no instance that was run, or an instance is named twice.

    Notes
    -----
    Known at: decision_time. A trade counts as closed, and as open, from the close of the bar of its fill on. Trades cut
    off by the end of the data are open until then, and have no result.

    Examples
    --------
    >>> from tradesieve.market.instruments import Instrument
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> from tradesieve.strategies.rules.volatility_breakout import VolatilityBreakout
    >>> from tradesieve.strategies.backtest.simulator import simulate
    >>> bars, _ = SyntheticMarket(n_days=10, seed=7).generate("BTC-USD")
    >>> trades = simulate(VolatilityBreakout(), bars, Instrument("BTC-USD"))
    >>> decisions = decisions_of(trades, [f"{VolatilityBreakout().id}|BTC-USD|5m"])
    >>> known = decisions.results[decisions.first_result[9] : decisions.end_result[9]]
    >>> len(known), bool(known[-1] == trades["net_return"][8])
    (9, True)
    """
    instance = _codes(trades, instance_names)
    side = trades["side"].to_numpy(dtype=np.float64)
    # Times by their rank among all of them: the same order, in small whole numbers.
    every = np.sort(trades[["decision_time", "entry_time", "exit_time"]].to_numpy(dtype=np.int64), axis=None)
    decided, entered, left = (
        np.searchsorted(every, trades[name].to_numpy(dtype=np.int64))
        for name in ("decision_time", "entry_time", "exit_time")
    )
    closed = np.flatnonzero(trades["exit_reason"] != "end_of_data")
    closed = closed[np.lexsort((decided[closed], left[closed], instance[closed]))]
    first = np.searchsorted(instance[closed], instance, side="left")
    return Decisions(
        time=trades["decision_time"].to_numpy(dtype=np.int64),
        side=side,
        stop=trades["stop"].to_numpy(dtype=np.float64),
        target=trades["target"].to_numpy(dtype=np.float64),
        agreeing=_agreeing(instance, instance_names, side, decided, entered, left),
        results=trades["net_return"].to_numpy(dtype=np.float64)[closed],
        first_result=first,
        end_result=first + _count_until(instance[closed], left[closed], instance, decided),
    )


def _rule_of(instance: str) -> str:
    """Give the rule of an instance with where it trades: its name without parameters and modifiers."""
    strategy, _, place = instance.partition("|")
    return f"{strategy.partition('(')[0]}|{place}"


def _codes(trades: pd.DataFrame, instance_names: Sequence[str]) -> np.ndarray:
    """Number the instance of each trade: its place among the names."""
    place = {name: code for code, name in enumerate(instance_names)}
    if len(place) < len(instance_names):
        raise BadInput("an instance is named twice")
    # Each column on its own: to join a million texts takes far longer than to number them.
    codes, values = zip(*(pd.factorize(trades[name]) for name in _PARTS), strict=True)
    shape = tuple(max(1, len(part)) for part in values)
    row, combined = pd.factorize(np.asarray(np.ravel_multi_index(codes, shape), dtype=np.int64))
    keys = zip(*np.unravel_index(combined, shape), strict=True)
    own = [instance_name(*(part[code] for part, code in zip(values, key, strict=True))) for key in keys]
    strange = [name for name in own if name not in place]
    if strange:
        raise BadInput(f"there are trades of {strange[0]}, which is none of the instances that were run")
    return np.array([place[name] for name in own], dtype=np.int64)[row]


def _agreeing(
    instance: np.ndarray,
    instance_names: Sequence[str],
    side: np.ndarray,
    decided: np.ndarray,
    entered: np.ndarray,
    left: np.ndarray,
) -> np.ndarray:
    """Share the other instances of the same rule that hold a position on this side; NaN where there are none."""
    rules: dict[str, int] = {}
    rule_of_instance = np.array([rules.setdefault(_rule_of(name), len(rules)) for name in instance_names], np.int64)
    n_others = np.bincount(rule_of_instance)[rule_of_instance] - 1

    def n_open(owner: np.ndarray) -> np.ndarray:
        """Count the positions on this side that an owner holds at each decision."""
        group = 2 * owner + (side > 0)
        return _count_until(group, entered, group, decided) - _count_until(group, left, group, decided)

    others = n_open(rule_of_instance[instance]) - n_open(instance)
    there = n_others[instance]
    return np.divide(others, there, out=np.full(len(side), np.nan), where=there > 0)


def _count_until(group: np.ndarray, rank: np.ndarray, asked_group: np.ndarray, asked_rank: np.ndarray) -> np.ndarray:
    """Count a group's events up to a time, this included: one number for each group and time that is asked for.

    Times are given by their rank, from 0 on, so that group and time make one whole number.
    """
    n_ranks = 1 + max(rank.max(initial=0), asked_rank.max(initial=0))
    keys, asked = np.sort(group * n_ranks + rank), asked_group * n_ranks
    return np.searchsorted(keys, asked + asked_rank, side="right") - np.searchsorted(keys, asked, side="left")
