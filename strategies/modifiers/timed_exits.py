"""Exits that a clock or another signal decides, and how they are carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import exchange_closes
from tradesieve.market.timeframes import DAY
from tradesieve.strategies.modifiers.base import Modifier
from tradesieve.strategies.modifiers.signal_prices import changed
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy

MINUTE = 60_000_000_000
_LONGEST = 60 * DAY
"""An exchange that closes no session for longer than that is shut down, and a signal on it makes no sense."""


@dataclass(frozen=True)
class TimeExit(Modifier):
    """Leave after some bars, in the place of the rule's own number.

    Parameters
    ----------
    bars : how many, at least 1.
    """

    name: ClassVar[str] = "time_exit"
    kind: ClassVar[str] = "time"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"bars": (6, 96)}

    bars: int = 24

    def __post_init__(self) -> None:
        self._require(bars=self.bars >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the number."""
        return changed(signals, bars, max_hold=np.full(len(signals), self.bars, np.int64))


@dataclass(frozen=True)
class SessionEnd(Modifier):
    """Leave at the same minute of every day, the first one after the decision.

    Parameters
    ----------
    minute : minutes after midnight UTC, 0 to 1439.
    """

    name: ClassVar[str] = "session_end"
    kind: ClassVar[str] = "session"

    minute: int = 0

    def __post_init__(self) -> None:
        self._require(minute=0 <= self.minute < 1440)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the time."""
        return changed(signals, bars, leave_at=self._end_after(signals.decision_time))

    def _end_after(self, time: np.ndarray) -> np.ndarray:
        offset = self.minute * MINUTE
        return ((time - offset) // DAY + 1) * DAY + offset


@dataclass(frozen=True)
class ExchangeClose(Modifier):
    """Leave at, or some time before, the close of an exchange, the first one after the decision.

    The exchange's daylight saving time, holidays and half days count, as they were scheduled. A signal after which no
    session closes for sixty days is dropped.

    Parameters
    ----------
    calendar : the exchange's ISO code, such as XNYS, as `exchange_calendars` knows it.
    before : minutes before the close, 0 to 1439.
    """

    name: ClassVar[str] = "exchange_close"
    kind: ClassVar[str] = "session"

    calendar: str = "XNYS"
    before: int = 0

    def __post_init__(self) -> None:
        self._require(before=0 <= self.before < 1440)
        exchange_closes(self.calendar, 0, 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the time."""
        if len(signals) == 0:
            return signals
        times = signals.decision_time
        ends = exchange_closes(self.calendar, int(times[0]), int(times[-1]) + _LONGEST + DAY) - self.before * MINUTE
        following = np.searchsorted(ends, times, side="right")
        leave_at = np.append(ends, np.iinfo(np.int64).max)[following]
        return changed(signals, bars, kept=leave_at - times <= _LONGEST, leave_at=leave_at)


@dataclass(frozen=True)
class OppositeExit(Modifier):
    """Leave an open position at a signal of the other side, and follow that one."""

    name: ClassVar[str] = "opposite_exit"
    kind: ClassVar[str] = "opposite"

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Leave the signals as they are: this is a policy."""
        return signals

    def policy(self, policy: Policy) -> Policy:
        """Leave at an opposite signal."""
        return replace(policy, exits_on_opposite=True)


@dataclass(frozen=True)
class LimitExit(Modifier):
    """Leave at a time or an opposite signal by a limit order, as a maker; if it is not met, at market.

    Parameters
    ----------
    wait : bars for which the limit order waits, at least 1.
    """

    name: ClassVar[str] = "limit_exit"
    kind: ClassVar[str] = "wait"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"wait": (1, 5)}

    wait: int = 2

    def __post_init__(self) -> None:
        self._require(wait=self.wait >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Put the number of bars."""
        return changed(signals, bars, exit_wait=np.full(len(signals), self.wait, np.int64))
