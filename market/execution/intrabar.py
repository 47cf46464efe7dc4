"""Intrabar data: the finer bars that each bar of a longer timeframe is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.execution.records import PRICE_RANGE


@dataclass(frozen=True, eq=False)
class FinerBars:
    """Finer bars, aligned with the coarse bars that they make up.

    Parameters
    ----------
    close_time : int64 ns UTC (n_bars,), of the coarse bars.
    first : int64 (n_bars,), the row in `ranges` of the first finer bar of each coarse bar; -1: finer bars do not make
        it up.
    n_finer : how many finer bars make up a coarse one.
    ranges : PRICE_RANGE records, one for each finer bar.
    """

    close_time: np.ndarray
    first: np.ndarray
    n_finer: int
    ranges: np.ndarray

    @property
    def covered_rate(self) -> float:
        """The share of the coarse bars that finer bars make up; NaN where there are no bars."""
        return float(np.mean(self.first >= 0)) if len(self.first) else float("nan")


NO_FINER_BARS = FinerBars(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, np.zeros(0, PRICE_RANGE))


def align_finer(bars: Bars, finer: Bars | FinerBars | None) -> FinerBars:
    """Find the finer bars that each bar is made of.

    Finer bars make up a bar when none of them is missing and their open, high, low and close together are those of the
    bar. Bars of another vendor, or repaired ones, therefore settle nothing.

    Parameters
    ----------
    finer : bars of a shorter timeframe; or what was aligned with the same bars before, which is returned as it is.

    Raises
    ------
    BadInput : if `finer` is of another symbol, its timeframe does not divide that of the bars, or it was aligned with
        other bars.

    Examples
    --------
    >>> from tradesieve.market.resampling import resample
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> from tradesieve.market.timeframes import parse_timeframe
    >>> minutes, _ = SyntheticMarket(n_days=1, timeframe=parse_timeframe("1m")).generate("BTC-USD")
    >>> align_finer(resample(minutes, parse_timeframe("5m"))[:3], minutes).first.tolist()
    [0, 5, 10]
    """
    if finer is None or finer is NO_FINER_BARS:
        return NO_FINER_BARS
    if isinstance(finer, FinerBars):
        if not np.array_equal(finer.close_time, bars.close_time):
            raise BadInput(f"{bars.symbol} {bars.timeframe}: the finer bars were aligned with other bars than these")
        return finer
    coarse_step, step = bars.timeframe.duration, finer.timeframe.duration
    if finer.symbol != bars.symbol:
        raise BadInput(f"finer bars of {finer.symbol} cannot settle bars of {bars.symbol}: give bars of {bars.symbol}")
    if bars.timeframe.calendar == "month":
        raise BadInput(f"{bars.timeframe} bars cannot be settled: they are not all made up of as many finer bars")
    if step >= coarse_step or not finer.timeframe.divides(bars.timeframe):
        raise BadInput(
            f"{finer.timeframe} bars do not divide {bars.timeframe} bars evenly: give bars of a timeframe that does"
        )
    n_finer = coarse_step // step
    last = np.searchsorted(finer.close_time, bars.close_time)
    first = last - n_finer + 1
    row = np.flatnonzero((first >= 0) & (last < len(finer)))
    begin, end = first[row], last[row]
    # How many steps up to each finer bar are uneven: as many at the end as at the begin, so none between them is.
    uneven = np.concatenate([[0], np.cumsum(np.diff(finer.close_time) != step)])
    complete = (
        (finer.close_time[end] == bars.close_time[row])
        & (uneven[end] == uneven[begin])
        & (finer.open[begin] == bars.open[row])
        & (finer.close[end] == bars.close[row])
    )
    row, begin = row[complete], begin[complete]
    own = begin[:, np.newaxis] + np.arange(n_finer)
    same = (finer.high[own].max(axis=1, initial=-np.inf) == bars.high[row]) & (
        finer.low[own].min(axis=1, initial=np.inf) == bars.low[row]
    )
    found = np.full(len(bars), -1, np.int64)
    found[row[same]] = begin[same]
    ranges = np.empty(len(finer), PRICE_RANGE)
    ranges["high"], ranges["low"] = finer.high, finer.low
    return FinerBars(bars.close_time, found, int(n_finer), ranges)
