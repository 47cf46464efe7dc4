"""History: the rows of a feature's input that are known at each decision, as arrays to cut windows from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.mirror import mirrored_columns
from tradesieve.features.inputs import BAR_COLUMNS, FeatureInput
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput

_NOT_FORMING = np.empty((0, len(BAR_COLUMNS)))


@dataclass(frozen=True, eq=False)
class History:
    """What is known of an input at each of n decisions.

    Parameters
    ----------
    time : int64 ns UTC (n_rows,), close times.
    columns : float64 (n_rows,) each, one for each of `BAR_COLUMNS`.
    stops : int64 (n,), one past the last row that is known.
    known : int64 (n,), how many base rows are known: bars of the decision's timeframe, or results.
    forming : float64 (n, 5), the row before `stops` as it stands at the decision; (0, 5) where no row is forming.
    """

    time: np.ndarray
    columns: tuple[np.ndarray, ...]
    stops: np.ndarray
    known: np.ndarray
    forming: np.ndarray = field(default_factory=lambda: _NOT_FORMING)

    def window(self, row: int, *, column: int, n: int) -> np.ndarray:
        """Copy the last `n` values of a column at a decision."""
        stop = self.stops[row]
        values = self.columns[column][stop - n : stop].copy()
        if len(self.forming):
            values[-1] = self.forming[row, column]
        return values

    def at(self, rows: slice) -> History:
        """Return what is known at some of the decisions."""
        return replace(self, stops=self.stops[rows], known=self.known[rows], forming=self.forming[rows])

    def mirrored(self) -> History:
        """Return the history of bars in the mirrored market; see `features.engine.mirror`."""
        forming = np.stack(mirrored_columns(tuple(self.forming.T)), axis=1) if len(self.forming) else self.forming
        return replace(self, columns=mirrored_columns(self.columns), forming=forming)


def history_of_bars(
    source: FeatureInput, bars: Bars, times: np.ndarray, stops: np.ndarray, others: Mapping[str, Bars]
) -> History:
    """Return the history of bars, of the decision's own symbol or another, at its timeframe or a higher one.

    Parameters
    ----------
    source : of whole bars.
    times, stops : int64 (n,), of the decisions: when, and one past the last of `bars` known then.
    others : bars of other symbols, by symbol.

    Raises
    ------
    BadInput : if the bars of another symbol are missing, or have another timeframe.
    """
    known = stops
    if source.symbol is not None:
        read = _bars_of(source.symbol, bars, others)
        stops = np.searchsorted(read.close_time, times, side="right")
        known = np.where(closes_beside(bars, read, times), stops, 0) if source.beside else stops
        bars = read
    if source.timeframe is None:
        return History(bars.close_time, tuple(getattr(bars, name) for name in BAR_COLUMNS), stops, known)
    # Imported here, since numba is slow to load.
    from tradesieve.features.engine.higher_timeframe import higher_timeframe_bars

    higher = higher_timeframe_bars(bars, source.timeframe)
    if source.so_far:
        rows, forming = higher.forming(bars, stops)
        return History(higher.time, higher.columns, rows, known, forming)
    return History(higher.time, higher.columns, np.searchsorted(higher.time, times, side="right"), known)


def closes_beside(bars: Bars, read: Bars, times: np.ndarray) -> np.ndarray:
    """Tell at which decisions on `bars` a bar of `read` closes that is of another symbol: bool (n,)."""
    if read.symbol == bars.symbol or len(read) == 0:
        return np.zeros(len(times), dtype=bool)
    last = np.searchsorted(read.close_time, times, side="right") - 1
    return (last >= 0) & (read.close_time[last] == times)


def _bars_of(symbol: str, bars: Bars, others: Mapping[str, Bars]) -> Bars:
    if symbol == bars.symbol:
        return bars
    if symbol not in others:
        raise BadInput(f"a feature reads {symbol}, whose bars are missing")
    other = others[symbol]
    if other.timeframe != bars.timeframe:
        raise BadInput(f"bars of {symbol} are of {other.timeframe}, those of {bars.symbol} of {bars.timeframe}")
    return other


def history_of_results(decisions: Decisions) -> History:
    """Return the history of an instance's own closed trades: their net returns, in every column.

    Raises
    ------
    BadInput : if the decisions hold no results.
    """
    results, first, end = decisions.results, decisions.first_result, decisions.end_result
    if results is None or first is None or end is None:
        raise BadInput("a feature reads the results of closed trades, which are missing")
    return History(np.zeros(len(results), np.int64), (results,) * len(BAR_COLUMNS), end, end - first)
