"""Bars within sessions: of an exchange, or of days that begin at a time of day in a time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.timeframes import DAY, Timeframe


@dataclass(frozen=True, eq=False)
class SessionBars(Bars):
    """Bars within sessions of a market: the last one of a session, or a half day, may be shorter than the timeframe.

    Parameters
    ----------
    sessions : the name of their `market.calendars.sessions.Sessions`, such as ``XNYS`` or ``00:00 America/New_York``,
        from which their opens follow: a day of 25 hours opens 25 hours before its close, a week with its first session.
        Empty: unknown; then each bar opens its timeframe before its close, and a week or month at midnight UTC.

    Notes
    -----
    Two short bars in a row are refused as bars that overlap.
    """

    sessions: str = ""
    _may_be_short: ClassVar[bool] = True

    @property
    def open_time(self) -> np.ndarray:
        """int64 ns UTC (n_bars,): when each bar opened."""
        if self.sessions:
            return Sessions(self.sessions).open_times(self.close_time, self.timeframe)
        if self.timeframe.calendar:
            return self.timeframe.nearest_start(self.close_time)
        return super().open_time

    @property
    def _identity(self) -> str:
        return f"{super()._identity} {self.sessions}".strip()

    def _misplaced(self) -> np.ndarray:
        """Find days, weeks and months that do not end with a day of their time zone, bool (n_bars,)."""
        sessions = Sessions(self.sessions) if self.sessions else None
        if sessions is None or not sessions.is_time_of_day or self.timeframe.duration % DAY or len(self) == 0:
            return np.zeros(len(self), np.bool_)
        first, last = int(self.close_time.min()), int(self.close_time.max())
        return ~np.isin(self.close_time, sessions.cells(self.timeframe, first - 1, last)[1])


def make_bars(
    symbol: str,
    timeframe: Timeframe,
    columns: Mapping[str, np.ndarray],
    *,
    sessions: str | None,
    allow_negative: bool = False,
) -> Bars:
    """Make bars from their columns, within sessions or on the UTC grid.

    Parameters
    ----------
    columns : under the names of `market.bars.COLUMNS`.
    sessions : as `SessionBars`; None: on the UTC grid.

    Raises
    ------
    BadData : if a law is broken.
    """
    if sessions is None:
        return Bars(symbol, timeframe, **columns, allow_negative=allow_negative)
    return SessionBars(symbol, timeframe, **columns, allow_negative=allow_negative, sessions=sessions)


def own_sessions(bars: Bars) -> Sessions | None:
    """Return the sessions within which bars lie; None if they lie on the UTC grid, or it is not known."""
    return Sessions(bars.sessions) if isinstance(bars, SessionBars) and bars.sessions else None
