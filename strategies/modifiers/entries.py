"""Entry modifiers: limit and stop entries, scaling in, a pause after losses. By default a rule enters its own way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.strategies.modifiers.base import PolicyModifier, WindowModifier
from tradesieve.strategies.modifiers.signal_prices import atr_at_decision, decision_rows, replace_columns
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy


@dataclass(frozen=True)
class _RestingEntry(WindowModifier):
    """An entry by an order that waits at a distance from the deciding close."""

    aspect: ClassVar[str] = "entry"

    offset: float
    expiry: int
    window: int

    def __post_init__(self) -> None:
        self._require(offset=self.offset >= 0, expiry=self.expiry >= 1, window=self.window >= 1)

    def _wait_at(self, order: str, signals: Signals, bars: Bars, *, direction: float) -> Signals:
        """Enter by the order `order` (limit or trigger), `offset` away with the side (+1) or against it (-1)."""
        distance = self.offset * atr_at_decision(signals, bars, window=self.window)
        price = bars.close[decision_rows(signals, bars)] + direction * signals.side * distance
        absent = np.full(len(signals), np.nan)
        expiry = np.full(len(signals), self.expiry, np.int64)
        orders = {"limit": absent, "trigger": absent, order: price}
        return replace_columns(signals, bars, kept=price > 0.0, expiry=expiry, **orders)


@dataclass(frozen=True)
class LimitEntry(_RestingEntry):
    """Enter by a limit order at a better price than the deciding close, as a maker; if it does not fill, not at all.

    Parameters
    ----------
    offset : distance from the deciding close, below it for a buy, in average true ranges, not below 0.
    expiry : bars for which the order waits, at least 1.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "limit_entry"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"offset": (0.1, 1.0), "expiry": (1, 6)}

    offset: float = 0.5
    expiry: int = 3
    window: int = 20

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Replace the rule's entry by a limit order."""
        return self._wait_at("limit", signals, bars, direction=-1.0)


@dataclass(frozen=True)
class StopEntry(_RestingEntry):
    """Enter by a stop order once the market moves further in the signal's direction, as a taker; otherwise not at all.

    Parameters
    ----------
    offset : distance from the deciding close, above it for a buy, in average true ranges, not below 0.
    expiry : bars for which the order waits, at least 1.
    window : bars of the average true range, the deciding one included, at least 1.
    """

    name: ClassVar[str] = "stop_entry"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"offset": (0.0, 0.5), "expiry": (1, 6)}

    offset: float = 0.1
    expiry: int = 3
    window: int = 20

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Replace the rule's entry by a stop order."""
        return self._wait_at("trigger", signals, bars, direction=1.0)


@dataclass(frozen=True)
class ScaleIn(PolicyModifier):
    """Add to an open position at further signals on its side.

    Parameters
    ----------
    entries : how many entries a position may have, the first included, at least 2.
    """

    name: ClassVar[str] = "scale_in"
    aspect: ClassVar[str] = "adding"

    entries: int = 2

    def __post_init__(self) -> None:
        self._require(entries=self.entries >= 2)

    def policy(self, policy: Policy) -> Policy:
        """Allow more entries."""
        return replace(policy, max_entries=self.entries)


@dataclass(frozen=True)
class Cooldown(PolicyModifier):
    """Take no signal for some time after a losing trade, see `strategies.strategy.Policy`.

    Parameters
    ----------
    bars : how long, at least 1.
    """

    name: ClassVar[str] = "cooldown"
    aspect: ClassVar[str] = "cooldown"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"bars": (2, 24)}

    bars: int = 10

    def __post_init__(self) -> None:
        self._require(bars=self.bars >= 1)

    def policy(self, policy: Policy) -> Policy:
        """Pause after each losing trade."""
        return replace(policy, cooldown=self.bars)
