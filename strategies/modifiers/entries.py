"""Entries: wait for a better price, or for the market to prove the signal right. A rule's own way is the default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.strategies.modifiers.base import Modifier, WindowModifier
from tradesieve.strategies.modifiers.signal_prices import changed, range_of, rows_of
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy


@dataclass(frozen=True)
class _Waiting(WindowModifier):
    kind: ClassVar[str] = "entry"

    offset: float
    expiry: int
    window: int

    def __post_init__(self) -> None:
        self._require(offset=self.offset >= 0, expiry=self.expiry >= 1, window=self.window >= 1)

    def _moved(self, signals: Signals, bars: Bars, *, direction: float) -> np.ndarray:
        """Give the deciding close moved by the offset, with the side or against it; NaN without enough history."""
        distance = self.offset * range_of(signals, bars, window=self.window)
        return bars.close[rows_of(signals, bars)] + direction * signals.side * distance

    def _waits(self, signals: Signals) -> np.ndarray:
        return np.full(len(signals), self.expiry, np.int64)


@dataclass(frozen=True)
class LimitEntry(_Waiting):
    """Enter by a limit order at a better price than the deciding close, as a maker; if it is not met, not at all.

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
        """Put a limit order in the place of the rule's own entry."""
        limit = self._moved(signals, bars, direction=-1.0)
        nothing = np.full(len(signals), np.nan)
        return changed(signals, bars, kept=limit > 0.0, limit=limit, trigger=nothing, expiry=self._waits(signals))


@dataclass(frozen=True)
class StopEntry(_Waiting):
    """Enter by a stop order: once the market goes further the signal's way, as a taker; if it does not, not at all.

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
        """Put a stop order in the place of the rule's own entry."""
        trigger = self._moved(signals, bars, direction=1.0)
        nothing = np.full(len(signals), np.nan)
        return changed(signals, bars, kept=trigger > 0.0, limit=nothing, trigger=trigger, expiry=self._waits(signals))


@dataclass(frozen=True)
class ScaleIn(Modifier):
    """Add to an open position at further signals of its side.

    Parameters
    ----------
    entries : how many entries a position may have, the first included, at least 2.
    """

    name: ClassVar[str] = "scale_in"
    kind: ClassVar[str] = "adding"

    entries: int = 2

    def __post_init__(self) -> None:
        self._require(entries=self.entries >= 2)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Leave the signals as they are: this is a policy."""
        return signals

    def policy(self, policy: Policy) -> Policy:
        """Allow more entries."""
        return replace(policy, max_entries=self.entries)


@dataclass(frozen=True)
class Cooldown(Modifier):
    """Take no signal for some time after a losing trade, see `strategies.strategy.Policy`.

    Parameters
    ----------
    bars : how long, at least 1.
    """

    name: ClassVar[str] = "cooldown"
    kind: ClassVar[str] = "cooldown"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"bars": (2, 24)}

    bars: int = 10

    def __post_init__(self) -> None:
        self._require(bars=self.bars >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Leave the signals as they are: this is a policy."""
        return signals

    def policy(self, policy: Policy) -> Policy:
        """Pause after each losing trade."""
        return replace(policy, cooldown=self.bars)
