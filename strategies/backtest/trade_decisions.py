"""The decisions behind trades: what was known of each besides the bars, computed from the trades table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tradesieve.features.decisions import Decisions
from tradesieve.market.errors import BadInput
from tradesieve.strategies.backtest.peers import peer_agreement, peer_groups
from tradesieve.strategies.instance import Instance
from tradesieve.strategies.trades import instance_codes, instance_of, is_closed


def decisions_of(trades: pd.DataFrame, instance_names: Sequence[str]) -> Decisions:
    """Return the decisions of trades, with all that was known at each besides the bars.

    Parameters
    ----------
    trades : the trades table of every simulated instance, in any order, including those that the end of the data cut
        off: their positions were open.
    instance_names : every simulated instance (``strategy|symbol|timeframe``), including those without a trade.

    Returns
    -------
    One row per trade. `results` are the net returns of each instance's closed trades, in the order of their exits.

    Raises
    ------
    BadInput : if a trade is of an instance that is not named, or an instance is named twice.

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
    # Times by their rank among all of them: the same order in small integers.
    all_times = np.sort(trades[["decision_time", "entry_time", "exit_time"]].to_numpy(dtype=np.int64), axis=None)
    decided, entered, exited = (
        np.searchsorted(all_times, trades[name].to_numpy(dtype=np.int64))
        for name in ("decision_time", "entry_time", "exit_time")
    )
    closed = np.flatnonzero(is_closed(trades))
    closed = closed[np.lexsort((decided[closed], exited[closed], instance[closed]))]
    first = np.searchsorted(instance[closed], instance, side="left")
    return Decisions(
        time=trades["decision_time"].to_numpy(dtype=np.int64),
        side=side,
        stop=trades["stop"].to_numpy(dtype=np.float64),
        target=trades["target"].to_numpy(dtype=np.float64),
        agreeing=_peer_agreement(instance, instance_names, side, decided, entered, exited),
        results=trades["net_return"].to_numpy(dtype=np.float64)[closed],
        first_result=first,
        end_result=first + _count_until(instance[closed], exited[closed], instance, decided),
    )


def _codes(trades: pd.DataFrame, instance_names: Sequence[str]) -> np.ndarray:
    repeated = [name for name, n in Counter(instance_names).items() if n > 1]
    if repeated:
        raise BadInput(f"instance {repeated[0]} is named twice: name each once")
    codes = instance_codes(trades, instance_names)
    if codes.min(initial=0) < 0:
        stranger = instance_of(trades, int(np.argmin(codes)))
        raise BadInput(f"there are trades of {stranger}, which is not among the instances: name it too")
    return codes


def _peer_agreement(
    instance: np.ndarray,
    instance_names: Sequence[str],
    side: np.ndarray,
    decided: np.ndarray,
    entered: np.ndarray,
    exited: np.ndarray,
) -> np.ndarray:
    """Return the share of each instance's peers that hold a position on the side of the decision."""
    peer_group = peer_groups([Instance.parse(name) for name in instance_names])
    n_peers = np.bincount(peer_group)[peer_group] - 1

    def n_open(owner: np.ndarray) -> np.ndarray:
        """Count the open positions on the side of each decision, of the instance or peer group it belongs to."""
        group = 2 * owner + (side > 0)
        return _count_until(group, entered, group, decided) - _count_until(group, exited, group, decided)

    n_holding = n_open(peer_group[instance]) - n_open(instance)
    return peer_agreement(n_holding, n_peers[instance])


def _count_until(group: np.ndarray, rank: np.ndarray, of_group: np.ndarray, until_rank: np.ndarray) -> np.ndarray:
    """Count the events of each group in `of_group` up to and including the time in `until_rank`.

    Times are ranks from 0 on, so that group and time make one integer key.
    """
    n_ranks = 1 + max(rank.max(initial=0), until_rank.max(initial=0))
    keys, first = np.sort(group * n_ranks + rank), of_group * n_ranks
    return np.searchsorted(keys, first + until_rank, side="right") - np.searchsorted(keys, first, side="left")
