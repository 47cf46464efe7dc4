"""Peers of an instance: the other instances of its rule on the same symbol and timeframe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradesieve.strategies.instance import Instance


def peer_groups(instances: Sequence[Instance]) -> np.ndarray:
    """Number the instances so that those of one rule on one symbol and timeframe share a number: int64 (n,)."""
    numbers: dict[tuple[str, ...], int] = {}
    return np.array([numbers.setdefault((each.rule, *each.series), len(numbers)) for each in instances], np.int64)


def peer_agreement(n_holding: np.ndarray | int, n_peers: np.ndarray | int) -> np.ndarray:
    """Return the share of an instance's peers that hold a position on the side of its decision.

    Parameters
    ----------
    n_holding : how many of them do.
    n_peers : how many there are.

    Returns
    -------
    float64, between 0 and 1; NaN without peers.

    Examples
    --------
    >>> peer_agreement(np.array([1, 0]), np.array([4, 0])).tolist()
    [0.25, nan]
    """
    return np.where(np.equal(n_peers, 0), np.nan, np.divide(n_holding, np.maximum(n_peers, 1)))
