"""Peers: who they are, and the share of them that agrees."""

import numpy as np

from tradesieve.strategies.backtest.peers import peer_agreement, peer_groups
from tradesieve.strategies.instance import Instance


def test_peers_share_rule_symbol_and_timeframe():
    names = ["a(x=1)|S|1h", "b()|S|1h", "a(x=2)+trailing()|S|1h", "a(x=1)|T|1h", "a(x=1)|S|5m"]
    assert peer_groups([Instance.parse(name) for name in names]).tolist() == [0, 1, 0, 2, 3]


def test_agreement_is_a_share_of_the_peers_and_nan_without_any():
    assert np.array_equal(peer_agreement(np.array([0, 1, 3, 0]), np.array([3, 3, 3, 0])), [0, 1 / 3, 1, np.nan], True)
    assert float(peer_agreement(1, 3)) == 1 / 3
    assert np.isnan(peer_agreement(0, 0))
