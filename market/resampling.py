"""Resampling: longer bars from shorter ones, exact at gaps and when the clocks change."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.errors import BadInput
from tradesieve.market.session_bars import make_bars
from tradesieve.market.timeframes import DAY, Timeframe

_NO_BARS = {name: np.empty(0) for name in COLUMNS}


def resample(bars: Bars, timeframe: Timeframe, *, sessions: Sessions | None = None) -> Bars:
    """Build bars of a longer timeframe, on the UTC grid or within the sessions of a market.

    1. Assign each short bar to the cell of the grid in which it closes.
    2. Aggregate the bars of each cell; its bar closes at the end of the cell. A cell without bars has none.
    3. Drop the last cell unless the short bars reach its end: a bar that is not complete has not happened yet.

    Parameters
    ----------
    bars : the short bars.
    timeframe : a whole multiple of the timeframe of `bars`, or a calendar week or month. With `sessions` at most a day,
        which is then one session, or a week or month of sessions.
    sessions : cells begin with each session, and the last one of a session ends with it, even if it is shorter; bars
        outside sessions are dropped. A week or month ends with its last session. None: cells lie on the UTC grid.

    Raises
    ------
    BadInput : if `timeframe` is not a whole multiple of that of `bars`, is longer than a session, or if a short bar
        crosses the start or the end of a session.

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
    if not bars.timeframe.divides(timeframe):
        raise BadInput(
            f"{bars.symbol}: {bars.timeframe} bars cannot be resampled to {timeframe}, {_why_not(timeframe)}"
        )
    if sessions is None:
        columns = _aggregate(bars, timeframe.grid_end(bars.close_time))
        return make_bars(bars.symbol, timeframe, columns, sessions=None, allow_negative=bars.allow_negative)
    return _within_sessions(bars, timeframe, sessions)


def _why_not(timeframe: Timeframe) -> str:
    if timeframe.calendar == "week":
        return "which begins on Monday: use bars that divide a day (7d is counted from 1970-01-01, a Thursday)"
    if timeframe.calendar:
        return "which begins on the 1st: use bars that divide a day"
    return "which is not a whole multiple"


def _within_sessions(bars: Bars, timeframe: Timeframe, sessions: Sessions) -> Bars:
    if timeframe.duration > DAY and not timeframe.calendar:
        raise BadInput(
            f"{bars.symbol}: a bar within sessions of {sessions.name} is at most 1d long, not {timeframe}; or it is "
            "a calendar week or month"
        )
    if len(bars) == 0:
        return make_bars(bars.symbol, timeframe, _NO_BARS, sessions=sessions.name)
    span = int(bars.open_time[0]), int(bars.close_time[-1])
    opens, closes = sessions.between(*span)
    _check_edges(bars, sessions, opens, "begins")
    _check_edges(bars, sessions, closes, "ends")
    session = np.searchsorted(opens, bars.close_time, side="left") - 1
    inside = (session >= 0) & (bars.close_time <= closes[np.maximum(session, 0)]) if len(opens) else session >= 0
    session, close_time = session[inside], bars.close_time[inside]
    if timeframe.duration >= DAY:
        # A day is one session, even if the clocks change in it.
        _, ends = sessions.cells(timeframe, *span)
        cell_end = ends[np.searchsorted(ends, close_time)]
    else:
        cell = -(-(close_time - opens[session]) // timeframe.duration)
        cell_end = np.minimum(opens[session] + cell * timeframe.duration, closes[session])
    # A bar after the last close shows that the session is over, though it is not part of it.
    columns = _aggregate(bars.where(inside), cell_end, reached=int(bars.close_time[-1]))
    return make_bars(bars.symbol, timeframe, columns, sessions=sessions.name, allow_negative=bars.allow_negative)


def _check_edges(bars: Bars, sessions: Sessions, edges: np.ndarray, what: str) -> None:
    """Refuse bars that open before an edge of a session and close after it."""
    following = np.minimum(np.searchsorted(bars.close_time, edges, side="right"), len(bars) - 1)
    crosses = (bars.open_time[following] < edges) & (bars.close_time[following] > edges)
    if crosses.any():
        edge = int(edges[np.argmax(crosses)])
        raise BadInput(
            f"{bars.symbol}: a session of {sessions.name} {what} at {format_time(edge)}, in the middle of a bar of "
            f"{bars.timeframe}: use shorter bars"
        )


def _aggregate(bars: Bars, cell_end: np.ndarray, *, reached: int | None = None) -> dict[str, np.ndarray]:
    """Aggregate the short bars whose cells end at the same time; `reached` is the last known time."""
    first = np.flatnonzero(np.diff(cell_end, prepend=-1))
    last = np.append(first[1:], len(bars)) - 1
    end = cell_end[first]
    if len(end) and (bars.close_time[-1] if reached is None else reached) < end[-1]:
        first, last, end = first[:-1], last[:-1], end[:-1]
    if len(end) == 0:
        return _NO_BARS
    stop = last[-1] + 1
    return {
        "close_time": end,
        "open": bars.open[first],
        "high": np.maximum.reduceat(bars.high[:stop], first),
        "low": np.minimum.reduceat(bars.low[:stop], first),
        "close": bars.close[last],
        "volume": np.add.reduceat(bars.volume[:stop], first),
    }
