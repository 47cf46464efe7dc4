"""Defects of single bars and of runs of bars: bad prints, splits, frozen feeds, times off the grid.

Everything here is robust: local scales are medians, so that what is looked for does not hide itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numba import njit

from tradesieve.market.bars import COLUMNS, PRICES, Bars
from tradesieve.market.timeframes import DAY, HOUR

PRINT_SCALES = 12.0
"""A bad print lies this many median true ranges beyond its neighbours."""
JUMP_SCALES = 40.0
"""A jump moves the close by this many median true ranges, and stays."""
_NEIGHBOURS = 3
_LONGEST_PRINT = 3
_SCALE_BARS = 30
_SPLIT_TOLERANCE = 0.045
_SPLIT_DAYS = 10
_SPLIT_VALUE = 4.0
_SPLIT_RATIOS = tuple(Fraction(ratio) for ratio in ("3/2", 2, "5/2", 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100))
_CONSTANT_BARS = 10
_FROZEN_BARS = 3


@dataclass(frozen=True)
class BadPrints:
    """Prices at which nobody but one to three bars in a row traded, in order of time.

    Parameters
    ----------
    row : int64 (n,): of the bars. A bar that is wrong on both sides is there twice.
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
    """A split of shares: each old share became `ratio` new ones before the bar of `row`; below 1 it is reverse."""

    row: int
    ratio: Fraction
    found_ratio: float


@dataclass(frozen=True)
class Runs:
    """Runs of bars in a row: the first bar of each, and how many they are. int64 (n,) each."""

    start: np.ndarray
    length: np.ndarray

    def rows(self, *, without_first: bool = False) -> np.ndarray:
        """Number the bars of all runs."""
        skip = int(without_first)
        parts = [np.arange(a + skip, a + n) for a, n in zip(self.start.tolist(), self.length.tolist(), strict=True)]
        return np.concatenate([np.empty(0, np.int64), *parts])


def find_bad_prints(bars: Bars, *, scales: float = PRINT_SCALES) -> BadPrints:
    """Find bad prints: prices far beyond those of the neighbours on both sides, to which the market did not return.

    One to three bars in a row are bad if every one reaches further beyond the three bars before and the three after
    than `scales` times the local scale. The scale is the median true range (Wilder 1978), in logarithms, of the thirty
    bars before and after, but at least half the median of all bars, so that a quiet stretch does not make a tick bad.

    A crash that is undone within three bars looks the same; nobody can tell them apart by prices alone.

    Notes
    -----
    Known at: the close of the third bar after. Source: the neighbourhood filter of Brownlees and Gallo (2006),
    "Financial econometric analysis at ultra-high frequency", section 2.2, with bars for ticks, the neighbours' extremes
    for their trimmed mean, the median range for the trimmed deviation, and the floor for their granularity.
    """
    high, low = np.log(bars.high), np.log(bars.low)
    true_range, floor = _true_range(bars)
    found = []
    for side, reach in ((1, high), (-1, -low)):
        row, bound, scale = _beyond_nb(reach, true_range, floor, scales, _NEIGHBOURS, _LONGEST_PRINT, _SCALE_BARS)
        # The neighbour's own price, not its logarithm and back.
        price = (bars.high if side == 1 else bars.low)[bound]
        found.append((row, np.full(len(row), side), price, price * np.exp(side * scales * scale),
                      (reach[row] - reach[bound]) / scale))  # fmt: skip
    parts = [np.concatenate(column) for column in zip(*found, strict=True)]
    order = np.argsort(parts[0], kind="stable")
    return BadPrints(*(part[order] for part in parts))


def find_jumps(bars: Bars, *, scales: float = JUMP_SCALES) -> np.ndarray:
    """Find the bars whose close lies far from the close of the bar before, in a market that did not pause between.

    Returns
    -------
    int64 (n,): rows. Far is `scales` times the local scale of `find_bad_prints`.
    """
    true_range, floor = _true_range(bars)
    moves = np.abs(np.diff(np.log(bars.close), prepend=np.log(bars.close[0])))
    follows = np.diff(bars.close_time, prepend=bars.close_time[0]) == bars.timeframe.duration
    far = [
        row
        for row in np.flatnonzero(follows & (moves > scales * floor)).tolist()
        if moves[row] > scales * _scale_nb(true_range, floor, row, row + 1, _SCALE_BARS)
    ]
    return np.array(far, np.int64)


