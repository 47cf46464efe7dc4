"""Merging: two parts of one series, on one grid, without overlaps or contradictions."""

from __future__ import annotations

import numpy as np

from tradesieve.market.bars import COLUMNS, VALUES, Bars, format_time, overlaps
from tradesieve.market.errors import BadData
from tradesieve.market.grid import grid_phase, grid_words, off_phase
from tradesieve.market.session_bars import SessionBars, make_bars

_GRID_ADVICE = (
    "check --timezone and --stamp, import them under another --symbol, or use --replace to replace the stored bars"
)


def merge(stored: Bars, new: Bars) -> tuple[Bars, int]:
    """Add new bars to stored ones.

    Returns
    -------
    All of them, and how many were new.

    Raises
    ------
    BadData : if a bar at the same time has other values, or the bars are on two grids or overlap; names both, and what
        to do.
    """
    _check_grid(stored, new)
    known = np.isin(new.close_time, stored.close_time)
    stored_rows = np.searchsorted(stored.close_time, new.close_time[known])
    differs = np.array([getattr(new, name)[known] != getattr(stored, name)[stored_rows] for name in VALUES])
    if differs.any():
        row = int(np.argmax(differs.any(axis=0)))
        name = VALUES[int(np.argmax(differs[:, row]))]
        raise BadData(
            f"{new.symbol} {new.timeframe}: {name} at {format_time(new.close_time[known][row])} is "
            f"{getattr(new, name)[known][row]:g}, but {getattr(stored, name)[stored_rows][row]:g} is stored "
            f"({int(differs.any(axis=0).sum())} such bars); use --replace to replace the stored bars"
        )
    time = np.concatenate([stored.close_time, new.close_time[~known]])
    order = np.argsort(time, kind="stable")
    sessions = _common_sessions(stored, new)
    overlapping = np.flatnonzero(overlaps(time[order], stored.timeframe, short_bars=sessions is not None))
    if len(overlapping):
        earlier, later = time[order[overlapping[0] - 1]], time[order[overlapping[0]]]
        raise BadData(
            f"{new.symbol} {new.timeframe}: the bar that closes at {format_time(later)} opens before the one that "
            f"closes at {format_time(earlier)} has closed ({len(overlapping)} such bars); one of them is stored, the "
            f"other is new: {_GRID_ADVICE}"
        )
    columns = {name: np.concatenate([getattr(stored, name), getattr(new, name)[~known]])[order] for name in COLUMNS}
    allow_negative = stored.allow_negative or new.allow_negative
    merged = make_bars(stored.symbol, stored.timeframe, columns, sessions=sessions, allow_negative=allow_negative)
    return merged, int((~known).sum())


def _common_sessions(stored: Bars, new: Bars) -> str | None:
    """Return the sessions of both; those of one, where the other has none or does not know them; None: neither has."""
    names = [bars.sessions for bars in (stored, new) if isinstance(bars, SessionBars)]
    known = [name for name in names if name]
    if len(set(known)) > 1 and len(new):
        raise BadData(
            f"{new.symbol} {new.timeframe}: the stored bars lie within sessions of {known[0]}, the new ones within "
            f"{known[1]}, and a series has one grid: {_GRID_ADVICE}"
        )
    return known[0] if known else "" if names else None


def _check_grid(stored: Bars, new: Bars) -> None:
    """Refuse bars on another grid. Within sessions of a market, bars close at several phases."""
    if len(stored) == 0 or len(new) == 0 or type(stored) is type(new) is SessionBars:
        return
    timeframe = stored.timeframe
    stored_phase, new_phase = (grid_phase(bars.close_time, timeframe) for bars in (stored, new))
    if off_phase(np.array([new_phase]), timeframe, stored_phase)[0]:
        raise BadData(
            f"{new.symbol}: the stored bars are {grid_words(stored.close_time, timeframe)}, the new ones are "
            f"{grid_words(new.close_time, timeframe)}, and a series has one grid: {_GRID_ADVICE}"
        )
