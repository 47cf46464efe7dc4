"""Resampling: longer bars from shorter ones, exact at gaps."""

from __future__ import annotations

import numpy as np

from market.bars import Bars
from market.errors import BadInput
from market.timeframes import Timeframe


def resample(bars: Bars, timeframe: Timeframe) -> Bars:
    """Build bars of a longer timeframe on the UTC grid.

    A long bar holds every short bar that closes within it and is stamped with the end of its own grid cell. Cells in
    which nothing traded have no bar. The last cell is kept only when the short bars reach its end: a bar that is not
    complete has not happened yet.

    Parameters
    ----------
    bars : the short bars.
    timeframe : a whole multiple of the timeframe of `bars`.

    Raises
    ------
    BadInput : if `timeframe` is not a whole multiple of that of `bars`.

    Notes
    -----
    Equals: ``frame.resample(timeframe, label="right", closed="right", origin="epoch").agg(...)`` of pandas on the close
    times, without its empty and incomplete rows.

    Examples
    --------
    >>> from market.synthetic import SyntheticMarket
    >>> from market.timeframes import parse_timeframe
    >>> bars, _ = SyntheticMarket(n_days=1, seed=7).generate("BTC-USD")
    >>> [len(resample(part, parse_timeframe("1h"))) for part in (bars, bars[:-1])]
    [24, 23]
    """
    if timeframe == bars.timeframe:
        return bars
    if timeframe.duration % bars.timeframe.duration:
        raise BadInput(
            f"{bars.symbol}: {bars.timeframe} bars cannot be resampled to {timeframe}, which is no whole multiple"
        )
    if len(bars) == 0:
        return Bars(bars.symbol, timeframe, *[np.empty(0)] * 6)
    cell = -(-bars.close_time // timeframe.duration)
    first = np.flatnonzero(np.diff(cell, prepend=cell[0] - 1))
    last = np.append(first[1:], len(bars)) - 1
    end = cell[first] * timeframe.duration
    if bars.close_time[-1] < end[-1]:
        first, last, end = first[:-1], last[:-1], end[:-1]
        if len(first) == 0:
            return Bars(bars.symbol, timeframe, *[np.empty(0)] * 6)
    stop = last[-1] + 1
    return Bars(
        bars.symbol,
        timeframe,
        close_time=end,
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high[:stop], first),
        low=np.minimum.reduceat(bars.low[:stop], first),
        close=bars.close[last],
        volume=np.add.reduceat(bars.volume[:stop], first),
    )
