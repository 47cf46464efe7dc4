"""What the times of a table say about its bars: which end is stamped, which have not closed, how long they last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES, format_time
from tradesieve.market.calendars.trading_days import WEEKDAY_NAMES
from tradesieve.market.errors import BadInput, WrongTimeframe
from tradesieve.market.grid import snap_to_seconds
from tradesieve.market.sources.formats.bar_ends import close_times
from tradesieve.market.sources.formats.calendar_stamps import calendar_notes, check_calendar, weekday
from tradesieve.market.sources.formats.few_rows import longer_timeframe
from tradesieve.market.sources.formats.left_out import NO_ROWS, LeftOut
from tradesieve.market.sources.formats.timestamps import (
    CLOSE_NAMES,
    OPEN_NAMES,
    TIME_NAMES,
    Stamps,
    convert_times,
    to_nanoseconds,
)
from tradesieve.market.timeframes import CALENDAR_MONTH, CALENDAR_WEEK, DAY, HOUR, MINUTE, SECOND, Timeframe

_CLOSED_COLUMNS = ("confirm", "confirmed", "complete", "is_closed", "closed", "is_final", "final")
"""Columns in which a venue marks whether a bar has closed."""
_CLOSED = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_EARLY = (1, 1_000, 1_000_000, SECOND)
"""How long before the full close a close may be stamped: its last nanosecond, microsecond, millisecond or second."""
_FEWEST_STEPS = 5
"""Fewer steps than these do not tell a longer timeframe from gaps."""
_SAMPLE = 1000
"""Rows whose length is looked at: every row of a file lasts as long."""


@dataclass(frozen=True)
class TimedTable:
    """A table whose times are read, without the bars that have not closed.

    Parameters
    ----------
    frame : the table, its time column in int64 ns UTC.
    stamps : how that column is written.
    notes : one sentence for each thing that is worth knowing.
    timezone : the zone of the table's times: the one that was stated, else their own, else UTC.
    left_out : how many rows are not closed, or of the future.
    snapped : how many times were moved to a whole second.
    """

    frame: pd.DataFrame
    stamps: Stamps
    notes: tuple[str, ...] = ()
    timezone: str = "UTC"
    left_out: LeftOut = NO_ROWS
    snapped: int = 0


def read_times(
    frame: pd.DataFrame, *, timeframe: Timeframe, stamps: Stamps, name: str, now: int | None = None
) -> TimedTable:
    """Convert the times of a table, and leave out the bars that have not closed.

    1. Decide which end is stamped: as `stamps` says, else the name of the column. Times that end in 59 seconds, such as
       23:59:59.999, are closes, and are rounded up to the full close. Else it is the open.
    2. Move times that are a millisecond or less off a whole second to that second.
    3. Move a first bar that is stamped when trading began (00:07 for the hour from 00:00) to the grid of the others.
    4. Leave out bars that close after `now`, and those that the table itself marks as not closed.

    Parameters
    ----------
    frame : one row per bar, in any order of time, column names in lower case.
    stamps : how it writes time.
    name : what errors call the table.
    now : int64 ns UTC; None: no bar is left out for its time.

    Returns
    -------
    The table and how its times were read. One without the columns of bars, or without rows, is returned as it is.

    Raises
    ------
    BadInput : if a time cannot be read, or no bar has closed.
    """
    column = _time_column(frame)
    if column is None:
        return TimedTable(frame, stamps)
    time, timezone, notes = convert_times(frame[column], stamps, name=name)
    meaning, time, end_notes = _closes_or_opens(time, column, stamps, timeframe)
    notes += end_notes
    time, n_snapped = snap_to_seconds(time, timeframe)
    if n_snapped:
        notes += (f"{n_snapped:,} times were a millisecond or less off a whole second, and were moved to it",)
    if meaning == "open":
        time, moved = _first_on_grid(time, timeframe)
        notes += moved
    stamped = Stamps(meaning, "ns", stamps.timezone)
    notes += (*calendar_notes(time, stamped, timeframe), *_step_notes(time, timeframe))
    close_time = close_times(time, stamped, timeframe)[0]
    closed, closed_notes = _closed(frame, close_time, now, name)
    left_out = _left_out(close_time[~closed], timeframe, now)
    frame = frame.assign(**{column: time})
    if closed_notes:
        frame = frame[closed].reset_index(drop=True)
    return TimedTable(frame, stamped, (*notes, *closed_notes), timezone, left_out, n_snapped)


def check_timeframe(frame: pd.DataFrame, *, timeframe: Timeframe, stamps: Stamps, name: str) -> None:
    """Hold a timeframe against the times of a table.

    Months last 28 to 31 days, weeks begin on Monday, and a day may last 23 or 25 hours. Bars last too long where the
    table has a column for each end, and they last longer; or where most rows are further apart. Gaps do not count: a
    step says something only if most rows share it, and of few rows only what gaps cannot explain.

    Parameters
    ----------
    frame, stamps : as `read_times` returns them.
    name : what errors call the table.

    Raises
    ------
    WrongTimeframe : if the bars last another time; proposes the timeframe that they have.
    BadInput : if months do not begin on the 1st.
    """
    column = _time_column(frame)
    if column is None:
        return
    time = frame[column].to_numpy()
    _check_steps(frame, time, timeframe, stamps, name)
    check_calendar(time, stamps, timeframe, name=name)


def _check_steps(frame: pd.DataFrame, time: np.ndarray, timeframe: Timeframe, stamps: Stamps, name: str) -> None:
    steps = np.abs(np.diff(time))
    steps = steps[steps > 0]
    length = _length(frame, stamps.timezone)
    shortest, longest = timeframe.shortest - _slack(timeframe), timeframe.duration + _slack(timeframe)
    if length is not None and length > longest:
        raise _wrong(
            f"{name}: bars last {_in_words(length)} by their times of open and close, but the timeframe given is "
            f"{timeframe}",
            length,
            time,
            stamps,
        )
    if len(steps) == 0:
        return
    lengths, counts = np.unique(steps, return_counts=True)
    commonest, is_common = int(lengths[np.argmax(counts)]), len(steps) >= _FEWEST_STEPS
    if is_common and commonest < shortest:
        row = 1 + int(np.argmax(np.abs(np.diff(time)) == commonest))
        raise _wrong(
            f"{name}: row {row} at {format_time(time[row])} is {Timeframe(commonest)} after the row before it, less "
            f"than the timeframe {timeframe}; check the timeframe",
            commonest,
            time,
            stamps,
        )
    if timeframe != CALENDAR_MONTH and _are_months(lengths):
        raise _wrong(f"{name}: rows are a month apart, but the timeframe given is {timeframe}", 31 * DAY, time, stamps)
    # Minutes without trades are absent, which makes many steps longer, but leaves some of one minute.
    matching = counts[(lengths >= shortest) & (lengths <= longest)].sum()
    if is_common and commonest > timeframe.duration and 2 * counts.max() > len(steps) > 10 * matching:
        raise _wrong(
            f"{name}: rows are {_in_words(commonest)} apart, but the timeframe given is {timeframe}",
            commonest,
            time,
            stamps,
        )
    if timeframe.calendar and is_common and lengths.min() > longest:
        raise WrongTimeframe(
            f"{name}: rows are {_in_words(int(lengths.min()))} apart or more, but the timeframe given is {timeframe}",
            None,
        )
    many = len(steps) >= 2 * _FEWEST_STEPS
    common = int(np.gcd.reduce(lengths)) if many else longer_timeframe(steps, timeframe) or 0
    if common > longest:
        raise _wrong(
            f"{name}: rows are {_in_words(common)} apart, but the timeframe given is {timeframe}", common, time, stamps
        )


def _step_notes(time: np.ndarray, timeframe: Timeframe) -> tuple[str, ...]:
    """Report that no row is one bar after another: the bars are sparse, or last longer."""
    longest, apart = timeframe.duration + _slack(timeframe), np.abs(np.diff(time))
    # Sorting takes longer than all else here, and two rows beside each other nearly always settle it.
    if timeframe.calendar or ((apart > 0) & (apart <= longest)).any():
        return ()
    steps = np.diff(np.unique(time))
    if len(steps) == 0 or steps.min() <= longest:
        return ()
    lengths, counts = np.unique(steps, return_counts=True)
    step = _in_words(int(lengths[np.argmax(counts)]))
    return (f"no two rows are {timeframe} apart: the commonest step is {step}; check --timeframe",)


def _time_column(frame: pd.DataFrame) -> str | None:
    """Return the name of the time column; None for a table without bars, which `frames` reports."""
    if frame.empty or frame.columns.duplicated().any() or not set(PRICES) <= set(frame.columns):
        return None
    return next((known for known in TIME_NAMES if known in frame.columns), None)


def _closes_or_opens(
    time: np.ndarray, column: str, stamps: Stamps, timeframe: Timeframe
) -> tuple[str, np.ndarray, tuple[str, ...]]:
    early = 0 if stamps.meaning == "open" or column in OPEN_NAMES else _early_by(time, timeframe)
    if early:
        is_early = (time + early) % min(timeframe.duration, MINUTE) == 0
        last = str(np.datetime64(int(time[np.argmax(is_early)]), "ns"))[11:].rstrip("0")
        note = f"times end like {last}: they are closes, rounded up to the full close"
        return "close", np.where(is_early, time + early, time), (note,)
    if stamps.meaning is not None:
        return stamps.meaning, time, ()
    if column in CLOSE_NAMES:
        return "close", time, ()
    if column in OPEN_NAMES:
        return "open", time, ()
    return "open", time, ("times are read as the open of a bar; pass --stamp close if they are the close",)


def _early_by(time: np.ndarray, timeframe: Timeframe) -> int:
    """Return how long before the full minute, or a shorter bar's full close, most times are; 0 if they are not."""
    grid = min(timeframe.duration, MINUTE)
    early = grid - time % grid
    return next((each for each in _EARLY if 60 * each <= grid and 2 * np.count_nonzero(early == each) > len(time)), 0)


