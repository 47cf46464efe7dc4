"""Local times without an offset: the hour that comes twice in autumn, and times that the clocks skip."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, HOUR

REPEATED_HOURS = ("first", "second")
"""Which of the two a time in a repeated hour is, where the order of rows does not tell."""

_ZONES_OF_MARKETS = (
    "America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Europe/Athens", "America/Sao_Paulo",
    "Australia/Sydney",
)  # fmt: skip


def zones_set_back(times: np.ndarray) -> list[str]:
    """Return the time zones of markets in which one of some local times, int64 ns (n,), comes twice."""
    index = pd.DatetimeIndex(times)
    return [
        zone
        for zone in _ZONES_OF_MARKETS
        if index.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna().any()
    ]


def to_utc(times: pd.Series, timezone: str, *, repeated_hour: str | None, name: str) -> pd.Series:
    """Convert local times to UTC.

    1. A time that comes twice, when the clocks are set back, is the first one until the rows go back in time, and the
       second one from there on. In a file of hours the same hour twice in a row goes back too.
    2. A midnight of a file of days is the first instant of its day: the first of two, or the end of a gap.

    Parameters
    ----------
    times : datetime64 (n_rows,) without a zone, oldest or newest first.
    timezone : its IANA name.
    repeated_hour : one of `REPEATED_HOURS`, used where the order of rows does not tell; None: such times are refused.
    name : what errors call the table.

    Returns
    -------
    datetime64 (n_rows,) in UTC.

    Raises
    ------
    BadInput : if a time of day does not exist, or may be either of two; names the row.
    """
    index = pd.DatetimeIndex(times)
    try:
        return pd.Series(index.tz_localize(timezone).tz_convert("UTC"), index=times.index)
    except ValueError:  # a time that comes twice or never
        pass
    first, second = _both_instants(index, timezone)
    local = index.as_unit("ns").asi8
    if bool((index == index.normalize()).all()):
        return pd.Series(first, index=times.index)
    exists = index.tz_localize(timezone, ambiguous=np.ones(len(index), np.bool_), nonexistent="NaT").notna()
    if not exists.all():
        raise _skipped(int(np.argmin(exists)), index, timezone, name)
    is_second = _second_ones(local, second.asi8 - first.asi8, repeated_hour, timezone, name)
    return pd.Series(first.where(~is_second, second), index=times.index)


def _both_instants(index: pd.DatetimeIndex, timezone: str) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    instants = [
        index.tz_localize(timezone, ambiguous=np.full(len(index), is_dst), nonexistent="shift_forward")
        .tz_convert("UTC")
        .as_unit("ns")
        for is_dst in (True, False)
    ]
    return instants[0].where(instants[0] <= instants[1], instants[1]), instants[0].where(
        instants[0] > instants[1], instants[1]
    )


def _second_ones(
    local: np.ndarray, shift: np.ndarray, repeated_hour: str | None, timezone: str, name: str
) -> np.ndarray:
    """Mark the rows that are the second of two; `shift` is how much later that is, in ns, 0 where there is one."""
    steps = np.diff(local)
    backwards = np.count_nonzero(steps < 0) > np.count_nonzero(steps > 0)
    rows = np.flatnonzero(shift)[:: -1 if backwards else 1]
    lengths, counts = np.unique(np.abs(steps[steps != 0]), return_counts=True)
    commonest = int(lengths[np.argmax(counts)]) if len(lengths) else 0
    is_second = np.zeros(len(local), np.bool_)
    # One autumn's rows stand together, and no two autumns are within a day.
    apart = (np.abs(np.diff(rows)) > 1) | (np.abs(np.diff(local[rows])) > DAY)
    for block in np.split(rows, np.flatnonzero(apart) + 1):
        turns = np.diff(local[block])
        goes_back = (turns < 0) | ((turns == 0) & (commonest >= shift[block[0]]))
        if np.count_nonzero(goes_back) == 1:
            is_second[block[int(np.argmax(goes_back)) + 1 :]] = True
        elif repeated_hour is None:
            raise _undecided(int(block[0]), local, timezone, name)
        else:
            is_second[block] = repeated_hour == "second"
    return is_second


def _skipped(row: int, index: pd.DatetimeIndex, timezone: str, name: str) -> BadInput:
    """Make the error of a time that does not exist; clocks that are never changed have it, and so has UTC."""
    day_before = index[row] - pd.Timedelta(DAY)
    instant = day_before.tz_localize(timezone, nonexistent="shift_forward", ambiguous=False).tz_convert("UTC")
    hours = (day_before - instant.tz_localize(None)) / pd.Timedelta(HOUR)
    # The sign of such a zone is that of UTC less its time.
    unchanged = [f"Etc/GMT{-hours:+.0f}"] if hours and hours == round(hours) else []
    zones = [*unchanged, "UTC"]
    return BadInput(
        f"{name}: row {row} has {index[row]}, which does not exist in {timezone}, where the clocks skip it: check the "
        f"zone; pass --timezone {' or --timezone '.join(zones)} if clocks are not changed"
    ).proposing(*({"timezone": zone} for zone in zones))


def _undecided(row: int, local: np.ndarray, timezone: str, name: str) -> BadInput:
    error = BadInput(
        f"{name}: row {row} has {pd.Timestamp(int(local[row]))}, a time that comes twice in {timezone}, where the "
        "clocks are set back, and the order of rows does not tell which it is: pass --repeated-hour first or "
        "--repeated-hour second"
    )
    return error.proposing(*({"repeated_hour": which} for which in REPEATED_HOURS))
