"""The modifier contract, and a rule that modifiers were put upon."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import Timeframe
from tradesieve.strategies.parameter_text import Parametrised
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy, Strategy

KINDS = {
    "entry": "how a trade is entered",
    "stop": "where the stop is",
    "trail": "how far the stop trails",
    "target": "where the target is",
    "partial": "which part leaves early",
    "break_even": "when the stop goes to the entry",
    "time": "after how many bars a trade is left",
    "session": "when the session ends",
    "wait": "how a trade is left at its time",
    "opposite": "what an opposite signal does",
    "adding": "how often a position is added to",
    "cooldown": "how long to pause after a loss",
    "size": "how large a trade is",
}
"""What a modifier can say, in the order in which modifiers are applied, however they are written."""


@dataclass(frozen=True)
class Modifier(Parametrised, ABC):
    """A declared change of how any rule enters, leaves or sizes.

    Subclasses are frozen dataclasses whose fields are the parameters, with defaults. They set `name`, `kind` (one of
    `KINDS`) and, where a rule may have several of them, `at_most`; `search_range` says between which values a parameter
    that nobody gives is optimised. They are pure and keep the laws of a rule: what they do to a signal follows from
    bars up to its decision. A signal that makes no sense any more is dropped: one without the history that they need,
    with a price that is not above zero, or whose entry does not lie between its stop and its target.
    """

    kind: ClassVar[str]
    at_most: ClassVar[int] = 1
    search_range: ClassVar[dict[str, tuple[float, float]]] = {}

    def lookback(self, timeframe: Timeframe, inner: int) -> int:
        """Count the bars, the deciding one included, from which a signal follows; `inner` without this modifier."""
        return inner

    def check_beside(self, others: Sequence[Modifier]) -> None:
        """Refuse others of its kind that it cannot stand beside; `at_most` is checked already."""

    @abstractmethod
    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Change signals, each of them by bars up to its decision."""

    def policy(self, policy: Policy) -> Policy:
        """Change what holds for all of a strategy's signals."""
        return policy


class WindowModifier(Modifier):
    """One that looks at a window of bars up to the decision, and at the close before it.

    No dataclass of its own, so that its subclasses write `window` where they like among their parameters.
    """

    window: int

    def lookback(self, timeframe: Timeframe, inner: int) -> int:
        """Count the window and the close before it."""
        return max(inner, self.window + 1)


@dataclass(frozen=True)
class ModifiedStrategy(Strategy):
    """A rule with modifiers.

    Parameters
    ----------
    rule : what decides.
    modifiers : any number, in any order: they are kept in the order in which they are applied, so that one strategy
        has one id.

    Raises
    ------
    BadInput : if two modifiers say the same thing in different ways.
    """

    grid: ClassVar[dict[str, tuple[float, ...]]] = {}

    rule: Strategy
    modifiers: tuple[Modifier, ...]

    def __post_init__(self) -> None:
        order = list(KINDS)
        ordered = sorted(self.modifiers, key=lambda modifier: (order.index(modifier.kind), modifier.id))
        object.__setattr__(self, "modifiers", tuple(ordered))
        alike = defaultdict(list)
        for modifier in ordered:
            alike[modifier.kind].append(modifier)
        for kind, group in alike.items():
            names = list(dict.fromkeys(modifier.name for modifier in group))
            if len(names) > 1:
                count = "both" if len(names) == 2 else "all"
                raise BadInput(f"{self.rule.name}: {' and '.join(names)} {count} say {KINDS[kind]}: keep one of them")
            if len(group) > group[0].at_most:
                raise BadInput(
                    f"{self.rule.name}: {names[0]} is given {len(group)} times, but {group[0].at_most} at most"
                )
            group[0].check_beside(group[1:])

    @property
    def name(self) -> str:  # type: ignore[override]
        """The rule's name: trades are grouped by it."""
        return self.rule.name

    @property
    def id(self) -> str:
        """Write the rule and its modifiers, joined by ``+``."""
        return "+".join([self.rule.id, *(modifier.id for modifier in self.modifiers)])

    @property
    def policy(self) -> Policy:
        """What the rule declares, changed by each modifier."""
        policy = self.rule.policy
        for modifier in self.modifiers:
            policy = modifier.policy(policy)
        return policy

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars that the rule and its modifiers need."""
        needed = self.rule.lookback(timeframe)
        for modifier in self.modifiers:
            needed = modifier.lookback(timeframe, needed)
        return needed

    def runs_on(self, timeframe: Timeframe) -> bool:
        """Tell whether its rule can decide on bars of a timeframe."""
        return self.rule.runs_on(timeframe)

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Give the series of prices that its rule looks at."""
        return self.rule.lines(bars)

    def signals(self, bars: Bars) -> Signals:
        """Decide as the rule does, then change its signals."""
        return self.changed(self.rule.signals(bars), bars)

    @property
    def bare(self) -> Strategy:
        """The rule itself, without modifiers."""
        return self.rule

    def changed(self, signals: Signals, bars: Bars) -> Signals:
        """Change the rule's signals by each modifier in turn."""
        for modifier in self.modifiers:
            signals = modifier.apply(signals, bars)
        return signals
