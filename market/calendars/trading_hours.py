"""Trading hours: the stretches of time in which a market is open, finer than the days of a calendar.

They say which bars could be there. Absent bars outside of them are no gaps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.errors import Unknown
from tradesieve.market.timeframes import DAY, HOUR, Timeframe

WEEK = 7 * DAY
GUESSED = ("always", "weekdays", "forex", "XNYS")
"""The trading hours that are tried when none are named."""
_OWN = GUESSED[:3]
_NEW_YORK = "America/New_York"
_CHUNK = 2**20


def check_hours(name: str) -> str:
    """Return the name of trading hours as it is: ``always``, ``weekdays``, ``forex``, or an exchange's ISO code.

    ``weekdays`` is Monday to Friday in UTC. ``forex`` is Sunday 17:00 to Friday 17:00 in New York without Christmas Day
    and New Year's Day. An exchange's sessions, with its holidays and early closes, come from `exchange_calendars`.

    Raises
    ------
    Unknown : if there are no such hours.
    """
    if name not in _OWN:
        import exchange_calendars

        codes = exchange_calendars.get_calendar_names(include_aliases=False)
        if name not in codes:
            raise Unknown("calendar", name, [*GUESSED, *codes])
    return name


def zone_of(name: str) -> str:
    """Name the time zone in which a market's day is the same all year."""
    if name in ("always", "weekdays"):
        return "UTC"
    if name == "forex":
        return _NEW_YORK
    import exchange_calendars

    return str(exchange_calendars.get_calendar(name).tz)


