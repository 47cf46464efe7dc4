"""Exits: where the stop and the targets are, and what moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.strategies.modifiers.base import Modifier, WindowModifier
from tradesieve.strategies.modifiers.signal_prices import changed, entry_price, range_of, unit_of
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class FixedStop(WindowModifier):
    """Put the stop at a distance from the entry, in the place of the rule's own.

    Parameters
    ----------
    ranges : the distance, in average true ranges, above 0.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "fixed_stop"
    kind: ClassVar[str] = "stop"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"ranges": (1.0, 4.0)}

    ranges: float = 2.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(ranges=self.ranges > 0, window=self.window >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the stop."""
        distance = self.ranges * range_of(signals, bars, window=self.window)
        stop = entry_price(signals, bars) - signals.side * distance
        return changed(signals, bars, kept=distance > 0.0, stop=stop)


@dataclass(frozen=True)
class Trailing(WindowModifier):
    """Let a stop trail behind the best price since the entry. A stop of the rule stays: the nearer one rules.

    Parameters
    ----------
    ranges : how far it trails, in average true ranges at the decision, above 0.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "trailing"
    kind: ClassVar[str] = "trail"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"ranges": (1.5, 6.0)}

    ranges: float = 3.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(ranges=self.ranges > 0, window=self.window >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the distance."""
        distance = self.ranges * range_of(signals, bars, window=self.window)
        return changed(signals, bars, kept=distance > 0.0, trail=distance)


@dataclass(frozen=True)
class FixedTarget(WindowModifier):
    """Put the target at a distance from the entry, in the place of the rule's own.

    Parameters
    ----------
    ranges : the distance, in average true ranges, above 0.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "fixed_target"
    kind: ClassVar[str] = "target"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"ranges": (1.0, 6.0)}

    ranges: float = 3.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(ranges=self.ranges > 0, window=self.window >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the target."""
        distance = self.ranges * range_of(signals, bars, window=self.window)
        target = entry_price(signals, bars) + signals.side * distance
        return changed(signals, bars, kept=distance > 0.0, target=target)


@dataclass(frozen=True)
class RewardTarget(WindowModifier):
    """Put the target at a multiple of the risk from the entry, in the place of the rule's own.

    Parameters
    ----------
    reward : the distance, in distances from the entry to the stop, above 0; in average true ranges without a stop.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "reward_target"
    kind: ClassVar[str] = "target"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"reward": (1.0, 4.0)}

    reward: float = 2.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(reward=self.reward > 0, window=self.window >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the target."""
        distance = self.reward * unit_of(signals, bars, window=self.window)
        target = entry_price(signals, bars) + signals.side * distance
        return changed(signals, bars, kept=distance > 0.0, target=target)


@dataclass(frozen=True)
class ScaleOut(WindowModifier):
    """Leave with a part of the position at an earlier target. A rule may have up to three of these.

    Where the signal's own target is nearer this one is left out: the whole position leaves there.

    Parameters
    ----------
    share : the part that leaves, of the position as it was entered, between 0 and 1.
    reward : the distance of its target, in distances from the entry to the stop, above 0; in average true ranges
        without a stop.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "scale_out"
    kind: ClassVar[str] = "partial"
    at_most: ClassVar[int] = 3
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"reward": (0.5, 1.5)}

    share: float = 0.5
    reward: float = 1.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(share=0 < self.share < 1, reward=self.reward > 0, window=self.window >= 1)

    def check_beside(self, others: Sequence[Modifier]) -> None:
        """Refuse parts that leave at the same price, or that leave nothing for the last exit."""
        parts = [self, *(other for other in others if isinstance(other, ScaleOut))]
        if len({part.reward for part in parts}) < len(parts):
            raise BadInput(f"{self.name}: two parts leave at the same reward: make them one, or give them two rewards")
        if sum(part.share for part in parts) >= 1.0:
            raise BadInput(
                f"{self.name}: the shares add up to {sum(part.share for part in parts):g}, and leave nothing for the "
                "last exit: keep them below 1"
            )

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put one more partial target."""
        free = np.isnan(signals.partial_target)
        if len(signals) and not free.any(axis=1).all():
            raise BadInput(f"{self.id}: the rule has {free.shape[1]} partial targets already, and may have no more")
        distance = self.reward * unit_of(signals, bars, window=self.window)
        rows, place = np.arange(len(signals)), np.argmax(free, axis=1)
        target, share = signals.partial_target.copy(), signals.partial_share.copy()
        target[rows, place] = entry_price(signals, bars) + signals.side * distance
        share[rows, place] = self.share
        return changed(signals, bars, kept=distance > 0.0, partial_target=target, partial_share=share)


@dataclass(frozen=True)
class BreakEven(WindowModifier):
    """Move the stop to the entry once the market has gone far enough the right way.

    Parameters
    ----------
    after : how far, in distances from the entry to the stop, above 0; in average true ranges without a stop.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "break_even"
    kind: ClassVar[str] = "break_even"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"after": (0.5, 2.0)}

    after: float = 1.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(after=self.after > 0, window=self.window >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the distance."""
        distance = self.after * unit_of(signals, bars, window=self.window)
        return changed(signals, bars, kept=distance > 0.0, break_even=distance)
