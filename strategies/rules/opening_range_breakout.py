"""Opening-range breakout: follow the first close beyond the range of the session's first minutes.

Source: Crabel (1990), Day Trading with Short Term Price Patterns and Opening Range Breakout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from tradesieve.market.bars import Bars
from tradesieve.market.timeframes import DAY, MINUTE, Timeframe
from tradesieve.strategies.signals import Signals, make_signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class OpeningRangeBreakout(Strategy):
    """Enter at the first close of the session beyond the high or the low of its opening range, once per side.

    Parameters
    ----------
    opening_minutes : length of the opening range, above 0 and shorter than a day.
    session_minute : when the session opens, in minutes after midnight UTC, 0 to 1439. A session lasts 24 hours.
    reward : distance of the target, in widths of the range, above 0. The stop is the range's other side.
    max_hold : maximum number of bars to hold, at least 1.
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

    def __post_init__(self) -> None:
        self._require(
            opening_minutes=0 < self.opening_minutes < 1440,
            session_minute=0 <= self.session_minute < 1440,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars of a whole session."""
        return timeframe.bars_in(DAY) + 1

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

    def _breakouts(self, bars: Bars) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        into_session = bars.open_time - self.session_minute * MINUTE
        session, elapsed = into_session // DAY, into_session % DAY
        return _breakouts_nb(
            session, elapsed + bars.timeframe.duration, bars.high, bars.low, bars.close, self.opening_minutes * MINUTE
        )


@njit(cache=True, nogil=True)
def _breakouts_nb(
    session: np.ndarray, elapsed: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, opening: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the first close of each session beyond its opening range.

    `elapsed` is the time from the session's open to the bar's close. Returns side, range low and range high.
    """
    n = len(close)
    side, lows, highs = np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    highest, lowest = -np.inf, np.inf
    broke_up = broke_down = False
    for i in range(n):
        if i == 0 or session[i] != session[i - 1]:
            highest, lowest = -np.inf, np.inf
            broke_up = broke_down = False
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
