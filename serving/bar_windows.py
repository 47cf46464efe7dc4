"""Bar windows: the last bars of each symbol and timeframe, appended as they close, as many as decisions need."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tradesieve.market.bars import COLUMNS, Bars, format_time
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.window_store import WindowStore

SLACK = 8
"""Bars kept beyond the lookback, so that a decision of a few bars ago can still be requested."""


@dataclass(frozen=True)
class AppendResult:
    """What became of appended bars, and the window after it: see `serving.schemas.Appended`."""

    added: int
    known: int
    dropped: int
    bars: Bars


class BarWindows:
    """The service's own bars. Thread-safe: a window is an immutable value that is replaced as a whole.

    Parameters
    ----------
    path : of the file that the workers of a service share, see `serving.window_store`; None: in memory alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._windows: dict[tuple[str, str], Bars] = {}
        self._store = None if path is None else WindowStore(path)
        self._lock = threading.RLock()

    def get(self, symbol: str, timeframe: str) -> Bars | None:
        """Return the window, or None when there is none.

        Raises
        ------
        Problem : 503 if the shared file cannot be read.
        """
        key = (symbol, timeframe)
        if self._store is None:
            return self._windows.get(key)
        with self._lock:
            if self._store.changed():
                self._windows.clear()
            held = self._windows.get(key)
            if held is None and (read := self._store.read(symbol, timeframe)) is not None:
                held = self._windows[key] = read
            return held

    def joined(self, bars: Bars, *, replace: bool = False) -> Bars:
        """Return the window as it would be with more bars, not yet cut to its length.

        Raises
        ------
        Problem : as `append`.
        """
        with self._lock:
            return _join(None if replace else self.get(bars.symbol, str(bars.timeframe)), bars)[2]

    def append(self, bars: Bars, *, lookback: int, replace: bool = False) -> AppendResult:
        """Append closed bars.

        Parameters
        ----------
        bars : at least one. They may begin with bars that the window holds, with the same values, so that a request
            can be repeated.
        lookback : how many bars a decision needs; a few more are kept.
        replace : start a new window.

        Raises
        ------
        Problem : 409 if a bar differs from the held one with its close time, or falls between held bars: decisions made
            from the window so far would have been wrong. 503 if the shared file cannot be written.
        """
        key = (bars.symbol, str(bars.timeframe))
        with self._lock:
            with self._store.alone() if self._store else contextlib.nullcontext():
                held = None if replace else self.get(*key)
                new, known, joined = _join(held, bars)
                last = joined[-(lookback + SLACK) :]
                # Copied, since a slice would keep the whole history in memory that a bot may begin with.
                window = last.with_columns({name: getattr(last, name).copy() for name in COLUMNS})
                if self._store and window is not held:
                    self._store.write(window)
            self._windows[key] = window
        added = min(len(new), len(window))
        return AppendResult(added, known, len(bars) - known - added, window)


def _join(held: Bars | None, bars: Bars) -> tuple[Bars, int, Bars]:
    """Return the bars that are new, how many were known, and all."""
    if held is None:
        return bars, 0, bars
    known = _count_known(held, bars)
    new = bars.between(int(held.close_time[-1]))
    return new, known, held.followed_by(new) if len(new) else held


def _count_known(held: Bars, bars: Bars) -> int:
    """Count the bars within the window's span, which have to be the window's own. Older bars cannot be compared."""
    inside = bars.between(int(held.close_time[0]) - 1, int(held.close_time[-1]))
    rows = np.searchsorted(held.close_time, inside.close_time)
    absent = held.close_time[rows] != inside.close_time
    if absent.any():
        time = int(inside.close_time[np.argmax(absent)])
        raise Problem(
            409,
            "conflicting-bars",
            f"the bar that closes at {format_time(time)} came late: the window holds bars before and after it",
            field="bars",
            hint="append bars as they close, or send the whole window with replace true",
        )
    for name in COLUMNS[1:]:
        differ = getattr(held, name)[rows] != getattr(inside, name)
        if differ.any():
            row = int(np.argmax(differ))
            raise Problem(
                409,
                "conflicting-bars",
                f"the bar that closes at {format_time(inside.close_time[row])} has {name} "
                f"{getattr(inside, name)[row]:.17g}, the window holds {getattr(held, name)[rows[row]]:.17g}",
                field=f"bars.{name}",
                hint="a closed bar does not change; to correct it, send the whole window with replace true",
            )
    return len(inside)
