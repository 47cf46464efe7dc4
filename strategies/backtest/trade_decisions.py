"""The decisions behind trades: what factors may see of them, laid out from the trades table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradesieve.features.decisions import Decisions
from tradesieve.market.errors import BadInput
from tradesieve.strategies.backtest.peers import peer_agreement, peer_groups
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.trades import instance_codes, instance_of


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
        agreeing=_peer_agreement(instance, instance_names, side, decided, entered, left),
        results=trades["net_return"].to_numpy(dtype=np.float64)[closed],
        first_result=first,
        end_result=first + _count_until(instance[closed], left[closed], instance, decided),
    )


def _codes(trades: pd.DataFrame, instance_names: Sequence[str]) -> np.ndarray:
    if len(set(instance_names)) < len(instance_names):
        raise BadInput("an instance is named twice")
    codes = instance_codes(trades, instance_names)
    if codes.min(initial=0) < 0:
        stranger = instance_of(trades, int(np.argmin(codes)))
        raise BadInput(f"there are trades of {stranger}, which is none of the instances that were run")
    return codes


def _peer_agreement(
    instance: np.ndarray,
    instance_names: Sequence[str],
    side: np.ndarray,
    decided: np.ndarray,
    entered: np.ndarray,
    left: np.ndarray,
) -> np.ndarray:
    """Return the share of each instance's peers that hold a position on the side of the decision."""
    peer_group = peer_groups([Instance.parse(name) for name in instance_names])
    n_peers = np.bincount(peer_group)[peer_group] - 1

    def n_open(owner: np.ndarray) -> np.ndarray:
        """Count the positions on this side that an owner holds at each decision."""
        group = 2 * owner + (side > 0)
        return _count_until(group, entered, group, decided) - _count_until(group, left, group, decided)

    n_holding = n_open(peer_group[instance]) - n_open(instance)
    return peer_agreement(n_holding, n_peers[instance])


def _count_until(group: np.ndarray, rank: np.ndarray, asked_group: np.ndarray, asked_rank: np.ndarray) -> np.ndarray:
    """Count a group's events up to a time, this included: one number for each group and time that is asked for.

    Times are given by their rank, from 0 on, so that group and time make one whole number.
    """
    n_ranks = 1 + max(rank.max(initial=0), asked_rank.max(initial=0))
    keys, asked = np.sort(group * n_ranks + rank), asked_group * n_ranks
    return np.searchsorted(keys, asked + asked_rank, side="right") - np.searchsorted(keys, asked, side="left")
