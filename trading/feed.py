"""Feeds: closed bars in order, each with the history known at its close. A replay is also the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput


@dataclass(frozen=True, eq=False)
class ReplayFeed:
    """Replay stored bars, one after another.

    Parameters
    ----------
    bars : of one symbol at one timeframe, with the history before the replay.
    start_time, end_time : int64 ns UTC; bars with start_time < close_time <= end_time are replayed, earlier ones are
        history. None: no limit on that side.
    finer : bars of a shorter timeframe, which settle the order of events within a bar; see
        `market.execution.fill_rule`.

    Raises
    ------
    BadInput : if there is no bar to replay.
    """

    bars: Bars
    start_time: int | None = None
    end_time: int | None = None
    finer: Bars | None = None

    def __post_init__(self) -> None:
        if len(self) == 0:
            raise BadInput(f"there are no {self.bars.timeframe} bars of {self.bars.symbol} in the period to replay")

    def __len__(self) -> int:
        first, last = self._span()
        return last - first

    @property
    def history(self) -> Bars:
        """The bars before the replay."""
        return self.bars[: self._span()[0]]

    def known_at(self, time: int) -> Bars:
        """Return the bars that have closed by a time, int64 ns UTC."""
        return self.bars.between(end_time=time)

    def __iter__(self) -> Iterator[Bars]:
        """Yield, for each bar that closes, all bars known at its close; the last one is the new one."""
        first, last = self._span()
        for stop in range(first + 1, last + 1):
            yield self.bars[:stop]

    def within(self, bar: Bars) -> Bars | None:
        """Return the finer bars within one bar, all of them known at its close."""
        if self.finer is None:
            return None
        return self.finer.between(int(bar.open_time[0]), int(bar.close_time[0]))

    def _span(self) -> tuple[int, int]:
        times = self.bars.close_time
        first = 0 if self.start_time is None else int(np.searchsorted(times, self.start_time, side="right"))
        last = len(times) if self.end_time is None else int(np.searchsorted(times, self.end_time, side="right"))
        return first, max(first, last)
