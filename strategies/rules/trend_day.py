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

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import DAY, MINUTE, Timeframe
from tradesieve.strategies.rules.bracket_orders import bracket_signals
from tradesieve.strategies.rules.session_rule import SessionRule
from tradesieve.strategies.signals import Signals


@dataclass(frozen=True)
class TrendDay(SessionRule):
    """Enter in the direction of a session's first part at its end; exit at its other extreme or with the session.

    1. The first part ends with the bar that contains its last minute. A session without that bar is skipped.
    2. Its direction is up when it closes above its open and within the upper `extreme` of its range; down likewise.
    3. A trade needs either a narrow session before, with a range of at most `narrow` times the average range of the
       last `sessions` sessions, or a wide first part, with a range of at least `wide` times that average.
    4. The stop is the other extreme of the first part. Where the first part is the whole session, the trade exits a
       bar later; with `session`, it is not taken, since its order would fill in the next session.
    5. Bars outside the sessions count for nothing, nor do sessions that begin before the `lookback`.

    Parameters
    ----------
    first_minutes : length of the first part, above 0 and shorter than a day.
    session_minute : when the session opens, in minutes after midnight UTC, 0 to 1439. A session lasts 24 hours;
        sessions without bars do not count. Only without `session`.
    sessions : sessions whose ranges are averaged, at least 1.
    narrow : largest range of a narrow session, in average ranges, 0 or above; 0: never.
    wide : smallest range of a wide first part, in average ranges, above 0.
    extreme : outer fraction of the first part's range in which it must close, above 0 and at most 1/2.
    reward : distance of the target, in distances of the stop, above 0.
    session : an exchange, ``forex``, or a time and a zone, see `strategies.rules.session_rule`; empty: from
        `session_minute`.
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
    session: str = ""

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
        self._check_session()

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars of the session and of those before it, and one that shows that the first one is complete.

        With `session`, days without one count too: bars of another market may fill them.
        """
        n_days = 2 * (self.sessions + 1) if self.session else self.sessions + 1
        return n_days * self._session_bars(timeframe) + 1

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
        close_time, session_end = bars.close_time[rows], self.sessions_of(bars).close_time[rows]
        leave_at = np.maximum(session_end, close_time + bars.timeframe.duration)
        rest = bars.timeframe.bars_in(DAY - self.first_minutes * MINUTE)  # the same span, but for gaps
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=rest, leave_at=leave_at)

    def deciding_bars(self, bars: Bars) -> np.ndarray:
        """Tell which bars contain the last minute of a first part."""
        sessions, duration = self.sessions_of(bars), bars.timeframe.duration
        past_first = bars.close_time - sessions.open_time - self.first_minutes * MINUTE
        ends: np.ndarray = sessions.inside & (past_first >= 0) & (past_first < duration)
        return ends

    @property
    def deciding_part(self) -> str:
        """Name the end of the first part."""
        return f"at the end of the first {self.first_minutes} minutes"

    def _first_parts(self, bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sessions, duration = self.sessions_of(bars), bars.timeframe.duration
        past_first = bars.close_time - sessions.open_time - self.first_minutes * MINUTE
        side, high, low = first_parts_nb(
            sessions.inside, sessions.open_time, past_first, duration, bars.open, bars.high, bars.low, bars.close,
            self.sessions, self.narrow, self.wide, self.extreme, self.lookback(bars.timeframe),
        )  # fmt: skip
        if self.session:
            side[bars.close_time >= sessions.close_time] = 0.0
        return side, high, low


@njit(cache=True, nogil=True)
def first_parts_nb(  # type: ignore[no-untyped-def]
    inside, session, past_first, duration, open_, high, low, close, sessions, narrow, wide, extreme, lookback
):
    """Find the first part of each session, and whether a trend day begins with it.

    Parameters
    ----------
    inside : bool (n,), whether the bar belongs to a session.
    session : int64 (n,), when its session opens.
    past_first : int64 (n,), ns from the end of the session's first part to the bar's close.
    duration : duration of a bar in ns.
    lookback : maximum number of bars from before the first of the sessions to the deciding one.

    Returns
    -------
    side : float64 (n,), +1 or -1 at the end of a first part with which a trend day begins, 0 elsewhere.
    first_high, first_low : float64 (n,), from the end of the first part on; NaN before.
    """
    n = len(close)
    side, first_high, first_low = np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    ranges, starts = np.zeros(sessions), np.zeros(sessions, np.int64)  # ring buffers of the last sessions
    n_whole = -1  # the first session may be incomplete
    last, start = -1, 0
    opened, highest, lowest = np.nan, -np.inf, np.inf
    part_high = part_low = np.nan
    over = False
    for i in range(n):
        if not inside[i]:
            continue
        if last < 0 or session[i] != session[last]:
            if n_whole >= 0:
                ranges[n_whole % sessions], starts[n_whole % sessions] = highest - lowest, start
            if i > 0:
                n_whole += 1
            start = i
            opened, highest, lowest = open_[i], -np.inf, np.inf
            part_high = part_low = np.nan
            over = False
        last = i
        highest, lowest = max(highest, high[i]), min(lowest, low[i])
        if not over and past_first[i] >= 0:
            over = True
            if past_first[i] < duration:
                part_high, part_low = highest, lowest
                if n_whole >= sessions and i - starts[n_whole % sessions] + 1 < lookback:
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
