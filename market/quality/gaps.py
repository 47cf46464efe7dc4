"""Gaps: bars that are missing while their market trades."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.exchanges import time_zone_of
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.calendars.trading_days import WEEKDAY_NAMES
from tradesieve.market.calendars.trading_hours import (
    WEEK,
    bar_cells,
    cell_time,
    expected_cells,
    isin_sorted,
    trading_spans,
    unique_sorted,
)
from tradesieve.market.quality.runs import find_runs
from tradesieve.market.timeframes import DAY, HOUR, MINUTE

_MAX_PAUSE_RATE = 0.1  # of the usual rate of bars
_MIN_EXPECTED = 10.0  # bars at a time of the week, to judge whether it is a pause
_SHOWN_PAUSES = 5


@dataclass(frozen=True)
class Gaps:
    """Gaps in order of time, and the bars against which they were counted.

    Parameters
    ----------
    start_time, end_time : int64 ns UTC (n_gaps,): from the open of the first missing bar to the close of the last.
    n_missing : int64 (n_gaps,): how many consecutive bars of trading time are missing.
    n_expected : bars of trading time from the first to the last bar, both included, without the pauses.
    n_outside : bars outside trading time.
    first_outside_time : when the first of them closed, int64 ns UTC; None if there is none.
    pauses : the times of the week at which this market regularly has no bar, in words.
    """

    start_time: np.ndarray
    end_time: np.ndarray
    n_missing: np.ndarray
    n_expected: int
    n_outside: int
    first_outside_time: int | None
    pauses: tuple[str, ...]

    @property
    def missing_rate(self) -> float:
        """The fraction of expected bars that is missing."""
        return int(self.n_missing.sum()) / self.n_expected if self.n_expected else 0.0


def find_gaps(bars: Bars, hours: str, *, phase: int = 0, sessions: Sessions | None = None) -> Gaps:
    """Find the gaps of bars in trading time.

    1. Find the pauses of the market (a daily break, maintenance): times of the week at which bars are less than a tenth
       as frequent as usual, where at least ten bars would have been expected.
    2. Walk through the expected cells of the grid in chunks, without the pauses, and collect the runs of missing ones.

    Parameters
    ----------
    hours : a name of trading hours, see `market.calendars.exchanges.check_calendar`.
    phase : ns; bars open this long after a multiple of their timeframe.
    sessions : with each of which the grid begins anew; None: one grid all year.
    """
    if sessions is not None and HOUR < bars.timeframe.duration < DAY:
        # Bars of up to an hour are on one grid all year, also when the clocks change.
        return _find_session_gaps(bars, hours, sessions)
    bar_cell = bar_cells(bars, phase)
    cells = unique_sorted(bar_cell)
    outside = np.ones(len(bars), np.bool_)
    first, last = int(cells[0]), int(cells[-1])
    paused = _paused_slots(bars, hours, phase, cells)
    n_expected = 0
    runs: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    open_run = False
    for expected in expected_cells(hours, bars.timeframe, phase, first, last):
        outside &= ~isin_sorted(bar_cell, expected)
        if paused.any():
            expected = expected[~paused[_slots(expected, bars, hours, phase)]]
        if len(expected) == 0:
            continue
        n_expected += len(expected)
        missing = ~isin_sorted(expected, cells)
        found = find_runs(missing)
        run = (expected[found.start], expected[found.stop - 1], found.length)
        if open_run and missing[0]:
            # The run continues the last one of the chunk before.
            runs[-1][1][-1], runs[-1][2][-1] = run[1][0], runs[-1][2][-1] + run[2][0]
            run = (run[0][1:], run[1][1:], run[2][1:])
        if len(run[0]):
            runs.append(run)
        open_run = bool(missing[-1])
    start, end, count = (np.concatenate([np.empty(0, np.int64), *(run[part] for run in runs)]) for part in range(3))
    return Gaps(
        start_time=cell_time(start, bars.timeframe, phase),
        end_time=cell_time(end + 1, bars.timeframe, phase),
        n_missing=count,
        n_expected=n_expected,
        n_outside=int(outside.sum()),
        first_outside_time=int(bars.close_time[np.argmax(outside)]) if outside.any() else None,
        pauses=_described(paused, bars.timeframe.duration, time_zone_of(hours)) if paused.any() else (),
    )


def _find_session_gaps(bars: Bars, hours: str, sessions: Sessions) -> Gaps:
    """Find the gaps of bars that are cut by sessions: the last one of a session may be shorter."""
    duration, last_close = bars.timeframe.duration, int(bars.close_time[-1])
    opens, closes = sessions.between(int(bars.close_time[0]) - duration, last_close)
    n_bars = -(-(closes - opens) // duration)
    place = np.arange(n_bars.sum()) - np.repeat(np.cumsum(n_bars) - n_bars, n_bars)
    start = np.repeat(opens, n_bars) + place * duration
    end = np.minimum(start + duration, np.repeat(closes, n_bars))
    spans = trading_spans(hours, int(bars.close_time[0]) - duration, last_close)
    span = np.minimum(np.searchsorted(spans[:, 1], start, side="right"), len(spans) - 1)
    trades = (spans[span, 0] < end) & (spans[span, 1] > start) if len(spans) else np.zeros(len(start), np.bool_)
    kept = trades & (end >= bars.close_time[0]) & (end <= last_close)
    start, end = start[kept], end[kept]
    outside = ~isin_sorted(bars.close_time, end)
    present = isin_sorted(end, bars.close_time)
    slots, paused = _local_slots(start, duration, hours), np.zeros(1, np.bool_)
    if WEEK % duration == 0:
        n_expected, n_present = (np.bincount(part, minlength=WEEK // duration) for part in (slots, slots[present]))
        paused = _rarely_present(n_present, n_expected)
        start, end, present = (part[~paused[slots]] for part in (start, end, present))
    runs = find_runs(~present)
    return Gaps(
        start_time=start[runs.start],
        end_time=end[runs.stop - 1],
        n_missing=runs.length,
        n_expected=len(end),
        n_outside=int(outside.sum()),
        first_outside_time=int(bars.close_time[np.argmax(outside)]) if outside.any() else None,
        pauses=_described(paused, duration, time_zone_of(hours)) if paused.any() else (),
    )


def _paused_slots(bars: Bars, hours: str, phase: int, cells: np.ndarray) -> np.ndarray:
    """Tell which times of the week, counted in bars from Monday midnight in the market's time zone, are pauses."""
    duration = bars.timeframe.duration
    if duration >= DAY or WEEK % duration:
        return np.zeros(1, np.bool_)
    n = WEEK // duration
    n_present, n_expected = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for expected in expected_cells(hours, bars.timeframe, phase, int(cells[0]), int(cells[-1])):
        slots = _slots(expected, bars, hours, phase)
        n_expected += np.bincount(slots, minlength=n)
        n_present += np.bincount(slots[isin_sorted(expected, cells)], minlength=n)
    return _rarely_present(n_present, n_expected)


