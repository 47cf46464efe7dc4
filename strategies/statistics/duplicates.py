"""Duplicates: strategy instances whose trades are identical, such as those of a parameter that never took effect."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tradesieve.strategies.trades import instance_codes

_ORDERS = ["symbol", "timeframe", "decision_time", "entry_time", "exit_time", "side", "stake", "stop", "target"]
"""When trades were open, on which side, and on what terms: no price that was paid or received, and no result."""


def digest_instances(trades: pd.DataFrame, instance_names: Sequence[str]) -> dict[str, bytes]:
    """Hash the trades of each instance, in all columns except the strategy's.

    Parameters
    ----------
    trades : the trades table, in decision order.
    instance_names : the instances to hash; the trades of any other are left out.

    Returns
    -------
    By name, in the order of `instance_names`; an instance without a trade has no hash.
    """
    codes = instance_codes(trades, instance_names)
    order = np.argsort(codes, kind="stable")
    rows = pd.util.hash_pandas_object(trades.drop(columns="strategy"), index=False).to_numpy()[order]
    borders = np.searchsorted(codes[order], np.arange(len(instance_names) + 1))
    return {
        name: hashlib.blake2b(rows[start:end].tobytes(), digest_size=16).digest()
        for name, start, end in zip(instance_names, borders[:-1], borders[1:], strict=True)
        if end > start
    }


def find_copies(trades: pd.DataFrame, instance_names: Sequence[str], *, holdout_start: int) -> dict[str, str]:
    """Find the instances whose trades are those of an earlier one, without a look at results of the hold-out.

    Two instances have the same trades if

    1. all columns are equal in the trades that ended before the hold-out, and
    2. symbol, timeframe, times, sides, stakes, stops and targets are equal in all trades, the hold-out's too.

    The second comparison reads no price that was paid or received, no return and no reason of an exit. It tells whether
    two sets of orders are one, which says nothing about whether they gained; and the one that is kept is the first in
    order, whatever became of it. So the hold-out stays sealed.

    Parameters
    ----------
    trades : the trades table, in decision order.
    holdout_start : int64 ns UTC.

    Returns
    -------
    As `find_duplicates`.
    """
    ended = trades[trades["exit_time"] < holdout_start]
    before = digest_instances(ended, instance_names)
    orders = digest_instances(trades[["strategy", *_ORDERS]], instance_names)
    return find_duplicates({name: before.get(name, b"") + digest for name, digest in orders.items()})


def find_duplicates(digests: Mapping[str, bytes]) -> dict[str, str]:
    """Find the instances that have the same trades as an earlier one.

    Parameters
    ----------
    digests : hashes of `digest_instances`, in the order of the instances.

    Returns
    -------
    The first instance with the same trades, by the name of each later one.

    Examples
    --------
    >>> find_duplicates({"a()|BTC-USD|1h": b"1", "b()|BTC-USD|1h": b"2", "c()|BTC-USD|1h": b"1"})
    {'c()|BTC-USD|1h': 'a()|BTC-USD|1h'}
    """
    first: dict[bytes, str] = {}
    found = {name: first.setdefault(digest, name) for name, digest in digests.items()}
    return {name: earlier for name, earlier in found.items() if earlier != name}
