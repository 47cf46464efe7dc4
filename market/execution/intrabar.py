"""Finer bars: which of them make up a coarse bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput


@dataclass(frozen=True, eq=False)
class Covering:
    """Finer bars laid over coarse ones.

    Parameters
    ----------
    close_time : int64 ns UTC, of the coarse bars.
    first : int64, one a coarse bar: the row of the finer bar it begins with; -1 where finer bars do not cover it.
    n_finer : how many finer bars make a coarse one.
    high, low : float64, of the finer bars.
    """

    close_time: np.ndarray
    first: np.ndarray
    n_finer: int
    high: np.ndarray
    low: np.ndarray

    @property
    def covered_rate(self) -> float:
        """The share of the coarse bars that finer ones cover; NaN where there are no bars."""
        return float(np.mean(self.first >= 0)) if len(self.first) else float("nan")


NOTHING = Covering(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, np.zeros(0), np.zeros(0))
"""No finer bars at all."""
for _column in (NOTHING.high, NOTHING.low):
    _column.flags.writeable = False  # as the columns of bars are: one type for the kernels


def cover(bars: Bars, finer: Bars | Covering | None) -> Covering:
    """Find the finer bars of each bar.

    Parameters
    ----------
    finer : bars of a finer timeframe; or what was found for the same bars before, which is given back.

    A bar is covered wholly when no finer bar of it is missing, and together they have its open, high, low and close:
    bars of another vendor, or mended ones, settle nothing.

    Raises
    ------
    BadInput : if `finer` is of another symbol, its timeframe does not divide that of the bars, or what was found before
        belongs to other bars.

    Examples
    --------
    >>> from tradesieve.market.resampling import resample
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> from tradesieve.market.timeframes import parse_timeframe
    >>> minutes, _ = SyntheticMarket(n_days=1, timeframe=parse_timeframe("1m")).generate("BTC-USD")
    >>> cover(resample(minutes, parse_timeframe("5m"))[:3], minutes).first.tolist()
    [0, 5, 10]
    """
    if finer is None or finer is NOTHING:
        return NOTHING
    if isinstance(finer, Covering):
        if not np.array_equal(finer.close_time, bars.close_time):
            raise BadInput(f"{bars.symbol} {bars.timeframe}: the finer bars were laid over other bars than these")
        return finer
    coarse_step, step = bars.timeframe.duration, finer.timeframe.duration
    if finer.symbol != bars.symbol:
        raise BadInput(f"bars of {finer.symbol} are no finer bars of {bars.symbol}")
    if step >= coarse_step or coarse_step % step:
        raise BadInput(f"{finer.timeframe} bars do not divide {bars.timeframe} bars: finer ones fit in them evenly")
    n_finer = coarse_step // step
    last = np.searchsorted(finer.close_time, bars.close_time)
    first = last - n_finer + 1
    known = np.flatnonzero((first >= 0) & (last < len(finer)))
    begin, end = first[known], last[known]
    # Uneven steps before each row: none between two rows means that the bars between them follow each other.
    uneven = np.concatenate([[0], np.cumsum(np.diff(finer.close_time) != step)])
    whole = (
        (finer.close_time[end] == bars.close_time[known])
        & (uneven[end] == uneven[begin])
        & (finer.open[begin] == bars.open[known])
        & (finer.close[end] == bars.close[known])
    )
    known, begin = known[whole], begin[whole]
    rows = begin[:, np.newaxis] + np.arange(n_finer)
    same = (finer.high[rows].max(axis=1, initial=-np.inf) == bars.high[known]) & (
        finer.low[rows].min(axis=1, initial=np.inf) == bars.low[known]
    )
    found = np.full(len(bars), -1, np.int64)
    found[known[same]] = begin[same]
    return Covering(bars.close_time, found, int(n_finer), finer.high, finer.low)
