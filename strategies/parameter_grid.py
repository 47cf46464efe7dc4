"""Grids: the strategies of one text, created one at a time, in order or shuffled."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tradesieve.strategies.modifiers.base import ModifiedStrategy, Modifier
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class Grid:
    """All combinations of the variants of a rule and of its modifiers.

    Parameters
    ----------
    rules : the variants of the rule, at least one.
    modifiers : the variants of each modifier, at least one each.
    """

    rules: Sequence[Strategy]
    modifiers: Sequence[Sequence[Modifier]] = ()

    @property
    def size(self) -> int:
        """The number of combinations."""
        return len(self.rules) * math.prod(len(variants) for variants in self.modifiers)

    def __getitem__(self, index: int) -> Strategy:
        """Create the strategy at a position; the last modifier varies fastest."""
        chosen = []
        for variants in reversed(self.modifiers):
            index, position = divmod(index, len(variants))
            chosen.append(variants[position])
        rule = self.rules[index]
        return ModifiedStrategy(rule, tuple(reversed(chosen))) if chosen else rule

    def in_order(self) -> Iterator[Strategy]:
        """Iterate over all strategies, in a fixed order."""
        return (self[index] for index in range(self.size))

    def shuffled(self, seed: Sequence[int]) -> Iterator[Strategy]:
        """Iterate over all strategies in a random order; all orders are equally likely.

        Memory grows with the number of strategies taken, not with the size of the grid: a Fisher-Yates shuffle that
        stores only the positions that were swapped.

        Source: Durstenfeld (1964), Algorithm 235: Random permutation.
        """
        random, length = np.random.default_rng(seed), self.size
        swapped: dict[int, int] = {}
        for position in range(length):
            drawn = int(random.integers(position, length))
            yield self[swapped.get(drawn, drawn)]
            swapped[drawn] = swapped.pop(position, position)


def round_robin(sequences: Sequence[Iterator[Strategy]]) -> Iterator[Strategy]:
    """Take one from each sequence in turn, skipping those that are exhausted."""
    rounds = itertools.zip_longest(*sequences)
    return (strategy for each in rounds for strategy in each if strategy is not None)
