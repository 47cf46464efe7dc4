"""Timeframe confirmation: enter when the trends of three longer timeframes agree.

Source: Elder (1993), Trading for a Living (the triple screen), with the averages of all three screens alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.resampling import resample
from tradesieve.market.timeframes import MINUTE, Timeframe
from tradesieve.strategies.indicators.rolling import average_true_range, moving_mean
from tradesieve.strategies.rules.bracket_orders import bracket_signals, stop_at
from tradesieve.strategies.signals import Signals
from tradesieve.strategies.strategy import Strategy


@dataclass(frozen=True)
class TimeframeConfirmation(Strategy):
    """Enter when three timeframes begin to agree: the last close of each is on the same side of its average.

    The longer bars are resampled from the given ones, as in `market.resampling`, and used only once they are closed.
    The average of a timeframe is that of its last `window` closed bars; spans without trades have no bar.

    Parameters
    ----------
    short : minutes of the first timeframe, at least 1. All three must be multiples of the timeframe of the bars; other
        bars are refused.
    middle : minutes of the second, more than `short`.
    long : minutes of the third, more than `middle`.
    window : bars of each average, and of the average true range of the short timeframe, at least 2.
    stop_ranges : distance of the stop from the deciding close, in those average true ranges, above 0.
    reward : distance of the target, in distances of the stop, above 0.
    max_hold : maximum number of bars to hold, at least 1.
    """

    name: ClassVar[str] = "timeframe_confirmation"
    grid: ClassVar[dict[str, tuple[float, ...]]] = {
        "window": (20, 10, 50),
        "stop_ranges": (2.0, 3.0),
        "reward": (2.0, 1.0),
        "max_hold": (48, 96),
    }

    short: int = 15
    middle: int = 30
    long: int = 60
    window: int = 20
    stop_ranges: float = 2.0
    reward: float = 2.0
    max_hold: int = 48

    def __post_init__(self) -> None:
        self._require(
            short=self.short >= 1,
            middle=self.middle > self.short,
            long=self.long > self.middle,
            window=self.window >= 2,
            stop_ranges=self.stop_ranges > 0,
            reward=self.reward > 0,
            max_hold=self.max_hold >= 1,
        )

    def supports(self, timeframe: Timeframe) -> bool:
        """Tell whether the three timeframes are multiples of `timeframe`."""
        return all(timeframe.divides(Timeframe(minutes * MINUTE)) for minutes in (self.short, self.middle, self.long))

    def lookback(self, timeframe: Timeframe) -> int:
        """Count the bars of the long average, of a long bar that is not closed yet, and the close before.

        Raises
        ------
        BadInput : if one of the three timeframes is not a multiple of `timeframe`.
        """
        return (self.window + 1) * timeframe.bars_in(self._timeframes(timeframe)[-1].duration) + 1

    def lines(self, bars: Bars) -> dict[str, np.ndarray]:
        """Return the average of each timeframe, as known at each bar."""
        return {
            f"average_{longer.timeframe}": _known(moving_mean(longer.close, self.window), at)
            for longer, at in self._closed(bars)
        }

    def signals(self, bars: Bars) -> Signals:
        """Generate the signals; see the class.

        Raises
        ------
        BadInput : if one of the three timeframes is not a multiple of that of the bars.
        """
        closed = self._closed(bars)
        first, second, third = (
            _known(np.sign(longer.close - moving_mean(longer.close, self.window)), at) for longer, at in closed
        )
        trend = np.where((first == second) & (second == third), first, 0.0)
        rows = np.flatnonzero((trend[1:] != 0.0) & (trend[1:] != trend[:-1])) + 1
        side = trend[rows]
        shortest, at = closed[0]
        ranges = _known(average_true_range(shortest, self.window), at[rows])
        stop = stop_at(bars.close[rows], side, self.stop_ranges * ranges)
        return bracket_signals(bars, rows, side, stop=stop, reward=self.reward, max_hold=self.max_hold)

    def _timeframes(self, timeframe: Timeframe) -> list[Timeframe]:
        """Return the three timeframes; refuse a `timeframe` that does not divide them."""
        longer = [Timeframe(minutes * MINUTE) for minutes in (self.short, self.middle, self.long)]
        for each in longer:
            if not timeframe.divides(each):
                raise BadInput(
                    f"{self.name}: {timeframe} bars cannot make {each} bars; give it shorter bars, or other timeframes"
                )
        return longer

    def _closed(self, bars: Bars) -> list[tuple[Bars, np.ndarray]]:
        """Resample to each timeframe, and find at each bar the row of its last closed bar; -1: none."""
        found = []
        for timeframe in self._timeframes(bars.timeframe):
            longer = resample(bars, timeframe)
            known_from = np.searchsorted(bars.close_time, longer.close_time)
            n_bars = np.diff(known_from, prepend=0, append=len(bars))
            found.append((longer, np.repeat(np.arange(-1, len(longer)), n_bars)))
        return found


def _known(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Look up values of longer bars by the rows of `_closed`; NaN for none."""
    return np.append(values, np.nan)[at]
