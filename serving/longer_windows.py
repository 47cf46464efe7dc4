"""Longer windows, built from appended bars of a shorter timeframe by research's own resampling.

A bot that has bars of one minute appends those; the service builds the bars of fifteen minutes that the model reads. A
longer bar is there once the shorter ones reach its end, and the first is left out unless they reach back to its start.
Cells lie on the UTC grid; where the bars of training do not, as within sessions of an exchange, nothing is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tradesieve.market.bars import COLUMNS, Bars
from tradesieve.market.resampling import resample
from tradesieve.market.session_bars import SessionBars
from tradesieve.market.timeframes import Timeframe, parse_timeframe
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.bar_windows import AppendResult, BarWindows


class LongerWindows:
    """Which windows the bars of a shorter timeframe build.

    Parameters
    ----------
    artifact : its golden vectors show whether the bars of a series close on the UTC grid.
    lengths : bars that decisions require, by symbol and timeframe.
    """

    def __init__(self, artifact: Artifact, lengths: Mapping[tuple[str, str], int]) -> None:
        off_grid = set()
        for vector in artifact.golden[0]:
            for bars in (vector.bars, *vector.others.values()):
                if (bars.timeframe.grid_end(bars.close_time) != bars.close_time).any():
                    off_grid.add((bars.symbol, str(bars.timeframe)))
        self._lengths = {series: n_bars for series, n_bars in lengths.items() if series not in off_grid}
        self._of = lru_cache(maxsize=256)(self._find)

    def of(self, symbol: str, timeframe: Timeframe) -> dict[Timeframe, int]:
        """Return the timeframes that bars of a shorter one build, and how many bars decisions require of each."""
        return self._of(symbol, timeframe)

    def _find(self, symbol: str, timeframe: Timeframe) -> dict[Timeframe, int]:
        found = {}
        for (known, text), n_bars in self._lengths.items():
            longer = parse_timeframe(text)
            if known == symbol and longer != timeframe and timeframe.divides(longer):
                found[longer] = n_bars
        return found


def base_length(timeframe: Timeframe, longer: Mapping[Timeframe, int]) -> int:
    """Return how many short bars hold the longest bar that is forming."""
    return max(timeframe.bars_in(each.duration) for each in longer)


def append_base(
    windows: BarWindows, bars: Bars, longer: Mapping[Timeframe, int], *, replace: bool = False
) -> AppendResult:
    """Append short bars, and the longer ones that they complete.

    Raises
    ------
    Problem : as `BarWindows.append`, of the short window or of a longer one; then nothing is appended to the short one.
    """
    joined = windows.joined(bars, replace=replace)
    for timeframe, n_bars in longer.items():
        built = complete_bars(joined, timeframe)
        if len(built):
            windows.append(built, lookback=n_bars, replace=replace)
    return windows.append(bars, lookback=base_length(bars.timeframe, longer), replace=replace)


def complete_bars(bars: Bars, timeframe: Timeframe) -> Bars:
    """Build the longer bars of which all short ones are known, one at least being given."""
    built = resample(bars, timeframe)
    end = timeframe.grid_end(bars.close_time[:1])
    if bars.close_time[0] - bars.timeframe.duration > timeframe.grid_start(end)[0]:
        built = built.between(int(end[0]))
    return SessionBars(bars.symbol, timeframe, **{name: getattr(built, name) for name in COLUMNS})