def trading_spans(name: str, start_time: int, end_time: int) -> np.ndarray:
    """List the stretches in which a market is open.

    Returns
    -------
    int64 array (n, 2): open and close, ns UTC, ascending; all, whole, that meet `start_time` to `end_time`.

    Raises
    ------
    Unknown : if there are no such hours.
    """
    check_hours(name)
    if name == "always":
        return np.array([[start_time, end_time]], np.int64)
    if name in _OWN:
        # Day 0 was a Thursday: 3 days earlier a Monday began, 4 days earlier a Sunday.
        first = np.arange(start_time // DAY // 7 - 1, end_time // DAY // 7 + 2, dtype=np.int64) * 7
        spans = _weekdays(first) if name == "weekdays" else _forex_weeks(first)
    else:
        spans = _sessions(name, start_time, end_time)
    return spans[(spans[:, 1] > start_time) & (spans[:, 0] < end_time)]


def bar_cells(bars: Bars, phase: int) -> np.ndarray:
    """Number the cell of the grid in which each bar lies; see `expected_cells`."""
    if bars.timeframe.duration == DAY:
        # Its middle: a day that begins at 22:00 UTC is named by what follows.
        return (bars.open_time + DAY // 2) // DAY
    return (bars.open_time - phase) // bars.timeframe.duration


def cell_time(cells: np.ndarray, timeframe: Timeframe, phase: int) -> np.ndarray:
    """Return when cells of the grid open, int64 ns UTC."""
    return cells * timeframe.duration + (0 if timeframe.duration == DAY else phase)


def expected_cells(name: str, timeframe: Timeframe, phase: int, first: int, last: int) -> Iterator[np.ndarray]:
    """Go through the cells of a grid that meet trading time, at most a million at once.

    Parameters
    ----------
    name : of the trading hours.
    timeframe, phase : a cell lasts one `timeframe` and opens `phase` ns after a multiple of it. A cell of one day is a
        whole day in UTC, which trades or does not.
    first, last : numbers of cells, both included.

    Returns
    -------
    int64 arrays, ascending throughout.
    """
    edges = cell_time(np.array([first, last + 1]), timeframe, phase)
    spans = trading_spans(name, int(edges[0]), int(edges[1]))
    if timeframe.duration == DAY:
        # The middle of a session lies in its day: a week of forex is cut into its days first.
        starts, ends = _day_cells(name, spans)
    else:
        starts = (spans[:, 0] - phase) // timeframe.duration
        ends = -(-(spans[:, 1] - phase) // timeframe.duration)
    starts = np.maximum(starts, np.concatenate([[first], np.maximum.accumulate(ends)[:-1]]))
    starts, ends = np.maximum(starts, first), np.minimum(ends, last + 1)
    starts, ends = starts[ends > starts], ends[ends > starts]
    counted = np.concatenate([[0], np.cumsum(ends - starts)])
    for begin in range(0, int(counted[-1]), _CHUNK):
        place = np.arange(begin, min(begin + _CHUNK, int(counted[-1])), dtype=np.int64)
        span = np.searchsorted(counted, place, side="right") - 1
        yield starts[span] + place - counted[span]


def guess_hours(bars: Bars, phase: int) -> tuple[str, str]:
    """Guess the trading hours from the bars, and say why.

    The hours are taken whose cells agree best with the bars: cells that are both expected and there, as a share of
    those that are either (Jaccard 1901).

    Returns
    -------
    One of `GUESSED`, and a sentence.
    """
    cells = without_repeats(bar_cells(bars, phase))
    agreement = {}
    for name in GUESSED:
        expected = common = 0
        for chunk in expected_cells(name, bars.timeframe, phase, int(cells[0]), int(cells[-1])):
            expected += len(chunk)
            common += int(is_among(chunk, cells).sum())
        agreement[name] = common / (expected + len(cells) - common)
    best, second = sorted(agreement, key=agreement.__getitem__, reverse=True)[:2]
    return best, (
        f"guessed: {agreement[best]:.1%} of the bars and of the trading time of {best!r} agree, "
        f"{agreement[second]:.1%} of {second!r}; --calendar says it for certain"
    )


def is_among(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Tell which values are among known ones, which are ascending. Equals: ``np.isin``."""
    if len(known) == 0:
        return np.zeros(len(values), np.bool_)
    return known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values


def without_repeats(ascending: np.ndarray) -> np.ndarray:
    """Leave out what equals the value before it. Equals: ``np.unique``, in a tenth of its time."""
    return ascending[np.concatenate([np.ones(min(len(ascending), 1), np.bool_), np.diff(ascending) > 0])]


def _weekdays(week: np.ndarray) -> np.ndarray:
    monday = week - 3
    return np.stack([monday, monday + 5], axis=1) * DAY


def _forex_weeks(week: np.ndarray) -> np.ndarray:
    """Cut the weeks at the two days of the year on which nobody trades."""
    sunday = week - 4
    opens, closes = _five_in_new_york(sunday), _five_in_new_york(sunday + 5)
    years = range(*(pd.Timestamp(int(day) * DAY).year + add for day, add in ((sunday[0], -1), (sunday[-1], 2))))
    closed = np.array(
        [pd.Timestamp(year, month, day).value // DAY for year in years for month, day in ((1, 1), (12, 25))]
    )
    closed.sort()
    cut = np.stack([_five_in_new_york(closed - 1), _five_in_new_york(closed)], axis=1)
    spans = []
    for start, end in zip(opens.tolist(), closes.tolist(), strict=True):
        for shut, reopened in cut[(cut[:, 1] > start) & (cut[:, 0] < end)].tolist():
            if shut > start:
                spans.append((start, shut))
            start = reopened
        if end > start:
            spans.append((start, end))
    return np.array(spans, np.int64)


def _five_in_new_york(day: np.ndarray) -> np.ndarray:
    local = pd.DatetimeIndex(day * DAY + 17 * HOUR)
    return local.tz_localize(_NEW_YORK).tz_convert("UTC").as_unit("ns").asi8


def _sessions(name: str, start_time: int, end_time: int) -> np.ndarray:
    import exchange_calendars

    margin = pd.Timedelta(days=14)  # a calendar refuses an empty span
    start, end = (pd.Timestamp(time).normalize() for time in (start_time, end_time))
    calendar = exchange_calendars.get_calendar(name, start=start - margin, end=end + margin)
    opens, closes = (pd.DatetimeIndex(times).as_unit("ns").asi8 for times in (calendar.opens, calendar.closes))
    return np.stack([opens, closes], axis=1)


def _day_cells(name: str, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name == "forex":
        # The day that ends at 17:00 in New York is named by its end.
        return (spans[:, 0] + 12 * HOUR) // DAY, spans[:, 1] // DAY + 1
    if name in _OWN:
        return spans[:, 0] // DAY, -(-spans[:, 1] // DAY)
    middle = (spans[:, 0] + spans[:, 1]) // 2 // DAY
    return middle, middle + 1
