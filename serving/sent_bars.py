"""Bars as the client sends and keeps them: plain columns, so that a bot needs neither numpy nor pandas."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from tradesieve.market.errors import BadInput

COLUMNS = ("close_time", "open", "high", "low", "close", "volume")
"""The columns of bars in a request, as `market.bars` names them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Columns = dict[str, list[Any]]
"""Name to values, oldest first; ``close_time`` in int64 ns UTC."""


class BarTable(Protocol):
    """Bars with their columns as attributes: `market.bars.Bars`, or a data frame."""

    @property
    def close_time(self) -> Any: ...
    @property
    def open(self) -> Any: ...
    @property
    def high(self) -> Any: ...
    @property
    def low(self) -> Any: ...
    @property
    def close(self) -> Any: ...
    @property
    def volume(self) -> Any: ...


def columns_of(bars: BarTable | Mapping[str, Any]) -> Columns:
    """Return the columns of bars as lists.

    Parameters
    ----------
    bars : columns by attribute or by name: arrays, series or lists of equal length, oldest bar first. Times are whole
        nanoseconds since 1970 UTC, or datetimes with a zone.

    Raises
    ------
    BadInput : if a column is missing, or a time has no zone.
    """
    found: Columns = {}
    for name in COLUMNS:
        try:
            column = bars[name] if isinstance(bars, Mapping) else getattr(bars, name)
        except (KeyError, AttributeError):
            raise BadInput(f"the bars have no {name}: give {', '.join(COLUMNS)}") from None
        found[name] = column.tolist() if hasattr(column, "tolist") else list(column)
    times = found["close_time"]
    if times and type(times[0]) is not int:
        found["close_time"] = [nanoseconds(time) for time in times]
    return found


def nanoseconds(time: Any) -> int:
    """Return a time in int64 ns UTC.

    Raises
    ------
    BadInput : if it is neither a whole number nor a datetime with a zone.
    """
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise BadInput(f"the time {time} has no zone: give one, such as UTC")
        since = time - _EPOCH
        # The nanoseconds are those of pandas.
        whole = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        return whole * 1000 + getattr(since, "nanoseconds", 0)
    try:
        found = int(time)
    except (TypeError, ValueError):
        found = None
    if found is None or found != time:
        raise BadInput(f"the time {time!r} is neither whole nanoseconds since 1970 UTC nor a datetime with a zone")
    return found


def followed_by(held: Columns, later: Columns) -> Columns:
    """Append to bars those that close after them."""
    first = bisect_right(later["close_time"], held["close_time"][-1]) if held["close_time"] else 0
    return {name: held[name] + later[name][first:] for name in COLUMNS}
