"""Defects of single bars and of runs of bars: bad prints, splits, frozen feeds, times off the grid.

Local scales are medians, so that an outlier does not hide itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tradesieve.market.bars import PRICES, VALUES, Bars, overlaps
from tradesieve.market.calendars.sessions import Sessions
from tradesieve.market.grid import grid_phase, off_phase
from tradesieve.market.kernel_cache import njit
from tradesieve.market.quality.runs import Runs, find_runs
from tradesieve.market.session_bars import own_sessions
from tradesieve.market.timeframes import DAY, Timeframe

PRINT_SCALES = 12.0
"""A bad print lies this many median true ranges beyond its neighbours."""
JUMP_SCALES = 40.0
"""A jump moves the close by at least this many median true ranges."""
_NEIGHBOURS = 3
_MAX_PRINT_BARS = 3
_SCALE_BARS = 30
_SPLIT_TOLERANCE = 0.045
_SPLIT_DAYS = 10
_SPLIT_VALUE = 4.0
_FORWARD_RATIOS = tuple(
    Fraction(ratio) for ratio in ("3/2", 2, "5/2", 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100)
)
_SPLIT_RATIOS = (*_FORWARD_RATIOS, *(1 / ratio for ratio in _FORWARD_RATIOS))
_MIN_CONSTANT_BARS = 10
_MIN_FROZEN_BARS = 3


@dataclass(frozen=True)
class BadPrints:
    """Bad prints: prices far outside those of the neighbouring bars, in order of time.

    Parameters
    ----------
    row : int64 (n,): of the bars. A bar that is bad on both sides is listed twice.
    side : int64 (n,): +1 too high, -1 too low.
    bound : float64 (n,): the most extreme price of the neighbours on that side, quote.
    limit : float64 (n,): the price beyond which a print is bad, quote.
    scales : float64 (n,): how far beyond `bound` the bar reaches, in median true ranges of its neighbours.
    """

    row: np.ndarray
    side: np.ndarray
    bound: np.ndarray
    limit: np.ndarray
    scales: np.ndarray


@dataclass(frozen=True)
class Split:
    """A split of shares: each old share became `ratio` new ones before the bar of `row`; below 1: a reverse split."""

    row: int
    ratio: Fraction
    found_ratio: float


def find_bad_prints(bars: Bars, *, scales: float = PRINT_SCALES) -> BadPrints:
    """Find bad prints: prices far beyond those of the neighbouring bars on both sides.

    One to three consecutive bars are bad if each reaches further beyond the three bars before and the three after than
    `scales` times the local scale. The scale is the median true range (Wilder 1978), in logarithms, of the thirty bars
    before and after, but at least half the median of all bars, so that one tick in a quiet stretch is not bad.

    A crash that is undone within three bars looks the same: prices alone cannot tell them apart.

    Notes
    -----
    Known at: the close of the third bar after.

    Source: the neighbourhood filter of Brownlees and Gallo (2006), "Financial econometric analysis at ultra-high
    frequency", section 2.2, with bars for ticks, the neighbours' extremes for their trimmed mean, the median range for
    the trimmed deviation, and the floor for their granularity.
    """
    high, low = np.log(bars.high), np.log(bars.low)
    true_range, floor = _true_range(bars)
    found = []
    for side, reach in ((1, high), (-1, -low)):
        row, bound, scale = _beyond_nb(reach, true_range, floor, scales, _NEIGHBOURS, _MAX_PRINT_BARS, _SCALE_BARS)
        # The price itself, not the exponential of its logarithm, which may differ in the last digit.
        price = (bars.high if side == 1 else bars.low)[bound]
        found.append((row, np.full(len(row), side), price, price * np.exp(side * scales * scale),
                      (reach[row] - reach[bound]) / scale))  # fmt: skip
    parts = [np.concatenate(column) for column in zip(*found, strict=True)]
    order = np.argsort(parts[0], kind="stable")
    return BadPrints(*(part[order] for part in parts))


def find_jumps(bars: Bars, *, scales: float = JUMP_SCALES) -> np.ndarray:
    """Find the bars whose close is further than `scales` local scales from the close of the bar before.

    The scale is that of `find_bad_prints`. Bars after a gap or a pause are not compared.

    Returns
    -------
    int64 (n,): rows.
    """
    true_range, floor = _true_range(bars)
    moves = np.abs(np.diff(np.log(bars.close), prepend=np.log(bars.close[:1])))
    is_adjacent = np.diff(bars.close_time, prepend=bars.close_time[:1]) == bars.timeframe.duration
    if bars.timeframe.calendar:
        is_adjacent[1:] = bars.timeframe.steps(bars.close_time) == 1
    far = [
        row
        for row in np.flatnonzero(is_adjacent & (moves > scales * floor)).tolist()
        if moves[row] > scales * _scale_nb(true_range, floor, row, row + 1, _SCALE_BARS)
    ]
    return np.array(far, np.int64)


def find_splits(bars: Bars) -> tuple[Split, ...]:
    """Find splits of shares for which the prices were not adjusted.

    A step from the last close of a day (UTC) to the next open is a split if

    1. a simple ratio (3:2, 2:1, 3:1, ... 100:1, or its reverse) explains it to within 4.5 %,
    2. the prices of the ten days after agree with the split better than with no split, and
    3. at most four times the usual value was traded: a crash is traded heavily, a split is not.

    Without volumes the third condition cannot be checked. A crash by a simple ratio at usual volume is taken for a
    split. A step over ten days without a bar is not judged.
    """
    day = (bars.open_time + bars.close_time) // 2 // DAY
    first = np.flatnonzero(np.diff(day, prepend=day[:1] - 1))
    if len(first) < 3:
        return ()
    last = np.append(first[1:], len(bars)) - 1
    closes, opens = np.log(bars.close[last]), np.log(bars.open[first])
    value = np.add.reduceat(bars.close * bars.volume, first)
    step = opens[1:] - closes[:-1]
    # Over a long gap, the market itself may move by any ratio.
    is_adjacent = bars.open_time[first[1:]] - bars.close_time[last[:-1]] < _SPLIT_DAYS * DAY
    found = []
    for place in (np.flatnonzero((np.abs(step) > 0.3) & is_adjacent) + 1).tolist():
        move = float(step[place - 1])
        ratio = min(_SPLIT_RATIOS, key=lambda ratio: abs(move + np.log(float(ratio))))
        expected = -float(np.log(float(ratio)))
        before = slice(max(0, place - _SPLIT_DAYS), place)
        after = slice(place, place + _SPLIT_DAYS)
        lasting_move = float(np.median(closes[after]) - np.median(closes[before]))
        usual_value = float(np.median(value[before]))
        is_lasting = abs(lasting_move - expected) < abs(lasting_move)
        is_calm = usual_value == 0 or value[place] <= _SPLIT_VALUE * usual_value
        if abs(move - expected) <= _SPLIT_TOLERANCE and is_lasting and is_calm:
            found.append(Split(int(first[place]), ratio, float(np.exp(-move))))
    return tuple(found)


def find_zero_volume(bars: Bars) -> Runs:
    """Find the runs of bars without volume."""
    return find_runs(bars.volume == 0)


def find_constant(bars: Bars) -> Runs:
    """Find the runs of at least ten bars that have one price in all of them."""
    flat = bars.high == bars.low
    return _equal_runs(flat[1:] & flat[:-1] & (bars.close[1:] == bars.close[:-1]), at_least=_MIN_CONSTANT_BARS)


def find_filled(bars: Bars) -> Runs:
    """Find the bars that a vendor filled in: no volume, and the previous close in all four prices.

    Bars whose volumes are all zero have no such runs: the vendor gives no volumes.
    """
    same = np.logical_and.reduce([getattr(bars, name)[1:] == bars.close[:-1] for name in PRICES])
    filled = np.concatenate([[False], same]) & (bars.volume == 0)
    return find_runs(filled & bool((bars.volume > 0).any()))


def find_frozen(bars: Bars) -> Runs:
    """Find the frozen feeds: runs of at least three bars that are equal in all five values and have a range."""
    same = np.logical_and.reduce([getattr(bars, name)[1:] == getattr(bars, name)[:-1] for name in VALUES])
    # Without volumes, quiet minutes of few ticks are equal by chance.
    same &= (bars.high[1:] > bars.low[1:]) & (bars.volume[1:] > 0)
    return _equal_runs(same, at_least=_MIN_FROZEN_BARS)


def find_off_grid(bars: Bars, sessions: Sessions | None = None) -> np.ndarray:
    """Return the rows that do not open on the grid of the others, see `market.grid.off_phase`.

    Bars within sessions are on the grid that begins with each session and ends with it, in part of a bar if need be.

    Parameters
    ----------
    sessions : of bars that do not know their own; None: those of the bars.
    """
    off = off_phase(bars.close_time, bars.timeframe, grid_phase(bars.close_time, bars.timeframe))
    sessions = own_sessions(bars) or sessions
    if sessions is not None and off.any():
        opens, closes = sessions.cells(bars.timeframe, int(bars.close_time[0]) - 1, int(bars.close_time[-1]))
        cell = np.minimum(np.searchsorted(closes, bars.close_time), len(closes) - 1)
        since_open = bars.close_time - opens[cell]
        off &= (closes[cell] != bars.close_time) & ((since_open <= 0) | (since_open % bars.timeframe.duration != 0))
    return np.flatnonzero(off)


def without_overlaps(close_time: np.ndarray, timeframe: Timeframe, *, short_bars: bool = False) -> np.ndarray:
    """Choose bars that do not overlap: those on the grid of most, without the ones that overlap an earlier one.

    Parameters
    ----------
    close_time : int64 ns UTC (n_bars,), ascending.
    short_bars : as `market.bars.overlaps`.

    Returns
    -------
    int64 (n,): rows.
    """
    rows = np.flatnonzero(~off_phase(close_time, timeframe, grid_phase(close_time, timeframe)))
    while (overlapping := overlaps(close_time[rows], timeframe, short_bars=short_bars)).any():
        # A bar that overlaps one which is removed may stay.
        overlapping[1:] &= ~overlapping[:-1]
        rows = rows[~overlapping]
    return rows


def _equal_runs(equals_previous: np.ndarray, *, at_least: int) -> Runs:
    """Find runs of equal bars from whether each bar but the first equals the one before, (n_bars - 1,)."""
    runs = find_runs(equals_previous).at_least(at_least - 1)
    return Runs(runs.start, runs.length + 1)


def _true_range(bars: Bars) -> tuple[np.ndarray, float]:
    """Return the true ranges in logarithms, and the lower bound of a local scale."""
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    true_range = np.log(np.maximum(bars.high, before)) - np.log(np.minimum(bars.low, before))
    moved = true_range[true_range > 0]
    return true_range, 0.5 * float(np.median(moved)) if len(moved) else np.inf


@njit(cache=True, nogil=True)
def _scale_nb(true_range: np.ndarray, floor: float, start: int, stop: int, window: int) -> float:
    """Return the median of `window` values before `start` and as many from `stop` on, at least `floor`."""
    before = true_range[max(0, start - window) : start]
    after = true_range[stop : stop + window]
    if len(before) + len(after) == 0:
        return floor
    return max(floor, np.median(np.concatenate((before, after))))


@njit(cache=True, nogil=True)
def _beyond_nb(
    reach: np.ndarray, true_range: np.ndarray, floor: float, scales: float, side: int, longest: int, window: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find runs that reach beyond their neighbours; return each row, the row of its highest neighbour, its scale."""
    n = len(reach)
    rows, bounds, found = [0][:0], [0][:0], [0.0][:0]
    row = side
    while row < n - side:
        before = row - side + np.argmax(reach[row - side : row])
        length = 0
        if reach[row] - reach[before] > scales * floor:
            for tried in range(1, longest + 1):
                stop = row + tried
                if stop + side > n or reach[stop - 1] - reach[before] <= scales * floor:
                    break
                after = stop + np.argmax(reach[stop : stop + side])
                bound = before if reach[before] >= reach[after] else after
                scale = _scale_nb(true_range, floor, row, stop, window)
                if np.min(reach[row:stop]) - reach[bound] > scales * scale:
                    length = tried
                    for bad in range(row, stop):
                        rows.append(int(bad))
                        bounds.append(int(bound))
                        found.append(scale)
                    break
        row += max(length, 1)
    return np.array(rows, np.int64), np.array(bounds, np.int64), np.array(found, np.float64)
