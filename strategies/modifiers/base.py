"""The modifier contract, and rules with modifiers applied."""

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

ASPECTS = {
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
    "side": "which side a trade is on",
    "size": "how large a trade is",
}
"""The aspects of a trade that modifiers set, in the order in which modifiers are applied, however they are written."""


@dataclass(frozen=True)
class Modifier(Parametrised, ABC):
    """A declared change of how any rule enters, exits or sizes its trades.

    Subclasses are frozen dataclasses whose fields are the parameters, with defaults. They set

    - `name`;
    - `aspect`, one of `ASPECTS`;
    - `max_count`, where a strategy may have several of them;
    - `search_range`, where a parameter that is not given is optimised: its least and its largest value.

    Modifiers are pure and keep the invariants of a rule: what they do to a signal follows from bars up to its decision.
    A signal that is no longer valid is dropped: one without enough history, with a price that is not above zero, or
    whose entry does not lie between its stop and its target.
    """

    aspect: ClassVar[str]
    max_count: ClassVar[int] = 1
    search_range: ClassVar[dict[str, tuple[float, float]]] = {}

    def lookback(self, timeframe: Timeframe, inner: int) -> int:
        """Count the bars, the deciding one included, that determine a signal; `inner` without this modifier."""
        return inner

    def check_compatible(self, others: Sequence[Modifier]) -> None:
        """Refuse other modifiers of the same aspect that do not fit this one; `max_count` is already checked."""

    @abstractmethod
    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Change signals, each from bars up to its decision."""

    def policy(self, policy: Policy) -> Policy:
        """Change the policy of the strategy."""
        return policy


class WindowModifier(Modifier):
    """A modifier that uses a window of bars up to the decision, and the close before it.

    It is no dataclass itself, so that subclasses declare `window` at any position among their parameters.
    """

    window: int

    def lookback(self, timeframe: Timeframe, inner: int) -> int:
        """Count the window and the close before it."""
        return max(inner, self.window + 1)


class PolicyModifier(Modifier):
    """A modifier that changes the policy alone."""

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Return the signals as they are."""
        return signals

    @abstractmethod
    def policy(self, policy: Policy) -> Policy:
        """Change the policy of the strategy."""


@dataclass(frozen=True)
class ModifiedStrategy(Strategy):
    """A rule with modifiers.

    Parameters
    ----------
    rule : generates the signals.
    modifiers : any number, in any order. They are kept in the order in which they are applied, so that equal strategies
        have equal ids.

    Raises
    ------
    BadInput : if two modifiers set the same aspect in different ways.
    """

    grid: ClassVar[dict[str, tuple[float, ...]]] = {}

    rule: Strategy
    modifiers: tuple[Modifier, ...]

    def __post_init__(self) -> None:
        order = list(ASPECTS)
        ordered = sorted(self.modifiers, key=lambda modifier: (order.index(modifier.aspect), modifier.id))
        object.__setattr__(self, "modifiers", tuple(ordered))
        by_aspect = defaultdict(list)
        for modifier in ordered:
            by_aspect[modifier.aspect].append(modifier)
        for modifiers in by_aspect.values():
            self._check_aspect(modifiers)

    def _check_aspect(self, modifiers: Sequence[Modifier]) -> None:
        """Refuse modifiers of one aspect that differ in kind, are too many, or do not fit each other."""
        first, *others = modifiers
        names = list(dict.fromkeys(modifier.name for modifier in modifiers))
        if len(names) > 1:
            count = "both" if len(names) == 2 else "all"
            raise BadInput(
                f"{self.rule.name}: {' and '.join(names)} {count} set {ASPECTS[first.aspect]}: keep one of them"
            )
        if len(modifiers) > first.max_count:
            raise BadInput(
                f"{self.rule.name}: {first.name} is given {len(modifiers)} times; at most {first.max_count} is allowed"
            )
        first.check_compatible(others)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The rule's name: trades are grouped by it."""
        return self.rule.name

    @property
    def id(self) -> str:
        """The ids of the rule and its modifiers, joined by ``+``."""
        return "+".join([self.rule.id, *(modifier.id for modifier in self.modifiers)])

    @property
    def base_rule(self) -> Strategy:
        """The rule without modifiers."""
        return self.rule

    @property
    def policy(self) -> Policy:
        """The rule's policy, changed by each modifier."""
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

    def supports(self, timeframe: Timeframe) -> bool:
        """Tell whether its rule can decide on bars of a timeframe."""
        return self.rule.supports(timeframe)

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the price series that its rule uses."""
        return self.rule.lines(bars)

    def signals(self, bars: Bars) -> Signals:
        """Generate the rule's signals and modify them."""
        return self.apply_modifiers(self.rule.signals(bars), bars)

    def apply_modifiers(self, signals: Signals, bars: Bars) -> Signals:
        """Apply each modifier in turn to the rule's signals."""
        for modifier in self.modifiers:
            signals = modifier.apply(signals, bars)
        return signals
