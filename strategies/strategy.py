"""The strategy contract: a frozen set of parameters and one pure function from bars to signals."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.records import POLICY
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.parameter_text import Parametrised
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class Policy:
    """How an instance lives with its signals.

    Parameters
    ----------
    exits_on_opposite : a signal against the open position ends it, and is itself taken.
    cooldown : bars that have to pass after the bar in which a losing trade left, before a signal is taken again; at its
        close and those of the following ones, `cooldown` closes in all, none is. A trade loses when it does so before
        costs: costs change no decision.
    max_entries : how many entries one position may have. Above 1, a signal on the side of the open position adds to it;
        the trade keeps the exits of its first signal, and stakes weigh the entries.

    Raises
    ------
    BadInput : if `cooldown` is negative or `max_entries` is below 1.
    """

    exits_on_opposite: bool = False
    cooldown: int = 0
    max_entries: int = 1

    def __post_init__(self) -> None:
        if self.cooldown < 0:
            raise BadInput(f"policy: cooldown is {self.cooldown}, but counts bars: 0 or more")
        if self.max_entries < 1:
            raise BadInput(f"policy: max_entries is {self.max_entries}, but a position has at least one entry")

    @cached_property
    def record(self) -> np.ndarray:
        """One POLICY record, as the fill rule reads it."""
        return np.array([(self.exits_on_opposite, self.cooldown, self.max_entries)], dtype=POLICY)


@dataclass(frozen=True)
class Strategy(Parametrised, ABC):
    """A rule with its parameters.

    Subclasses are frozen dataclasses whose fields are the parameters, all numbers with defaults. They set `name` and
    `grid`, check their parameters in `__post_init__`, and obey two laws that the tests hold for every one of them:
    scrambling the bars after t changes no signal up to t, and the signal at t is the same from the last `lookback`
    bars alone as from all of history.
    """

    grid: ClassVar[dict[str, tuple[float, ...]]]

    @abstractmethod
    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars, the deciding one included, from which its signal follows."""

    @abstractmethod
    def signals(self, bars: Bars) -> Signals:
        """Decide at the close of each bar, from the bars up to it."""

    @property
    def base_rule(self) -> Strategy:
        """The rule itself, without modifiers."""
        return self

    def apply_modifiers(self, signals: Signals, bars: Bars) -> Signals:
        """Change the signals of the bare rule on these bars to the strategy's own."""
        return signals

    def supports(self, timeframe: Timeframe) -> bool:
        """Tell whether it can decide on bars of a timeframe."""
        return True

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Give the series of prices that the rule looks at, by name, to be drawn on the bars.

        Returns
        -------
        float64 (n_bars,) each, quote, from the same computation as the signals and under the same laws; NaN where
        there is none. Empty when the rule looks at none.
        """
        return {}

    @property
    def policy(self) -> Policy:
        """How an instance lives with its signals; a rule that wants another policy returns its own."""
        return Policy()

    @classmethod
    def variants(cls) -> Iterator[Strategy]:
        """Go through the rule's default grid, in a fixed order."""
        for values in itertools.product(*cls.grid.values()):
            yield cls(**dict(zip(cls.grid, values, strict=True)))
