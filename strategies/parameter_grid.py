"""Grids: many strategies of one text, gone through in order or drawn at random, and never all made at once."""

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
    """Every combination of the variants of a rule with those of the modifiers on it.

    Parameters
    ----------
    rules : the variants of the rule, at least one.
    modifiers : for each modifier on it, its variants, at least one each.
    """

    rules: Sequence[Strategy]
    modifiers: Sequence[Sequence[Modifier]] = ()

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.rules) * math.prod(len(variants) for variants in self.modifiers)

    def __getitem__(self, index: int) -> Strategy:
        """Make one of them; the last modifier varies fastest."""
        chosen = []
        for variants in reversed(self.modifiers):
            index, place = divmod(index, len(variants))
            chosen.append(variants[place])
        rule = self.rules[index]
        return ModifiedStrategy(rule, tuple(reversed(chosen))) if chosen else rule

    def in_order(self) -> Iterator[Strategy]:
        """Go through all of them, in a fixed order."""
        return (self[index] for index in range(self.size))

    def shuffled(self, seed: Sequence[int]) -> Iterator[Strategy]:
        """Go through all of them in a random order; each order is as likely as any other.

        Source: Durstenfeld (1964), Algorithm 235: Random permutation, with only the places that were moved kept.
        """
        random, length = np.random.default_rng(seed), self.size
        moved: dict[int, int] = {}
        for place in range(length):
            drawn = int(random.integers(place, length))
            yield self[moved.get(drawn, drawn)]
            moved[drawn] = moved.pop(place, place)


def round_robin(sequences: Sequence[Iterator[Strategy]]) -> Iterator[Strategy]:
    """Take one of each sequence in turn, passing over those that have ended."""
    rounds = itertools.zip_longest(*sequences)
    return (strategy for each in rounds for strategy in each if strategy is not None)
