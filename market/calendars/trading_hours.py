"""Trading hours: the spans of time in which a market is open, finer than the days of a calendar.

They define which bars are expected. A bar that is missing outside them is not a gap.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.exchanges import check_calendar
from tradesieve.market.calendars.sessions import FOREX, Sessions
from tradesieve.market.timeframes import DAY, Timeframe

WEEK = 7 * DAY
CANDIDATES = ("always", "weekdays", "forex", "XNYS")
"""The trading hours from which `infer_hours` chooses."""
_CHUNK = 2**20


def trading_spans(name: str, start_time: int, end_time: int) -> np.ndarray:
    """List the spans in which a market is open.

    Returns
    -------
    int64 ns UTC (n_spans, 2), ascending: open and close of every span that overlaps `start_time` to `end_time`.

    Raises
    ------
    Unknown : if there are no such hours.
    """
    if check_calendar(name) == "always":
        return np.array([[start_time, end_time]], np.int64)
    if name == "weekdays":
        # Day 0 was a Thursday: the Monday was 3 days earlier.
        monday = np.arange(start_time // DAY // 7 - 1, end_time // DAY // 7 + 2, dtype=np.int64) * 7 - 3
        spans = np.stack([monday, monday + 5], axis=1) * DAY
        return spans[(spans[:, 1] > start_time) & (spans[:, 0] < end_time)]
    if name != FOREX:
        return np.stack(Sessions(name).between(start_time, end_time), axis=1)
    # A day of forex begins when the one before it ends: a week is one span.
    opens, closes = Sessions(name).between(start_time - WEEK, end_time + WEEK)
    begins = np.concatenate([np.ones(1, np.bool_), opens[1:] != closes[:-1]])
    spans = np.stack([opens[begins], closes[np.append(begins[1:], True)]], axis=1)
    return spans[(spans[:, 1] > start_time) & (spans[:, 0] < end_time)]


def bar_cells(bars: Bars, phase: int) -> np.ndarray:
    """Return the number of the grid cell in which each bar lies, int64 (n_bars,); see `expected_cells`."""
    if bars.timeframe.calendar:
        return bars.timeframe.period((bars.open_time + bars.close_time) // 2 // DAY)
    if bars.timeframe.duration == DAY:
        # By its middle: a day that begins at 22:00 UTC counts as the following day.
        return (bars.open_time + DAY // 2) // DAY
    return (bars.open_time - phase) // bars.timeframe.duration


def cell_time(cells: np.ndarray, timeframe: Timeframe, phase: int) -> np.ndarray:
    """Return when grid cells open, int64 ns UTC (n_cells,)."""
    if timeframe.calendar:
        return timeframe.period_start(cells) * DAY
    return cells * timeframe.duration + (0 if timeframe.duration == DAY else phase)


def expected_cells(name: str, timeframe: Timeframe, phase: int, first: int, last: int) -> Iterator[np.ndarray]:
    """Yield the cells of a grid that overlap trading time, about a million at a time.

    Parameters
    ----------
    name : of the trading hours.
    timeframe, phase : a cell lasts one `timeframe` and opens `phase` ns after a multiple of it. A cell of one day is a
        UTC day, that of a calendar timeframe a week or month in UTC.
    first, last : numbers of cells, both included.

    Returns
    -------
    Iterator of int64 arrays, ascending throughout.
    """
    edges = cell_time(np.array([first, last + 1]), timeframe, phase)
    spans = trading_spans(name, int(edges[0]), int(edges[1]))
    if timeframe.calendar:
        starts = timeframe.period(spans[:, 0] // DAY)
        ends = timeframe.period((spans[:, 1] - 1) // DAY) + 1
    elif timeframe.duration == DAY:
        # A session belongs to the day of its middle; a week of forex covers several days.
        starts, ends = _day_cells(name, spans)
    else:
        starts = (spans[:, 0] - phase) // timeframe.duration
        ends = -(-(spans[:, 1] - phase) // timeframe.duration)
    starts = np.maximum(starts, np.concatenate([[first], np.maximum.accumulate(ends)[:-1]]))
    starts, ends = np.maximum(starts, first), np.minimum(ends, last + 1)
    starts, ends = starts[ends > starts], ends[ends > starts]
    n_before = np.concatenate([[0], np.cumsum(ends - starts)])
    for begin in range(0, int(n_before[-1]), _CHUNK):
        place = np.arange(begin, min(begin + _CHUNK, int(n_before[-1])), dtype=np.int64)
        span = np.searchsorted(n_before, place, side="right") - 1
        yield starts[span] + place - n_before[span]


def infer_hours(bars: Bars, phase: int) -> tuple[str, str]:
    """Infer the trading hours from the bars.

    The chosen hours are those whose cells agree best with the bars: the cells that are both expected and present, as a
    fraction of those that are either (Jaccard 1901).

    Returns
    -------
    One of `CANDIDATES`, and the reason in words.
    """
    cells = unique_sorted(bar_cells(bars, phase))
    agreement = {}
    for name in CANDIDATES:
        expected = common = 0
        for chunk in expected_cells(name, bars.timeframe, phase, int(cells[0]), int(cells[-1])):
            expected += len(chunk)
            common += int(isin_sorted(chunk, cells).sum())
        agreement[name] = common / (expected + len(cells) - common)
    best, second = sorted(agreement, key=agreement.__getitem__, reverse=True)[:2]
    return best, (
        f"inferred: bars and trading time agree to {agreement[best]:.1%} for {best!r}, to {agreement[second]:.1%} for "
        f"{second!r}; pass --calendar to be certain"
    )


def isin_sorted(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Tell which values are in an ascending array. Equals: ``np.isin(values, known)``, without sorting."""
    if len(known) == 0:
        return np.zeros(len(values), np.bool_)
    return known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values


def unique_sorted(ascending: np.ndarray) -> np.ndarray:
    """Drop repeated values of an ascending array. Equals: ``np.unique``, in a tenth of its time."""
    return ascending[np.concatenate([np.ones(min(len(ascending), 1), np.bool_), np.diff(ascending) > 0])]


def _day_cells(name: str, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name in ("always", "weekdays"):
        return spans[:, 0] // DAY, -(-spans[:, 1] // DAY)
    if name == FOREX:
        # A day that ends at 17:00 in New York is named by its end.
        return (spans[:, 0] + DAY // 2) // DAY, spans[:, 1] // DAY + 1
    middle = (spans[:, 0] + spans[:, 1]) // 2 // DAY
    return middle, middle + 1