def _rarely_present(n_present: np.ndarray, n_expected: np.ndarray) -> np.ndarray:
    """Tell at which times of the week bars are so rare that the market pauses, from their counts."""
    if not n_expected.any():
        return np.zeros(len(n_expected), np.bool_)
    rate = n_present / np.maximum(n_expected, 1)
    usual = float(np.median(rate[n_expected > 0]))
    pauses: np.ndarray = (rate < _MAX_PAUSE_RATE * usual) & (n_expected * usual >= _MIN_EXPECTED)
    return pauses


def _slots(cells: np.ndarray, bars: Bars, hours: str, phase: int) -> np.ndarray:
    return _local_slots(cell_time(cells, bars.timeframe, phase), bars.timeframe.duration, hours)


def _local_slots(time: np.ndarray, duration: int, hours: str) -> np.ndarray:
    """Return the time of the week of each time, in bars of a duration from Monday midnight in the market's zone."""
    zone = time_zone_of(hours)
    if zone != "UTC":
        time = pd.DatetimeIndex(time, tz="UTC").tz_convert(zone).tz_localize(None).as_unit("ns").asi8
    return (time + 3 * DAY) % WEEK // duration


def _described(paused: np.ndarray, duration: int, zone: str) -> tuple[str, ...]:
    runs = find_runs(paused)
    days: dict[tuple[int, int], list[str]] = {}
    for start, length in zip((runs.start * duration).tolist(), (runs.length * duration).tolist(), strict=True):
        days.setdefault((start % DAY, length), []).append(WEEKDAY_NAMES[start // DAY])
    pauses = [
        f"{_clock(start)} to {_clock((start + length) % DAY)} {zone} on {', '.join(names)}"
        for (start, length), names in sorted(days.items(), key=lambda item: -item[0][1] * len(item[1]))
    ]
    n_hidden = len(pauses) - _SHOWN_PAUSES
    return (*pauses[:_SHOWN_PAUSES], *([f"and {n_hidden} more"] if n_hidden > 0 else []))


def _clock(time: int) -> str:
    minutes = time // MINUTE
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
