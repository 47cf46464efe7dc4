"""Time of day: enter at a minute of the day or of the session, on chosen weekdays, and exit after a number of bars.

Source: Harris (1986), A Transaction Data Study of Weekly and Intradaily Patterns in Stock Returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.timeframes import DAY, MINUTE, Timeframe
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.rules.session_rule import SessionRule
from tradesieve.strategies.signals import Signals

_EVERY_DAY = 127


@dataclass(frozen=True)
class TimeOfDay(SessionRule):
    """Enter after the close of the bar that contains the minute or ends at it.

    With `session`, minutes count from the session's open; a bar that ends at the minute does not decide then, the one
    that begins at it does.

    Parameters
    ----------
    minute : minutes after midnight UTC, or after the session's open, 0 to 1439.
    side : +1 to buy, -1 to sell.
    weekdays : the sum of the days on which it enters: Monday 1, Tuesday 2, Wednesday 4, Thursday 8, Friday 16,
        Saturday 32, Sunday 64; 127 is every day. A session belongs to the local day of its middle.
    stop_loss : distance of the stop from the deciding close, a fraction between 0 and 1.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    session : an exchange, ``forex``, or a time and a zone, see `strategies.rules.session_rule`; empty: the UTC day.
    """

    name: ClassVar[str] = "time_of_day"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "minute": (0, 480, 810, 1200),
        "side": (1, -1),
        "weekdays": (127, 31),
        "max_hold": (48, 12),
    }
    utc_minute: ClassVar[str] = "minute"
    session_grid: ClassVar[dict[str, tuple[float, ...]]] = {"minute": (0, 60, 180, 330)}

    minute: int = 0
    side: int = 1
    weekdays: int = _EVERY_DAY
    stop_loss: float = 0.01
    reward: float = 2.0
    max_hold: int = 48
    session: str = ""

    def __post_init__(self) -> None:
        self._require(
            minute=0 <= self.minute < 1440,
            side=self.side in (-1, 1),
            weekdays=1 <= self.weekdays <= _EVERY_DAY,
            stop_loss=0 < self.stop_loss < 1,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )
        self._check_session()

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the deciding bar: only its time is used."""
        return 1

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        rows = np.flatnonzero(self.deciding_bars(bars))
        side = np.full(len(rows), float(self.side))
        stop = bars.close[rows] * (1.0 - side * self.stop_loss)
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)

    def deciding_bars(self, bars: Bars) -> np.ndarray:
        """Tell after which bars the rule enters."""
        return self._enters_in_session(bars) if self.session else self._enters_in_utc_day(bars)

    @property
    def deciding_part(self) -> str:
        """Name the minute."""
        return f"at minute {self.minute}"

    def _enters_in_utc_day(self, bars: Bars) -> np.ndarray:
        since_minute = bars.close_time - self.minute * MINUTE
        weekday = (since_minute // DAY + 3) % 7  # 1970-01-01 was a Thursday
        return (since_minute % DAY < bars.timeframe.duration) & self._chosen(weekday)

    def _enters_in_session(self, bars: Bars) -> np.ndarray:
        sessions = self.sessions_of(bars)
        time = sessions.open_time + self.minute * MINUTE
        contains = (bars.open_time <= time) & (time < bars.close_time) & (time < sessions.close_time)
        enters = sessions.inside & contains
        rows = np.flatnonzero(enters)
        enters[rows] = self._chosen(Sessions(self.session).weekday(sessions.open_time[rows], sessions.close_time[rows]))
        return enters

    def _chosen(self, weekday: np.ndarray) -> np.ndarray:
        return (self.weekdays >> weekday) & 1 == 1
