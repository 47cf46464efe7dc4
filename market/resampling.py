"""Resampling: longer bars from shorter ones, exact at gaps and when the clocks change."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import Bars, format_time
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, Timeframe


def resample(bars: Bars, timeframe: Timeframe, *, sessions: Sessions | None = None) -> Bars:
    """Build bars of a longer timeframe, on the UTC grid or within the sessions of a market.

    A long bar holds every short bar that closes within it and is stamped with the end of its own grid cell. Cells in
    which nothing traded have no bar. The last cell is kept only when the short bars reach its end: a bar that is not
    complete has not happened yet.

    Parameters
    ----------
    bars : the short bars.
    timeframe : a whole multiple of the timeframe of `bars`; with `sessions` at most a day, which is then one session.
    sessions : cells begin with each session, and the last one of a session ends with it, be it shorter; bars outside of
        sessions are left out. None: cells lie on the UTC grid.

    Raises
    ------
    BadInput : if `timeframe` is not a whole multiple of that of `bars`, is longer than a session, or if a short bar
        crosses the beginning or the end of a session.

    Notes
    -----
    Equals: ``frame.resample(timeframe, label="right", closed="right", origin="epoch").agg(...)`` of pandas on the close
    times, without its empty and incomplete rows; with sessions the same on the hours of each session in its own zone.

    Examples
    --------
    >>> from tradesieve.market.synthetic import SyntheticMarket
    >>> from tradesieve.market.timeframes import parse_timeframe
    >>> bars, _ = SyntheticMarket(n_days=1, seed=7).generate("BTC-USD")
    >>> [len(resample(part, parse_timeframe("1h"))) for part in (bars, bars[:-1])]
    [24, 23]
    """
    if timeframe == bars.timeframe and sessions is None:
        return bars
    if timeframe.duration % bars.timeframe.duration:
        raise BadInput(
            f"{bars.symbol}: {bars.timeframe} bars cannot be resampled to {timeframe}, which is no whole multiple"
        )
    if sessions is None:
        cell_end = -(-bars.close_time // timeframe.duration) * timeframe.duration
        return _joined(bars, timeframe, cell_end)
    return _within(bars, timeframe, sessions)


def _within(bars: Bars, timeframe: Timeframe, sessions: Sessions) -> Bars:
    if timeframe.duration > DAY:
        raise BadInput(
            f"{bars.symbol}: a bar within the sessions of {sessions.name} is at most 1d long, not {timeframe}"
        )
    if len(bars) == 0:
        return Bars(bars.symbol, timeframe, *[np.empty(0)] * 6)
    opens, closes = sessions.between(int(bars.open_time[0]), int(bars.close_time[-1]))
    for edges, what in ((opens, "begins"), (closes, "ends")):
        # The first bar that closes behind an edge may not have begun before it.
        following = np.minimum(np.searchsorted(bars.close_time, edges, side="right"), len(bars) - 1)
        crossed = (bars.open_time[following] < edges) & (bars.close_time[following] > edges)
        if crossed.any():
            edge = int(edges[np.argmax(crossed)])
            raise BadInput(
                f"{bars.symbol}: a session of {sessions.name} {what} at {format_time(edge)}, in the middle of a bar of "
                f"{bars.timeframe}: shorter bars are needed"
            )
    session = np.searchsorted(opens, bars.close_time, side="left") - 1
    inside = (session >= 0) & (bars.close_time <= closes[np.maximum(session, 0)]) if len(opens) else session >= 0
    session, close_time = session[inside], bars.close_time[inside]
    cell = -(-(close_time - opens[session]) // timeframe.duration)
    # A day is one session, also when its clock shows 25 hours.
    whole = timeframe.duration == DAY
    cell_end = closes[session] if whole else np.minimum(opens[session] + cell * timeframe.duration, closes[session])
    # What traded behind the last close proves that the session is over.
    reached = int(bars.close_time[-1])
    columns = (getattr(bars, name)[inside] for name in ("open", "high", "low", "close", "volume"))
    return _joined(Bars(bars.symbol, bars.timeframe, close_time, *columns), timeframe, cell_end, reached)


def _joined(bars: Bars, timeframe: Timeframe, cell_end: np.ndarray, reached: int | None = None) -> Bars:
    """Join the short bars whose cells end at the same time."""
    first = np.flatnonzero(np.diff(cell_end, prepend=-1))
    last = np.append(first[1:], len(bars)) - 1
    end = cell_end[first]
    if len(end) and (bars.close_time[-1] if reached is None else reached) < end[-1]:
        first, last, end = first[:-1], last[:-1], end[:-1]
    if len(end) == 0:
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
