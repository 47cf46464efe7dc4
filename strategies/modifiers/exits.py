"""Price exits: where the stop and the targets are, and what moves the stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.strategies.modifiers.base import Modifier, WindowModifier
from tradesieve.strategies.modifiers.signal_prices import atr_at_decision, entry_price, replace_columns, reward_unit
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class _RangeDistance(WindowModifier):
    """A distance in average true ranges."""

    ranges: float
    window: int

    def __post_init__(self) -> None:
        self._require(ranges=self.ranges > 0, window=self.window >= 1)

    def _distance(self, signals: Signals, bars: Bars) -> np.ndarray:
        return self.ranges * atr_at_decision(signals, bars, window=self.window)


@dataclass(frozen=True)
class FixedStop(_RangeDistance):
    """Place the stop at a distance from the entry, in place of the rule's own.

    Parameters
    ----------
    ranges : the distance, in average true ranges, above 0.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "fixed_stop"
    aspect: ClassVar[str] = "stop"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"ranges": (1.0, 4.0)}

    ranges: float = 2.0
    window: int = 20

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the stop."""
        distance = self._distance(signals, bars)
        stop = entry_price(signals, bars) - signals.side * distance
        return replace_columns(signals, bars, kept=distance > 0.0, stop=stop)


@dataclass(frozen=True)
class Trailing(_RangeDistance):
    """Let a stop trail the best price since the entry. A stop of the rule stays: the nearer one applies.

    Parameters
    ----------
    ranges : how far it trails, in average true ranges at the decision, above 0.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "trailing"
    aspect: ClassVar[str] = "trail"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"ranges": (1.5, 6.0)}

    ranges: float = 3.0
    window: int = 20

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the trailing distance."""
        distance = self._distance(signals, bars)
        return replace_columns(signals, bars, kept=distance > 0.0, trail=distance)


@dataclass(frozen=True)
class FixedTarget(_RangeDistance):
    """Place the target at a distance from the entry, in place of the rule's own.

    Parameters
    ----------
    ranges : the distance, in average true ranges, above 0.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "fixed_target"
    aspect: ClassVar[str] = "target"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"ranges": (1.0, 6.0)}

    ranges: float = 3.0
    window: int = 20

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the target."""
        distance = self._distance(signals, bars)
        target = entry_price(signals, bars) + signals.side * distance
        return replace_columns(signals, bars, kept=distance > 0.0, target=target)


@dataclass(frozen=True)
class RewardTarget(WindowModifier):
    """Place the target at a multiple of the risk from the entry, in place of the rule's own.

    Parameters
    ----------
    reward : the distance, in distances from the entry to the stop, above 0; in average true ranges without a stop.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "reward_target"
    aspect: ClassVar[str] = "target"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"reward": (1.0, 4.0)}

    reward: float = 2.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(reward=self.reward > 0, window=self.window >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the target."""
        distance = self.reward * reward_unit(signals, bars, window=self.window)
        target = entry_price(signals, bars) + signals.side * distance
        return replace_columns(signals, bars, kept=distance > 0.0, target=target)


@dataclass(frozen=True)
class ScaleOut(WindowModifier):
    """Exit a part of the position at an earlier target. A rule may have up to three of these.

    Where the signal's own target is nearer, this one is omitted: the whole position exits there.

    Parameters
    ----------
    share : the part that exits, of the position as it was entered, between 0 and 1.
    reward : the distance of its target, in distances from the entry to the stop, above 0; in average true ranges
        without a stop.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "scale_out"
    aspect: ClassVar[str] = "partial"
    max_count: ClassVar[int] = 3
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"reward": (0.5, 1.5)}

    share: float = 0.5
    reward: float = 1.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(share=0 < self.share < 1, reward=self.reward > 0, window=self.window >= 1)

    def check_compatible(self, others: Sequence[Modifier]) -> None:
        """Refuse parts that exit at the same price, or that leave nothing for the last exit."""
        parts = [self, *(other for other in others if isinstance(other, ScaleOut))]
        if len({part.reward for part in parts}) < len(parts):
            raise BadInput(f"{self.name}: two parts exit at the same reward: merge them, or give them two rewards")
        if sum(part.share for part in parts) >= 1.0:
            raise BadInput(
                f"{self.name}: the shares add up to {sum(part.share for part in parts):g}, which leaves nothing for "
                "the last exit: keep their sum below 1"
            )

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Add one more partial target."""
        free = np.isnan(signals.partial_target)
        if len(signals) and not free.any(axis=1).all():
            raise BadInput(f"{self.id}: the rule already has {free.shape[1]} partial targets, which is the maximum")
        distance = self.reward * reward_unit(signals, bars, window=self.window)
        rows, place = np.arange(len(signals)), np.argmax(free, axis=1)
        target, share = signals.partial_target.copy(), signals.partial_share.copy()
        target[rows, place] = entry_price(signals, bars) + signals.side * distance
        share[rows, place] = self.share
        return replace_columns(signals, bars, kept=distance > 0.0, partial_target=target, partial_share=share)


@dataclass(frozen=True)
class BreakEven(WindowModifier):
    """Move the stop to the entry once the market has moved far enough in favour.

    Parameters
    ----------
    after : how far, in distances from the entry to the stop, above 0; in average true ranges without a stop.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "break_even"
    aspect: ClassVar[str] = "break_even"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"after": (0.5, 2.0)}

    after: float = 1.0
    window: int = 20

    def __post_init__(self) -> None:
        self._require(after=self.after > 0, window=self.window >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the distance."""
        distance = self.after * reward_unit(signals, bars, window=self.window)
        return replace_columns(signals, bars, kept=distance > 0.0, break_even=distance)
