"""Rules that depend on when the sessions of a market begin and end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.sessions import BarSessions, Sessions, session_word
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, HOUR, Timeframe
from tradesieve.strategies.strategy import Strategy

_LONGEST_DAY = 25 * HOUR


class SessionRule(Strategy, ABC):
    """A rule with a parameter `session`, and with one in minutes of the UTC day, which counts where there is none.

    Subclasses declare ``session: str = ""`` as their last field, the other one as `utc_minute`, and call
    `_check_session` in `__post_init__`.

    A session is an exchange (``XNYS``, ``CMES``), ``forex``, or days that begin at a time of a zone
    (``0930_America.New_York``, or ``09:30 America/New_York`` where it is read). A rule that is chosen without either
    parameter takes the session of its instrument's calendar.
    """

    session: str
    utc_minute: ClassVar[str] = "session_minute"
    session_grid: ClassVar[dict[str, tuple[float, ...]]] = {}
    """What replaces the grid of `utc_minute` in a market with sessions."""

    @classmethod
    def default_grid(cls, session: str = "") -> dict[str, tuple[float, ...]]:
        """Return the default grid; with a session, without the parameter in minutes of the UTC day."""
        if not session:
            return cls.grid
        return {name: values for name, values in cls.grid.items() if name != cls.utc_minute} | cls.session_grid

    @classmethod
    def session_defaults(cls, session: str, given: Collection[str]) -> dict[str, str]:
        """Return the session, unless the session or the minute of the UTC day is given."""
        return {"session": session} if session and not {"session", cls.utc_minute} & set(given) else {}

    def supports(self, timeframe: Timeframe) -> bool:
        """Tell whether a bar lasts a day at most: a longer one, such as a week or month, covers several sessions."""
        return timeframe.duration <= DAY

    def _check_session(self) -> None:
        if self.session:
            object.__setattr__(self, "session", session_word(self.session))
        if self.session and self._session_minute:
            raise BadInput(f"{self.name}: give either session or session_minute, which is in minutes of the UTC day")

    @property
    def _session_minute(self) -> int:
        minute: int = getattr(self, "session_minute", 0)
        return minute

    @property
    def _omitted(self) -> tuple[str, ...]:
        # Without a session the id is as it was before there were sessions: a stored one keeps its meaning.
        return ("session_minute",) if self.session else ("session",)

    @property
    def hours(self) -> str:
        """The hours of its sessions in words."""
        if self.session:
            sessions = Sessions(self.session)
            return f"{sessions.word} {sessions.hours}" if ":" not in sessions.name else sessions.hours
        return f"the 24 hours from {self._session_minute // 60:02d}:{self._session_minute % 60:02d} UTC"

    @abstractmethod
    def deciding_bars(self, bars: Bars) -> np.ndarray:
        """Tell which bars lie where the rule needs some in a session, bool (n_bars,)."""

    @property
    @abstractmethod
    def deciding_part(self) -> str:
        """Name that part of a session in words, as in ``within the first 60 minutes``."""

    def sessions_of(self, bars: Bars) -> BarSessions:
        """Find the session of each bar."""
        if self.session:
            return Sessions(self.session).of_bars(bars)
        return BarSessions.of_utc_days(bars, self._session_minute)

    def _session_bars(self, timeframe: Timeframe) -> int:
        """Return the maximum number of bars of a session."""
        return timeframe.bars_in(_LONGEST_DAY if self.session else 24 * HOUR)
