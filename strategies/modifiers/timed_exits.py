"""Exits by time, by session and by opposite signals, and how they are executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import exchange_closes
from tradesieve.market.timeframes import DAY, MINUTE
from tradesieve.strategies.modifiers.base import Modifier, PolicyModifier
from tradesieve.strategies.modifiers.signal_prices import replace_columns
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Policy

_MAX_CLOSURE = 60 * DAY
"""An exchange without a session for longer than this is out of operation: signals on it are dropped."""


@dataclass(frozen=True)
class TimeExit(Modifier):
    """Exit after a number of bars, in place of the rule's own.

    Parameters
    ----------
    bars : how many, at least 1.
    """

    name: ClassVar[str] = "time_exit"
    aspect: ClassVar[str] = "time"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"bars": (6, 96)}

    bars: int = 24

    def __post_init__(self) -> None:
        self._require(bars=self.bars >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the number of bars."""
        return replace_columns(signals, bars, max_hold=np.full(len(signals), self.bars, np.int64))


@dataclass(frozen=True)
class SessionEnd(Modifier):
    """Exit at a minute of the day, the first such time after the decision.

    Parameters
    ----------
    minute : minutes after midnight UTC, 0 to 1439.
    """

    name: ClassVar[str] = "session_end"
    aspect: ClassVar[str] = "session"

    minute: int = 0

    def __post_init__(self) -> None:
        self._require(minute=0 <= self.minute < 1440)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the time."""
        offset = self.minute * MINUTE
        leave_at = ((signals.decision_time - offset) // DAY + 1) * DAY + offset
        return replace_columns(signals, bars, leave_at=leave_at)


@dataclass(frozen=True)
class ExchangeClose(Modifier):
    """Exit at, or some time before, the first close of an exchange after the decision.

    The closes are those of the exchange's schedule, with daylight saving time, holidays and half days. A signal after
    which no session closes for sixty days is dropped.

    Parameters
    ----------
    calendar : the exchange's ISO code, such as XNYS, as `exchange_calendars` knows it.
    before : minutes before the close, 0 to 1439.
    """

    name: ClassVar[str] = "exchange_close"
    aspect: ClassVar[str] = "session"

    calendar: str = "XNYS"
    before: int = 0

    def __post_init__(self) -> None:
        self._require(before=0 <= self.before < 1440)
        exchange_closes(self.calendar, 0, 0)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the time."""
        if len(signals) == 0:
            return signals
        times = signals.decision_time
        ends = exchange_closes(self.calendar, int(times[0]), int(times[-1]) + _MAX_CLOSURE + DAY) - self.before * MINUTE
        following = np.searchsorted(ends, times, side="right")
        leave_at = np.append(ends, np.iinfo(np.int64).max)[following]
        return replace_columns(signals, bars, kept=leave_at - times <= _MAX_CLOSURE, leave_at=leave_at)


@dataclass(frozen=True)
class OppositeExit(PolicyModifier):
    """Exit an open position at a signal of the other side, and take that signal."""

    name: ClassVar[str] = "opposite_exit"
    aspect: ClassVar[str] = "opposite"

    def policy(self, policy: Policy) -> Policy:
        """Exit at an opposite signal."""
        return replace(policy, exits_on_opposite=True)


@dataclass(frozen=True)
class LimitExit(Modifier):
    """Execute time exits and opposite exits by a limit order, as a maker; if it does not fill, at market.

    Parameters
    ----------
    wait : bars for which the limit order waits, at least 1.
    """

    name: ClassVar[str] = "limit_exit"
    aspect: ClassVar[str] = "wait"
    search_range: ClassVar[dict[str, tuple[float, float]]] = {"wait": (1, 5)}

    wait: int = 2

    def __post_init__(self) -> None:
        self._require(wait=self.wait >= 1)

    def apply(self, signals: Signals, bars: Bars) -> Signals:
        """Set the number of bars."""
        return replace_columns(signals, bars, exit_wait=np.full(len(signals), self.wait, np.int64))
