"""The strategy contract: frozen parameters and a pure function from bars to signals."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.records import POLICY
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.parameter_text import Parametrised
from tradesieve.strategies.signals import Signals

if TYPE_CHECKING:
    from tradesieve.features.factor import UserModule


@dataclass(frozen=True)
class Policy:
    """How an instance handles signals while it has a position, and after a loss.

    Parameters
    ----------
    exits_on_opposite : a signal against the open position closes it, and is itself taken.
    cooldown : number of bar closes at which no signal is taken after a losing trade, from the close of the bar of its
        exit on. A trade is a loss by its return before costs, so that costs change no decision.
    max_entries : maximum number of entries of a position. Above 1, a signal on the side of the open position adds to
        it; the trade keeps the exits of its first signal, and its entries are weighted by their stakes.

    Raises
    ------
    BadInput : if `cooldown` is negative or `max_entries` is below 1.
    """

    exits_on_opposite: bool = False
    cooldown: int = 0
    max_entries: int = 1

    def __post_init__(self) -> None:
        if self.cooldown < 0:
            raise BadInput(f"policy: cooldown is {self.cooldown}; it must be 0 or more bars")
        if self.max_entries < 1:
            raise BadInput(f"policy: max_entries is {self.max_entries}; it must be at least 1")

    @cached_property
    def record(self) -> np.void:
        """The policy as a POLICY record, the form that the fill rule reads."""
        return np.array([(self.exits_on_opposite, self.cooldown, self.max_entries)], dtype=POLICY)[0]


@dataclass(frozen=True)
class Strategy(Parametrised, ABC):
    """A rule with its parameters.

    Subclasses are frozen dataclasses whose fields are the parameters, all numbers with defaults. They set `name` and
    `grid`, and check their parameters in `__post_init__`. The tests hold each of them to two invariants
    (`strategies.invariants`): scrambling the bars after t changes no signal up to t, and the signal at t is the same
    from the last `lookback` bars as from all of history.
    """

    grid: ClassVar[dict[str, tuple[float, ...]]]
    module: ClassVar[UserModule | None] = None
    """The user module that defines it; None for built-in rules."""
    own_modifiers: ClassVar[tuple[str, ...]] = ()
    """Modifiers that its name without parentheses stands for; a text with parentheses has those that it writes."""

    @abstractmethod
    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars, the deciding one included, that determine a signal."""

    @abstractmethod
    def signals(self, bars: Bars) -> Signals:
        """Generate the signals of all bars, each decided at a close from the bars up to it."""

    @property
    def base_rule(self) -> Strategy:
        """The rule without modifiers."""
        return self

    def apply_modifiers(self, signals: Signals, bars: Bars) -> Signals:
        """Turn the signals of the base rule on these bars into those of the strategy."""
        return signals

    def supports(self, timeframe: Timeframe) -> bool:
        """Tell whether it can decide on bars of a timeframe."""
        return True

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the price series that the rule uses, by name, for charts.

        Returns
        -------
        float64 (n_bars,) each, quote, from the same computation as the signals and with the same invariants; NaN where
        there is no price. Empty when the rule uses none.
        """
        return {}

    @property
    def policy(self) -> Policy:
        """How its instances handle signals; a rule overrides it where the default does not fit."""
        return Policy()

    @classmethod
    def default_grid(cls, session: str = "") -> dict[str, tuple[float, ...]]:
        """Return the default grid in a market with sessions, see `session_defaults`."""
        return cls.grid

    @classmethod
    def session_defaults(cls, session: str, given: Collection[str]) -> dict[str, str]:
        """Return the parameters that a market's sessions give to a rule.

        Parameters
        ----------
        session : see `market.calendars.sessions.session_word`; empty: the market does not close.
        given : the parameters that are written, which stay.
        """
        return {}

    @classmethod
    def variants(cls, session: str = "") -> Iterator[Strategy]:
        """Iterate over the rule's default grid in a market with sessions, in a fixed order."""
        grid = cls.default_grid(session)
        defaults = cls.session_defaults(session, ())
        for values in itertools.product(*grid.values()):
            yield cls(**dict(zip(grid, values, strict=True)), **defaults)
