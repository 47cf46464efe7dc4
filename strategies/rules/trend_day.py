"""Trend day: follow a session that begins like a day that trends from open to close.

Such days follow days of narrow range (Crabel), or begin with a first part that is already wide for a whole day
(Steidlmayer). In both cases the first part must close near its high or its low.

Source: Crabel (1990), Day Trading with Short Term Price Patterns and Opening Range Breakout; Steidlmayer and Koy
(1986), Markets and Market Logic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import DAY, MINUTE, Timeframe
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class TrendDay(Strategy):
    """Enter in the direction of a session's first part at its end; exit at its other extreme or with the session.

    1. The first part ends with the bar that contains its last minute. A session without that bar is skipped.
    2. Its direction is up when it closes above its open and within the upper `extreme` of its range; down likewise.
    3. A trade needs either a narrow session before, with a range of at most `narrow` times the average range of the
       last `sessions` sessions, or a wide first part, with a range of at least `wide` times that average.
    4. The stop is the other extreme of the first part. Where the first part is the whole session, the trade exits a
       bar later.

    Parameters
    ----------
    first_minutes : length of the first part, above 0 and shorter than a day.
    session_minute : when the session opens, in minutes after midnight UTC, 0 to 1439. A session lasts 24 hours;
        sessions without bars do not count.
    sessions : sessions whose ranges are averaged, at least 1.
    narrow : largest range of a narrow session, in average ranges, 0 or above; 0: never.
    wide : smallest range of a wide first part, in average ranges, above 0.
    extreme : outer fraction of the first part's range in which it must close, above 0 and at most 1/2.
    reward : distance of the target, in distances of the stop, above 0.
    """

    name: ClassVar[str] = "trend_day"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "first_minutes": (120, 60, 240),
        "session_minute": (0, 480, 810),
        "extreme": (0.25, 0.1),
        "reward": (2.0, 1.0),
    }

    first_minutes: int = 120
    session_minute: int = 0
    sessions: int = 5
    narrow: float = 0.8
    wide: float = 0.4
    extreme: float = 0.25
    reward: float = 2.0

    def __post_init__(self) -> None:
        self._require(
            first_minutes=0 < self.first_minutes < 1440,
            session_minute=0 <= self.session_minute < 1440,
            sessions=self.sessions >= 1,
            narrow=self.narrow >= 0,
            wide=self.wide > 0,
            extreme=0 < self.extreme <= 0.5,
            reward=self.reward > 0,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars of the session and of those before it, and one that shows that the first one is complete."""
        return (self.sessions + 1) * timeframe.bars_in(DAY) + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the high and low of the first part, from its end to the end of the session."""
        _, high, low = self._first_parts(bars)
        return {"first_high": high, "first_low": low}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class."""
        side, high, low = self._first_parts(bars)
        rows = np.flatnonzero(side)
        side = side[rows]
        stop = np.where(side > 0, low[rows], high[rows])
        open_time, close_time = bars.open_time[rows], bars.close_time[rows]
        session_end = open_time - (open_time - self.session_minute * MINUTE) % DAY + DAY
        leave_at = np.maximum(session_end, close_time + bars.timeframe.duration)
        rest = bars.timeframe.bars_in(DAY - self.first_minutes * MINUTE)  # the same span, but for gaps
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=rest, leave_at=leave_at)

    def _first_parts(self, bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        into_session = bars.open_time - self.session_minute * MINUTE
        return first_parts_nb(
            into_session // DAY, into_session % DAY + bars.timeframe.duration - self.first_minutes * MINUTE,
            bars.timeframe.duration, bars.open, bars.high, bars.low, bars.close,
            self.sessions, self.narrow, self.wide, self.extreme,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def first_parts_nb(  # type: ignore[no-untyped-def]
    session, past_first, duration, open_, high, low, close, sessions, narrow, wide, extreme
):
    """Find the first part of each session, and whether a trend day begins with it.

    Parameters
    ----------
    session : int64 (n,), the number of the bar's session.
    past_first : int64 (n,), ns from the end of the session's first part to the bar's close.
    duration : duration of a bar in ns.

    Returns
    -------
    side : float64 (n,), +1 or -1 at the end of a first part with which a trend day begins, 0 elsewhere.
    first_high, first_low : float64 (n,), from the end of the first part on; NaN before.
    """
    n = len(close)
    side, first_high, first_low = np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    ranges = np.zeros(sessions)  # a ring buffer of the ranges of the last sessions
    n_whole = -1  # the first session may be incomplete
    opened, highest, lowest = np.nan, -np.inf, np.inf
    part_high = part_low = np.nan
    over = False
    for i in range(n):
        if i == 0 or session[i] != session[i - 1]:
            if n_whole >= 0:
                ranges[n_whole % sessions] = highest - lowest
            if i > 0:
                n_whole += 1
            opened, highest, lowest = open_[i], -np.inf, np.inf
            part_high = part_low = np.nan
            over = False
        highest, lowest = max(highest, high[i]), min(lowest, low[i])
        if not over and past_first[i] >= 0:
            over = True
            if past_first[i] < duration:
                part_high, part_low = highest, lowest
                if n_whole >= sessions:
                    total = 0.0
                    for k in range(n_whole, n_whole + sessions):  # from the oldest on, so that the sum is reproducible
                        total += ranges[k % sessions]
                    average, width = total / sessions, highest - lowest
                    if ranges[(n_whole - 1) % sessions] <= narrow * average or width >= wide * average:
                        side[i] = _direction_nb(opened, highest, lowest, close[i], extreme)
        first_high[i], first_low[i] = part_high, part_low
    return side, first_high, first_low


@njit(cache=True, nogil=True)
def _direction_nb(open_: float, high: float, low: float, close: float, extreme: float) -> float:
    if close > open_ and close >= high - extreme * (high - low):
        return 1.0
    if close < open_ and close <= low + extreme * (high - low):
        return -1.0
    return 0.0
