"""Duplicates: strategy instances whose trades are identical, such as those of a parameter that never took effect."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tradesieve.strategies.trades import instance_codes


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
