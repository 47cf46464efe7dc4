"""Sights: what the view of a feature shows at each decision, as arrays to cut windows from. For the engine alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tradesieve.features.decisions import Decisions
from tradesieve.features.inputs import PRICES, View
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput

_NONE = np.empty((0, len(PRICES)))


@dataclass(frozen=True, eq=False)
class Sight:
    """What is seen at each of n decisions.

    Parameters
    ----------
    time : int64 ns UTC (n_rows,), close times.
    columns : float64 (n_rows,) each, as many as `PRICES`.
    stops : int64 (n,), one past the last row that is seen.
    known : int64 (n,), how many rows of what it is made from are known: bars of the decision's timeframe, results.
    forming : float64 (n, 5), the row before `stops` as it stands at the decision; (0, 5) where no row is forming.
    """

    time: np.ndarray
    columns: tuple[np.ndarray, ...]
    stops: np.ndarray
    known: np.ndarray
    forming: np.ndarray = field(default_factory=lambda: _NONE)

    def window(self, row: int, *, column: int, n: int) -> np.ndarray:
        """Copy the last `n` values of a column at a decision."""
        stop = self.stops[row]
        values = self.columns[column][stop - n : stop].copy()
        if len(self.forming):
            values[-1] = self.forming[row, column]
        return values


def sight_of_bars(source: View, bars: Bars, times: np.ndarray, stops: np.ndarray, others: Mapping[str, Bars]) -> Sight:
    """See bars: the decision's own or another symbol's, as they are or joined to longer ones.

    Parameters
    ----------
    source : of whole bars.
    times, stops : int64 (n,), of the decisions: when, and one past the last of `bars` known then.
    others : bars of other symbols, by symbol.

    Raises
    ------
    BadInput : if the bars of another symbol are absent, or of another timeframe.
    """
    if source.symbol is not None:
        bars = _of_other(source.symbol, bars, others)
        stops = np.searchsorted(bars.close_time, times, side="right")
    if source.timeframe is None:
        return Sight(bars.close_time, tuple(getattr(bars, name) for name in PRICES), stops, stops)
    from tradesieve.features.engine.higher_timeframe import longer_bars

    longer = longer_bars(bars, source.timeframe)
    if source.so_far:
        rows, forming = longer.forming(bars, stops)
        return Sight(longer.time, longer.columns, rows, stops, forming)
    return Sight(longer.time, longer.columns, np.searchsorted(longer.time, times, side="right"), stops)


def _of_other(symbol: str, bars: Bars, others: Mapping[str, Bars]) -> Bars:
    if symbol == bars.symbol:
        return bars
    if symbol not in others:
        raise BadInput(f"a feature looks at {symbol}, whose bars were not given")
    other = others[symbol]
    if other.timeframe != bars.timeframe:
        raise BadInput(f"bars of {symbol} are of {other.timeframe}, those of {bars.symbol} of {bars.timeframe}")
    return other


def sight_of_results(decisions: Decisions) -> Sight:
    """See the results of a strategy's own closed trades, in every column."""
    results, first, end = decisions.results, decisions.first_result, decisions.end_result
    if results is None or first is None or end is None:
        raise BadInput("a feature looks at the results of closed trades, which were not given")
    return Sight(np.zeros(len(results), np.int64), (results,) * len(PRICES), end, end - first)
