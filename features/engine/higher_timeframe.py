"""Bars of a higher timeframe for the engine, the forming one included.

Closed bars equal those of `market.resampling.resample`. A base bar belongs to the cell of the UTC grid in which it
closes, and a bar of the higher timeframe closes at the end of its cell. The engine hides the forming bar from inputs of
closed bars, and builds it up to each decision for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.kernel_cache import njit
from tradesieve.market.timeframes import Timeframe


@dataclass(frozen=True, eq=False)
class HigherTimeframeBars:
    """Bars of a higher timeframe.

    Parameters
    ----------
    time : int64 ns UTC (n,), close times; the last may lie after the last base bar.
    columns : float64 (n,) each: open, high, low, close, volume. Callers may write to them.
    first : int64 (n,), the first base bar of each.
    """

    time: np.ndarray
    columns: tuple[np.ndarray, ...]
    first: np.ndarray

    def forming(self, bars: Bars, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Build the bar that is forming at each decision, from the base bars known by then.

        Parameters
        ----------
        bars : the base bars.
        stops : int64 (n_decisions,), one past the last bar known at each.

        Returns
        -------
        One past its row, int64 (n_decisions,), 0 where nothing is known; and its values, float64 (n_decisions, 5).
        """
        values = np.full((len(stops), 5), np.nan)
        rows = np.zeros(len(stops), dtype=np.int64)
        known = np.flatnonzero(stops > 0)
        rows[known] = np.searchsorted(self.time, bars.close_time[stops[known] - 1], side="left") + 1
        _form_nb(bars.open, bars.high, bars.low, bars.close, bars.volume, self.first, rows, stops, known, values)
        return rows, values


def higher_timeframe_bars(bars: Bars, timeframe: Timeframe) -> HigherTimeframeBars:
    """Aggregate bars to a multiple of their timeframe, the forming bar included."""
    ends = timeframe.grid_end(bars.close_time)
    first = np.flatnonzero(np.diff(ends, prepend=np.iinfo(np.int64).min))
    columns = tuple(np.empty(len(first)) for _ in range(5))
    _aggregate_nb(bars.open, bars.high, bars.low, bars.close, bars.volume, first, *columns)
    return HigherTimeframeBars(ends[first], columns, first)


@njit(cache=True, nogil=True)
def _aggregate_nb(  # type: ignore[no-untyped-def]
    open_, high, low, close, volume, first, to_open, to_high, to_low, to_close, to_volume
):
    for cell in range(len(first)):
        stop = first[cell + 1] if cell + 1 < len(first) else len(close)
        to_open[cell], to_high[cell], to_low[cell], to_close[cell], to_volume[cell] = _aggregate_cell_nb(
            open_, high, low, close, volume, first[cell], stop
        )


@njit(cache=True, nogil=True)
def _form_nb(open_, high, low, close, volume, first, rows, stops, known, values):  # type: ignore[no-untyped-def]
    for row in known:
        values[row, 0], values[row, 1], values[row, 2], values[row, 3], values[row, 4] = _aggregate_cell_nb(
            open_, high, low, close, volume, first[rows[row] - 1], stops[row]
        )


@njit(cache=True, nogil=True)
def _aggregate_cell_nb(open_, high, low, close, volume, start, stop):  # type: ignore[no-untyped-def]
    highest, lowest, traded = high[start], low[start], 0.0
    for i in range(start, stop):
        highest, lowest = max(highest, high[i]), min(lowest, low[i])
        traded += volume[i]
    return open_[start], highest, lowest, close[stop - 1], traded
