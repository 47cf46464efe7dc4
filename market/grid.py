"""The grid of a series: the times at which its bars close, and whether two series share one."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.timeframes import DAY, HOUR, MILLISECOND, SECOND, Timeframe

_WEEK = 7 * DAY
_WEEKDAYS = ("Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday")  # 1970-01-01: a Thursday


def grid_phase(close_time: np.ndarray, timeframe: Timeframe) -> int:
    """Return how long after a multiple of their timeframe most bars open and close, int ns; 0 for the calendar's."""
    if timeframe.calendar:
        return 0
    phases, counts = np.unique(close_time % timeframe.duration, return_counts=True)
    return int(phases[np.argmax(counts)])


def off_phase(close_time: np.ndarray, timeframe: Timeframe, phase: int) -> np.ndarray:
    """Tell which bars do not close `phase` ns after a multiple of their timeframe.

    Bars longer than an hour may be an hour off: their market's clocks change twice a year, UTC does not. Weeks and
    months of the calendar have no phase: `Bars` holds their ends against the calendar.

    Parameters
    ----------
    close_time : int64 ns UTC (n_bars,).

    Returns
    -------
    bool array (n_bars,).
    """
    if timeframe.calendar:
        return np.zeros(len(close_time), np.bool_)
    offset = (close_time - phase) % timeframe.duration
    offset = np.minimum(offset, timeframe.duration - offset)
    return (offset != 0) & ((offset != HOUR) | (timeframe.duration <= HOUR))


def grid_words(close_time: np.ndarray, timeframe: Timeframe) -> str:
    """Describe the grid on which most bars close, such as ``weeks that close on Thursday 00:00 UTC``."""
    if timeframe.calendar:
        return f"calendar {timeframe.calendar}s, as the one that closes at {format_time(close_time[0])}"
    duration, phase = timeframe.duration, grid_phase(close_time, timeframe)
    clock = format_time(phase).partition("T")[2].removesuffix("Z").removesuffix(":00")
    if phase % SECOND:
        clock += f" and {phase % SECOND / MILLISECOND:g} ms"
    if duration == _WEEK:
        return f"weeks that close on {_WEEKDAYS[phase // DAY]} {clock} UTC"
    if duration == DAY:
        return f"days that close at {clock} UTC"
    if DAY % duration == 0:
        return f"{timeframe} bars that close at {clock} UTC and every {timeframe} from there"
    on_phase = close_time[close_time % duration == phase]
    return f"{timeframe} bars that close at {format_time(on_phase[0])} and every {timeframe} from there"


def snap_to_seconds(time: np.ndarray, timeframe: Timeframe) -> tuple[np.ndarray, int]:
    """Move times that are a millisecond or less off a whole second to that second.

    Vendors write the end of a bar a millisecond early, and some stamps jitter. No bar of whole seconds begins there.

    Parameters
    ----------
    time : int64 ns UTC (n_rows,).
    timeframe : of the bars; times of one that does not consist of whole seconds stay.

    Returns
    -------
    The times, and how many were moved.

    Examples
    --------
    >>> minute = Timeframe(60 * SECOND)
    >>> snap_to_seconds(np.array([60 * SECOND - MILLISECOND, 120 * SECOND + 2 * MILLISECOND]), minute)
    (array([ 60000000000, 120002000000]), 1)
    """
    if timeframe.duration % SECOND or not (time % SECOND).any():
        return time, 0
    off = (time + SECOND // 2) % SECOND - SECOND // 2
    jitters = (off != 0) & (np.abs(off) <= MILLISECOND)
    return np.where(jitters, time - off, time), int(jitters.sum())