def _first_on_grid(time: np.ndarray, timeframe: Timeframe) -> tuple[np.ndarray, tuple[str, ...]]:
    if len(time) <= _FEWEST_STEPS or timeframe.duration > HOUR:  # days begin at midnights, of 23 and 25 hours
        return time, ()
    first = int(np.argmin(time))
    phases = np.delete(time, first) % timeframe.duration
    late = int((time[first] - phases[0]) % timeframe.duration)
    if late == 0 or (phases != phases[0]).any() or np.delete(time, first).min() - time[first] > timeframe.duration:
        return time, ()
    moved = time.copy()
    moved[first] -= late
    return moved, (
        f"the first bar is stamped {format_time(time[first])}, within its {timeframe}: moved to "
        f"{format_time(moved[first])}",
    )


def _closed(
    frame: pd.DataFrame, close_time: np.ndarray, now: int | None, name: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Mark the rows that have closed, and count the others."""
    closed, notes = np.ones(len(frame), np.bool_), []
    for column in _CLOSED_COLUMNS:
        if column in frame.columns:
            marks = frame[column].astype("str").str.strip().str.lower().map(_CLOSED)
            if marks.notna().all() and not marks.all():
                notes.append(f"left out {_bars(int((~marks.astype('bool')).sum()))}: not closed by column {column}")
                closed &= marks.to_numpy(np.bool_)
    if now is not None and (close_time[closed] > now).any():
        late = closed & (close_time > now)
        notes.append(
            f"left out {_bars(int(late.sum()))} not closed at {format_time(now)}: the first closes at "
            f"{format_time(close_time[late].min())}"
        )
        closed &= ~late
    if not closed.any():
        raise BadInput(f"{name}: no bar has closed; {'; '.join(notes)}; check the time unit and the time zone")
    return closed, tuple(notes)


def _left_out(close_time: np.ndarray, timeframe: Timeframe, now: int | None) -> LeftOut:
    """Count bars that have not closed, those apart that have not even opened."""
    future = 0 if now is None else int((close_time - timeframe.duration >= now).sum())
    return LeftOut(not_closed=len(close_time) - future, future=future)


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count:,} bars"


def _length(frame: pd.DataFrame, timezone: str | None) -> int | None:
    """Return the commonest time from open to close, in ns; None where a table has no column for each."""
    opened = next((known for known in OPEN_NAMES if known in frame.columns), None)
    closed = next((known for known in CLOSE_NAMES if known in frame.columns), None)
    if opened is None or closed is None:
        return None
    try:
        ends = [
            to_nanoseconds(frame[column].head(_SAMPLE), Stamps(timezone=timezone), name="")
            for column in (opened, closed)
        ]
    except BadInput:
        return None  # the column that is not the stamp may be empty, or in two units
    lengths, counts = np.unique(ends[1] - ends[0], return_counts=True)
    length = int(lengths[np.argmax(counts)])
    return next((length + early for early in (0, *_EARLY) if (length + early) % MINUTE == 0), length)


def _slack(timeframe: Timeframe) -> int:
    """Return how much shorter or longer a bar may last: a local day lasts 23 or 25 hours when the clocks change."""
    return HOUR if timeframe.duration >= DAY else 0


def _in_words(length: int) -> str:
    return "a month" if _is_month(length) else str(Timeframe(length))


def _is_month(length: int) -> bool:
    return length in (28 * DAY, 29 * DAY, 30 * DAY, 31 * DAY)


def _are_months(lengths: np.ndarray) -> bool:
    """Tell whether rows are 28 to 31 days apart, not always the same; the clocks may change in between."""
    days = (lengths + HOUR) // DAY
    return len(np.unique(days)) > 1 and bool(((days >= 28) & (days <= 31)).all())


def _wrong(found: str, length: int, time: np.ndarray, stamps: Stamps) -> WrongTimeframe:
    if _is_month(length):
        return WrongTimeframe(found, str(CALENDAR_MONTH))
    if length == CALENDAR_WEEK.duration and weekday(time, stamps.timezone) == WEEKDAY_NAMES[0]:
        return WrongTimeframe(found, str(CALENDAR_WEEK))
    # A length that nobody trades comes from times in another unit.
    return WrongTimeframe(found, str(Timeframe(length)) if length % SECOND == 0 else None)
