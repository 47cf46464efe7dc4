"""Gaps: bars that are absent while their market trades."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_hours import (
    WEEK,
    bar_cells,
    cell_time,
    expected_cells,
    is_among,
    without_repeats,
    zone_of,
)
from tradesieve.market.timeframes import DAY, MINUTE

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PAUSED = 0.1  # of the usual presence: less is a pause
_FEWEST = 10.0  # bars that a time of the week would have had
_SHOWN_PAUSES = 5


@dataclass(frozen=True)
class Gaps:
    """What is absent, in order of time.

    Parameters
    ----------
    start_time, end_time : int64 ns UTC (n_gaps,): from the open of the first absent bar to the close of the last.
    n_missing : int64 (n_gaps,): how many bars of trading time are absent in a row.
    n_expected : bars that trading time holds between the first and the last bar, both included, without the pauses.
    n_outside : bars that lie outside of trading time.
    first_outside_time : when the first of them closed, int64 ns UTC; None without one.
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
        """The share of expected bars that is absent."""
        return int(self.n_missing.sum()) / self.n_expected if self.n_expected else 0.0


def find_gaps(bars: Bars, hours: str, *, phase: int = 0) -> Gaps:
    """Find the gaps of bars in trading time.

    A time of the week at which bars come less than a tenth as often as usual is a pause of the market (a daily break,
    maintenance), not a gap, if at least ten bars would have been expected there.

    Parameters
    ----------
    hours : a name of `market.calendars.trading_hours.check_hours`.
    phase : ns; bars open this long after a multiple of their timeframe.
    """
    bar_cell = bar_cells(bars, phase)
    cells = without_repeats(bar_cell)
    outside = np.ones(len(bars), np.bool_)
    first, last = int(cells[0]), int(cells[-1])
    paused = _paused_slots(bars, hours, phase, cells)
    n_expected = 0
    runs: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    open_run = False
    for expected in expected_cells(hours, bars.timeframe, phase, first, last):
        outside &= ~is_among(bar_cell, expected)
        if paused.any():
            expected = expected[~paused[_slots(expected, bars, hours, phase)]]
        if len(expected) == 0:
            continue
        n_expected += len(expected)
        missing = ~is_among(expected, cells)
        edge = np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8))
        starts, ends = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
        run = (expected[starts], expected[ends - 1], ends - starts)
        if open_run and missing[0]:
            # The run goes on from the chunk before.
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
        pauses=_described(paused, bars.timeframe.duration, zone_of(hours)) if paused.any() else (),
    )


def _paused_slots(bars: Bars, hours: str, phase: int, cells: np.ndarray) -> np.ndarray:
    """Tell which times of the week, counted in bars from Monday's midnight in the market's zone, are pauses."""
    duration = bars.timeframe.duration
    if duration >= DAY or WEEK % duration:
        return np.zeros(1, np.bool_)
    n = WEEK // duration
    there, all_ = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for expected in expected_cells(hours, bars.timeframe, phase, int(cells[0]), int(cells[-1])):
        slots = _slots(expected, bars, hours, phase)
        all_ += np.bincount(slots, minlength=n)
        there += np.bincount(slots[is_among(expected, cells)], minlength=n)
    rate = there / np.maximum(all_, 1)
    usual = float(np.median(rate[all_ > 0]))
    return (rate < _PAUSED * usual) & (all_ * usual >= _FEWEST)


def _slots(cells: np.ndarray, bars: Bars, hours: str, phase: int) -> np.ndarray:
    time, zone = cell_time(cells, bars.timeframe, phase), zone_of(hours)
    if zone != "UTC":
        time = pd.DatetimeIndex(time, tz="UTC").tz_convert(zone).tz_localize(None).as_unit("ns").asi8
    return (time + 3 * DAY) % WEEK // bars.timeframe.duration


def _described(paused: np.ndarray, duration: int, zone: str) -> tuple[str, ...]:
    edge = np.diff(np.concatenate([[False], paused, [False]]).astype(np.int8))
    days: dict[tuple[int, int], list[str]] = {}
    for start, end in zip(np.flatnonzero(edge == 1) * duration, np.flatnonzero(edge == -1) * duration, strict=True):
        days.setdefault((int(start % DAY), int(end - start)), []).append(_WEEKDAYS[int(start // DAY)])
    said = [
        f"{_clock(start)} to {_clock((start + length) % DAY)} {zone} on {', '.join(names)}"
        for (start, length), names in sorted(days.items(), key=lambda item: -item[0][1] * len(item[1]))
    ]
    return (*said[:_SHOWN_PAUSES], *([f"and {len(said) - _SHOWN_PAUSES} more"] if len(said) > _SHOWN_PAUSES else []))


def _clock(time: int) -> str:
    minutes = time // MINUTE
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
