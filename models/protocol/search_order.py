"""The order of a search: which candidates are tried first, so that a wide plan ends within its budget.

Without a budget every candidate is tried, and the order does not matter. With one, each dimension is searched on its
own, beginning with the best candidate so far:

1. Every candidate of the first combination: the first label, factor set, selection, weights, calibration and
   scope of the plan.
2. Dimension by dimension, the best candidate so far with each other value of that dimension.
3. All others, those first that differ from the best candidate so far in fewer dimensions.

So a plan of many combinations needs about as many fits as its lists have values, and counts as few trials. What no
value improves on its own may be missed, until step 3 comes to it.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tradesieve.market.errors import BadInput
from tradesieve.models.engines.base import Candidate

DIMENSIONS = ("label", "factors", "selection", "weights", "calibration", "scope")
"""The fields of a candidate that a plan may list, in the order in which they are searched."""

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """What a search may spend.

    Parameters
    ----------
    trials : candidates with applications that it may judge; None: any number.
    seconds : that it may take until the last candidate begins; None: any time.
    """

    trials: int | None = None
    seconds: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self.trials is not None or self.seconds is not None


def parse_budget(text: str) -> Budget:
    """Read a budget: a time such as ``90s``, ``10m`` or ``2h``, or a number of trials such as ``40 trials``.

    Raises
    ------
    BadInput : if it is neither, or zero.

    Examples
    --------
    >>> parse_budget("10m"), parse_budget("40 trials"), parse_budget("")
    (Budget(trials=None, seconds=600.0), Budget(trials=40, seconds=None), Budget(trials=None, seconds=None))
    """
    if not text:
        return Budget()
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh])\s*|\s*(\d+)\s*trials?\s*", text)
    if match is None or not float(match[1] or match[3]):
        raise BadInput(f"budget is {text!r}: write a time such as 90s, 10m or 2h, or a number such as 40 trials")
    return Budget(trials=int(match[3])) if match[3] else Budget(seconds=float(match[1]) * _SECONDS[match[2]])


class SearchOrder:
    """Hands out candidates in batches until all are tried or the budget is spent.

    With a budget of trials, the batches follow from the candidates and their fitness alone. A budget of time cuts them
    off where the machine has come to.

    Parameters
    ----------
    candidates : all of them, the plainest combination first.
    n_trials : function (candidate) -> how many trials it takes.
    dimensions : the fields of candidates that are searched one after another.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        budget: Budget,
        n_trials: Callable[[Candidate], int],
        *,
        dimensions: Sequence[str] = DIMENSIONS,
    ) -> None:
        self._candidates, self._budget, self._n_trials = candidates, budget, n_trials
        self._dimensions = tuple(dimensions)
        self._position = self._positions()
        self._next_dimension = 0
        self._spent, self._started = 0.0, time.monotonic()
        self._n_tried = 0

    @property
    def candidates(self) -> Sequence[Candidate]:
        """All of them."""
        return self._candidates

    @property
    def seconds_spent(self) -> float:
        """What was spent so far, by a search that was interrupted too."""
        return self._spent + time.monotonic() - self._started

    @property
    def n_planned(self) -> int:
        """How many candidates are tried at most."""
        if self._budget.trials is None:
            return len(self._candidates)
        return min(len(self._candidates), self._budget.trials // min(map(self._n_trials, self._candidates)) or 1)

    def next_batch(self, fitness: Mapping[str, float]) -> list[Candidate]:
        """Return the candidates to try next; none when all are tried or the budget is spent.

        Parameters
        ----------
        fitness : the best of the trials of each candidate that was tried, by its key; NaN if all failed.
        """
        self._n_tried = len(fitness)
        untried = [candidate for candidate in self._candidates if candidate.key not in fitness]
        if not untried or self.is_over():
            return []
        batch = self._stage(untried, fitness) if self._budget.is_limited else untried
        return self._affordable(batch, fitness)

    def is_over(self) -> bool:
        """Tell whether the time is up; never before one candidate was tried."""
        if self._budget.seconds is None or not self._n_tried:
            return False
        return self.seconds_spent >= self._budget.seconds

    def add_tried(self, seconds: float = 0.0) -> None:
        """Count a candidate as tried; `seconds` were spent on it by a search that was interrupted."""
        self._n_tried += 1
        self._spent += seconds

    def _stage(self, untried: Sequence[Candidate], fitness: Mapping[str, float]) -> list[Candidate]:
        tried = [candidate for candidate in self._candidates if candidate.key in fitness]
        first = self._combination(self._candidates[0])
        plainest = [candidate for candidate in untried if self._combination(candidate) == first]
        if plainest or not tried:
            return plainest or list(untried)
        # Among equals the earlier one leads.
        leader = max(tried, key=lambda one: -math.inf if math.isnan(fitness[one.key]) else fitness[one.key])
        while self._next_dimension < len(self._dimensions):
            dimension = self._dimensions[self._next_dimension]
            self._next_dimension += 1
            variants = [one for one in untried if self._varies(one, leader, dimension)]
            if variants:
                return variants
        return sorted(untried, key=lambda one: len(self._differences(one, leader)))

    def _varies(self, candidate: Candidate, leader: Candidate, dimension: str) -> bool:
        """Tell whether a candidate is the leader with another value of one dimension."""
        return (
            self._differences(candidate, leader) == [dimension]
            and self._position[candidate.key] == self._position[leader.key]
        )

    def _affordable(self, batch: Sequence[Candidate], fitness: Mapping[str, float]) -> list[Candidate]:
        if self._budget.trials is None:
            return list(batch)
        left = self._budget.trials - sum(self._n_trials(one) for one in self._candidates if one.key in fitness)
        kept: list[Candidate] = []
        for candidate in batch:
            left -= self._n_trials(candidate)
            if left < 0 and (kept or fitness):
                break
            kept.append(candidate)
        return kept

    def _combination(self, candidate: Candidate) -> tuple[str, ...]:
        return tuple(getattr(candidate, name) for name in self._dimensions)

    def _differences(self, candidate: Candidate, other: Candidate) -> list[str]:
        return [name for name in self._dimensions if getattr(candidate, name) != getattr(other, name)]

    def _positions(self) -> dict[str, tuple[str, int]]:
        """Return engine and number of each candidate within its combination: one task's third is another's third."""
        seen: Counter[tuple[object, str]] = Counter()
        positions = {}
        for candidate in self._candidates:
            place = (self._combination(candidate), candidate.engine)
            positions[candidate.key] = (candidate.engine, seen[place])
            seen[place] += 1
        return positions