def find_splits(bars: Bars) -> tuple[Split, ...]:
    """Find splits of shares that the prices were not adjusted for.

    A price that a simple ratio (3:2, 2:1, 3:1, ... 100:1, or the reverse) divides to within 4.5 %, between the last
    close of a day (UTC) and the next open, is a split, if the prices of the ten days after agree with it better than
    with no split, and if no more than four times the usual value changed hands: a crash is traded heavily, a split is
    not.

    Without volumes that last proof is missing. A crash by a simple ratio on a usual day is taken for a split. After ten
    days without a bar nothing is said.
    """
    day = (bars.open_time + bars.timeframe.duration // 2) // DAY
    first = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    if len(first) < 3:
        return ()
    last = np.append(first[1:], len(bars)) - 1
    closes, opens = np.log(bars.close[last]), np.log(bars.open[first])
    value = np.add.reduceat(bars.close * bars.volume, first)
    step = opens[1:] - closes[:-1]
    # After months that are missing, any ratio may be the market's own.
    joined = bars.open_time[first[1:]] - bars.close_time[last[:-1]] < _SPLIT_DAYS * DAY
    found = []
    for place in (np.flatnonzero((np.abs(step) > 0.3) & joined) + 1).tolist():
        move = float(step[place - 1])
        ratio = min(_all_ratios(), key=lambda ratio: abs(move + np.log(float(ratio))))
        expected = -float(np.log(float(ratio)))
        before = slice(max(0, place - _SPLIT_DAYS), place)
        after = slice(place, place + _SPLIT_DAYS)
        persisted = float(np.median(closes[after]) - np.median(closes[before]))
        usual = float(np.median(value[before]))
        stays = abs(persisted - expected) < abs(persisted)
        calm = usual == 0 or value[place] <= _SPLIT_VALUE * usual
        if abs(move - expected) <= _SPLIT_TOLERANCE and stays and calm:
            found.append(Split(int(first[place]), ratio, float(np.exp(-move))))
    return tuple(found)


def find_zero_volume(bars: Bars) -> Runs:
    """Find the runs of bars in which nothing was traded."""
    return _runs(bars.volume == 0)


def find_constant(bars: Bars) -> Runs:
    """Find the runs of ten bars and more that all stand at one price."""
    return _constant(bars, _CONSTANT_BARS)


def find_filled(bars: Bars) -> Runs:
    """Find the bars that a vendor put where nothing was traded: no volume, and the last close in all four prices.

    None where a vendor gives no volumes at all.
    """
    same = np.logical_and.reduce([getattr(bars, name)[1:] == bars.close[:-1] for name in PRICES])
    filled = np.concatenate([[False], same]) & (bars.volume == 0)
    return _runs(filled & bool((bars.volume > 0).any()))


def find_frozen(bars: Bars) -> Runs:
    """Find the runs of three bars and more that are equal in all five values and have a range: a feed that froze."""
    same = np.logical_and.reduce([getattr(bars, name)[1:] == getattr(bars, name)[:-1] for name in COLUMNS[1:]])
    # Where a vendor gives no volumes, quiet minutes of few ticks are equal by chance.
    runs = _runs(same & (bars.high[1:] > bars.low[1:]) & (bars.volume[1:] > 0))
    long = runs.length >= _FROZEN_BARS - 1
    return Runs(runs.start[long], runs.length[long] + 1)


def grid_phase(bars: Bars) -> int:
    """Return how long after a multiple of their timeframe most bars open, ns."""
    phases, counts = np.unique(bars.open_time % bars.timeframe.duration, return_counts=True)
    return int(phases[np.argmax(counts)])


def find_off_grid(bars: Bars) -> np.ndarray:
    """Number the bars that do not open on the grid of the others; a day may be an hour off when the clocks change."""
    duration = bars.timeframe.duration
    away = (bars.open_time - grid_phase(bars)) % duration
    away = np.minimum(away, duration - away)
    return np.flatnonzero((away != HOUR) & (away != 0) if duration >= DAY else away != 0)


def _constant(bars: Bars, least: int) -> Runs:
    same = (bars.high == bars.low)[1:] & (bars.high == bars.low)[:-1] & (bars.close[1:] == bars.close[:-1])
    runs = _runs(same)
    long = runs.length >= least - 1
    return Runs(runs.start[long], runs.length[long] + 1)


def _all_ratios() -> tuple[Fraction, ...]:
    return (*_SPLIT_RATIOS, *(1 / ratio for ratio in _SPLIT_RATIOS))


def _runs(marked: np.ndarray) -> Runs:
    edge = np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8))
    start = np.flatnonzero(edge == 1)
    return Runs(start, np.flatnonzero(edge == -1) - start)


def _true_range(bars: Bars) -> tuple[np.ndarray, float]:
    """Return the true ranges in logarithms, and the least that counts as a scale."""
    before = np.concatenate([bars.open[:1], bars.close[:-1]])
    true_range = np.log(np.maximum(bars.high, before)) - np.log(np.minimum(bars.low, before))
    moved = true_range[true_range > 0]
    return true_range, 0.5 * float(np.median(moved)) if len(moved) else np.inf


@njit(cache=True, nogil=True)
def _scale_nb(true_range: np.ndarray, floor: float, start: int, stop: int, window: int) -> float:
    """Take the median of `window` values before `start` and as many from `stop` on, at least `floor`."""
    before = true_range[max(0, start - window) : start]
    after = true_range[stop : stop + window]
    if len(before) + len(after) == 0:
        return floor
    return max(floor, np.median(np.concatenate((before, after))))


@njit(cache=True, nogil=True)
def _beyond_nb(
    reach: np.ndarray, true_range: np.ndarray, floor: float, scales: float, side: int, longest: int, window: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find runs that reach beyond their neighbours; return each bar, the neighbour that bounds it and the scale."""
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
