"""What a store already holds of a market, held against what its exchange answers now."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import VALUES, Bars, format_time

_SHOWN = 5


class StoredCandles:
    """The stored bars of a market: finds the gaps between them, and the bars that the exchange has corrected since.

    Parameters
    ----------
    bars : as the exchange gave them, before any repair; None: nothing is stored.
    """

    def __init__(self, bars: Bars | None) -> None:
        self._bars = bars
        self._open_time = np.zeros(0, np.int64) if bars is None else bars.open_time
        self._corrections: dict[int, str] = {}

    def gaps(self, start: int, stop: int, *, page: int) -> list[tuple[int, int]]:
        """Return the spans of open times between stored bars that lack bars.

        Parameters
        ----------
        start, stop : int64 ns UTC, the spans lie from `start` on and before `stop`.
        page : ns that one request covers: gaps that fit into one are requested together, with the bars between them.
        """
        if self._bars is None:
            return []
        missing = np.flatnonzero(self._open_time[1:] > self._bars.close_time[:-1])
        spans: list[tuple[int, int]] = []
        for row in missing:
            first, last = max(start, int(self._bars.close_time[row])), min(stop, int(self._open_time[row + 1]))
            if first >= last:
                continue
            if spans and last - spans[-1][0] <= page:
                spans[-1] = (spans[-1][0], last)
            else:
                spans.append((first, last))
        return spans

    def new(self, open_time: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Tell which candles are not stored, and note those whose stored values differ.

        Parameters
        ----------
        open_time : int64 ns UTC (n,).
        values : float64 (n, 5), in the order of `market.bars.VALUES`.

        Returns
        -------
        bool (n,).
        """
        if self._bars is None:
            return np.ones(len(open_time), np.bool_)
        row = np.minimum(np.searchsorted(self._open_time, open_time), len(self._open_time) - 1)
        found = self._open_time[row] == open_time
        stored = np.column_stack([getattr(self._bars, name)[row] for name in VALUES])
        for at in np.flatnonzero(found & (stored != values).any(axis=1)):
            changes = [
                f"{name} {old:.10g} -> {given:.10g}"
                for name, old, given in zip(VALUES, stored[at], values[at], strict=True)
                if old != given
            ]
            self._corrections[int(self._bars.close_time[row[at]])] = ", ".join(changes)
        return ~found

    def describe_corrections(self, exchange: str) -> tuple[str, ...]:
        """Return a sentence about the stored bars that the exchange gives other values for now, or none."""
        if self._bars is None or not self._corrections:
            return ()
        times = sorted(self._corrections)
        shown = "; ".join(f"{format_time(time)} {self._corrections[time]}" for time in times[:_SHOWN])
        count = f"{len(times):,} stored bar{'s' if len(times) > 1 else ''}"
        first = self._bars.open_time[np.searchsorted(self._bars.close_time, times[0])]
        stretch = f"--from {format_time(first)} --to {format_time(times[-1])}"
        return (
            f"{exchange} gives other values for {count} now: {shown}{'; ...' if len(times) > _SHOWN else ''}. The "
            "stored ones stay; to replace them, remove them with `tradesieve data remove --symbol "
            f"{self._bars.symbol} --timeframe {self._bars.timeframe} {stretch}`, and fetch with --from",
        )
