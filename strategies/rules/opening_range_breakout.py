"""Opening-range breakout: follow the first close beyond the range of the session's first minutes.

Source: Crabel (1990), Day Trading with Short Term Price Patterns and Opening Range Breakout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import MINUTE, Timeframe
from tradesieve.strategies.rules.session_rule import SessionRule
from tradesieve.strategies.signals import Signals, make_signals


@dataclass(frozen=True)
class OpeningRangeBreakout(SessionRule):
    """Enter at the first close of the session beyond the high or the low of its opening range, once per side.

    Bars outside the sessions count for nothing. With `session`, the close that ends a session decides nothing, since
    its order would fill in the next one.

    Parameters
    ----------
    opening_minutes : length of the opening range, above 0 and shorter than a day.
    session_minute : when the session opens, in minutes after midnight UTC, 0 to 1439. A session lasts 24 hours.
        Only without `session`.
    reward : distance of the target, in widths of the range, above 0. The stop is the range's other side.
    max_hold : maximum number of bars to hold, at least 1.
    session : an exchange, ``forex``, or a time and a zone, see `strategies.rules.session_rule`; empty: from
        `session_minute`.
    """

    name: ClassVar[str] = "opening_range_breakout"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "opening_minutes": (60, 120, 30),
        "session_minute": (0, 480, 810),
        "reward": (1.0, 2.0),
        "max_hold": (48, 96),
    }

    opening_minutes: int = 60
    session_minute: int = 0
    reward: float = 1.0
    max_hold: int = 48
    session: str = ""

    def __post_init__(self) -> None:
        self._require(
            opening_minutes=0 < self.opening_minutes < 1440,
            session_minute=0 <= self.session_minute < 1440,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )
        self._check_session()

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars of a whole session."""
        return self._session_bars(timeframe) + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the high and low of the opening range, after it until the end of the session."""
        _, low, high = self._breakouts(bars)
        return {"opening_high": high, "opening_low": low}

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class. A session without a bar in its opening range has none."""
        side, low, high = self._breakouts(bars)
        rows = np.flatnonzero(side)
        side, low, high, close = side[rows], low[rows], high[rows], bars.close[rows]
        width = high - low
        kept = (width > 0) & (close + side * self.reward * width > 0)
        rows, side, low, high, close, width = (part[kept] for part in (rows, side, low, high, close, width))
        return make_signals(
            bars.close_time[rows],
            side,
            stop=np.where(side > 0, low, high),
            target=close + side * self.reward * width,
            max_hold=self.max_hold,
        )

    def deciding_bars(self, bars: Bars) -> np.ndarray:
        """Tell which bars lie in an opening range."""
        sessions = self.sessions_of(bars)
        inside: np.ndarray = sessions.inside & (bars.close_time - sessions.open_time <= self.opening_minutes * MINUTE)
        return inside

    @property
    def deciding_part(self) -> str:
        """Name the opening range."""
        return f"within the first {self.opening_minutes} minutes"

    def _breakouts(self, bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sessions = self.sessions_of(bars)
        side, low, high = _breakouts_nb(
            sessions.inside, sessions.open_time, bars.close_time - sessions.open_time,
            bars.high, bars.low, bars.close, self.opening_minutes * MINUTE,
        )  # fmt: skip
        if self.session:
            side[bars.close_time >= sessions.close_time] = 0.0
        return side, low, high


@njit(cache=True, nogil=True)
def _breakouts_nb(
    inside: np.ndarray,
    session: np.ndarray,
    elapsed: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    opening: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the first close of each session beyond its opening range.

    `session` is when the bar's session opens, `elapsed` the time from then to the bar's close; both count only where
    the bar is `inside` a session. Returns side, range low and range high.
    """
    n = len(close)
    side, lows, highs = np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    highest, lowest = -np.inf, np.inf
    broke_up = broke_down = False
    last = -1
    for i in range(n):
        if not inside[i]:
            continue
        if last < 0 or session[i] != session[last]:
            highest, lowest = -np.inf, np.inf
            broke_up = broke_down = False
        last = i
        if elapsed[i] <= opening:
            highest, lowest = max(highest, high[i]), min(lowest, low[i])
        elif highest > lowest:
            lows[i], highs[i] = lowest, highest
            if close[i] > highest and not broke_up:
                broke_up = True
                side[i] = 1.0
            elif close[i] < lowest and not broke_down:
                broke_down = True
                side[i] = -1.0
    return side, lows, highs
