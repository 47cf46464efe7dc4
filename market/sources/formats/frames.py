"""Frames: from a table whose times are read to checked bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES, VALUES, Bars, format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.session_bars import make_bars
from tradesieve.market.sources.formats.bad_rows import NumberedRows, leave_out_rows, oldest_first, settle_broken
from tradesieve.market.sources.formats.bar_ends import close_times
from tradesieve.market.sources.formats.column_names import likely_volumes, proposed_columns
from tradesieve.market.sources.formats.timestamps import TIME_NAMES, Stamps, to_nanoseconds
from tradesieve.market.sources.formats.written_numbers import COMMA_NUMBER, is_missing
from tradesieve.market.timeframes import DAY, HOUR, Timeframe

_LIKELY = 2
"""So many columns that may hold the volume are proposed."""


def bars_from_frame(
    frame: pd.DataFrame,
    *,
    symbol: str,
    timeframe: Timeframe,
    stamps: Stamps,
    name: str,
    price_scale: float = 1.0,
    bad_rows: str = "refuse",
    allow_negative: bool = False,
) -> tuple[Bars, NumberedRows]:
    """Turn a table into bars, and report which rows were reversed, changed or left out.

    1. Find the columns, and convert times and numbers (`columns_from_frame`).
    2. Refuse rows with a cell that is not a number, or leave them out.
    3. Reverse a table whose newest row comes first; leave out repeated rows and rows without a price.
    4. Refuse rows that are closer to each other than the timeframe.
    5. Refuse rows that break a law of bars, or leave them out.

    Parameters
    ----------
    frame : one row per bar, with a time column (the first of `TIME_NAMES` that is there, or the index), open, high,
        low, close and volume; case does not matter. Other columns are ignored. A volume that is
        not there is 0, which is noted.
    symbol, timeframe : what the table holds.
    stamps : how it writes time.
    name : what errors call the table.
    price_scale : every price is divided by it.
    bad_rows : ``refuse`` or ``drop`` rows that break a law of bars, or have a cell that is not a number.
    allow_negative : whether prices may be at or below zero; bars that have such a price say so.

    Returns
    -------
    The bars, and the rows that they were made of, with notes and what was left out.

    Raises
    ------
    BadInput : if columns are missing or hold no numbers, if the table is empty, or if its times cannot be read or are
        closer to each other than `timeframe`.
    BadData : if a bar breaks a law and is not to be left out; names the first five.
    """
    frame = lower_case_columns(frame, name)
    is_text = np.zeros(len(frame), np.bool_)
    if bad_rows == "drop":
        frame, is_text = _without_text(frame)
    columns, sessions = columns_from_frame(
        frame, timeframe=timeframe, stamps=stamps, name=name, price_scale=price_scale
    )
    rows = oldest_first(columns)
    rows = rows.without(is_text[rows.numbers], "with a cell that is not a number", counted_as="bad_rows")
    rows = leave_out_rows(rows, name=name)
    _check_steps(rows, timeframe, name)
    rows = settle_broken(rows, symbol=f"{name}: {symbol}", bad_rows=bad_rows, allow_negative=allow_negative)
    rows = replace(rows, notes=(*_volume_notes(frame, rows.columns["volume"]), *rows.notes))
    has_negative = bool((rows.columns["low"] <= 0).any())
    return make_bars(symbol, timeframe, rows.columns, sessions=sessions, allow_negative=has_negative), rows


def columns_from_frame(
    frame: pd.DataFrame, *, timeframe: Timeframe, stamps: Stamps, name: str, price_scale: float = 1.0
) -> tuple[dict[str, np.ndarray], str | None]:
    """Turn a table into the columns of bars, whether they keep the laws of bars or not.

    Parameters
    ----------
    As `bars_from_frame`.

    Returns
    -------
    close_time (int64 ns UTC), open, high, low, close and volume (float64, NaN where a value is missing), in the order
    of the table; and the name of the sessions within which the bars lie, see `bar_ends.close_times`.

    Raises
    ------
    BadInput : if columns are missing or hold no numbers, if the table is empty, or if its times cannot be read.
    """
    frame = lower_case_columns(frame, name)
    close_time, sessions = _closes(frame, timeframe, stamps, name)
    if "volume" not in frame.columns:
        frame = frame.assign(volume=0.0)
    values = {column: _numbers(frame[column], close_time, name) for column in VALUES}
    if price_scale != 1.0:
        values |= {column: values[column] / price_scale for column in PRICES}
    return {"close_time": close_time, **values}, sessions


def _closes(frame: pd.DataFrame, timeframe: Timeframe, stamps: Stamps, name: str) -> tuple[np.ndarray, str | None]:
    """Return the closes of the rows and the name of their sessions, as `bar_ends.close_times`."""
    time_column = _time_column(frame, name)
    if frame.empty:
        raise BadInput(f"{name}: the table is empty")
    meaning = stamps.meaning or ("close" if time_column == "close_time" else "open")
    stamps = Stamps(meaning, stamps.unit, stamps.timezone)
    return close_times(to_nanoseconds(frame[time_column], stamps, name=name), stamps, timeframe)


def lower_case_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Write column names in lower case, with an index of times as a column."""
    if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name:
        index_name = str(frame.index.name or "time")
        frame = frame.reset_index(names=index_name) if index_name not in frame.columns else frame
    frame = frame.rename(columns=lambda column: str(column).strip().lower())
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise BadInput(f"{name}: there are two columns {repeated[0]!r} (case does not count); remove one")
    return frame


def _time_column(frame: pd.DataFrame, name: str) -> str:
    """Return the name of the time column, after checking that every column of bars is there."""
    time_column = next((known for known in TIME_NAMES if known in frame.columns), None)
    missing = [column for column in VALUES if column not in frame.columns]
    if time_column is None:
        missing.insert(0, "time")
    if missing == ["volume"]:
        likely = likely_volumes(list(map(str, frame.columns)))
        if not likely:
            return str(time_column)
        named = " or ".join(f"volume='{column}'" for column in likely)
        raise BadInput(
            f"{name}: no column volume, but {', '.join(map(repr, likely))}: pass --columns {named}, or volume= for none"
        ).proposing(*({"columns": f"volume={column}"} for column in (*likely[:_LIKELY], "")))
    if time_column is None or missing:
        raise BadInput(
            f"{name}: no column {', '.join(missing)}; found {', '.join(map(str, frame.columns)) or 'none'}. "
            f"Expected a time column ({', '.join(TIME_NAMES)}), open, high, low, close and volume"
        ).proposing(*proposed_columns(missing, list(map(str, frame.columns))))
    return time_column


def _volume_notes(frame: pd.DataFrame, volume: np.ndarray) -> tuple[str, ...]:
    if (volume > 0).any():
        return ()
    has_column = any(str(column).strip().lower() == "volume" for column in frame.columns)
    found = "no row has a volume" if has_column else "no column volume: stored as 0"
    return (f"{found}, so factors of volume are refused",)


def _without_text(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Empty the cells of bars that are no numbers; also mark their rows."""
    texts = {name: _text_cells(frame[name]) for name in VALUES if name in frame.columns}
    marked = {name: cells for name, cells in texts.items() if cells.any()}
    frame = frame.assign(**{name: frame[name].mask(cells) for name, cells in marked.items()})
    return frame, np.logical_or.reduce([np.zeros(len(frame), np.bool_), *marked.values()])


def _text_cells(column: pd.Series) -> np.ndarray:
    """Mark the cells that are neither numbers nor missing."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return np.zeros(len(column), np.bool_)
    is_text = pd.to_numeric(column, errors="coerce").isna() & column.notna()
    return (is_text & ~is_missing(column.astype("str"))).to_numpy(np.bool_)


def _numbers(column: pd.Series, close_time: np.ndarray, name: str) -> np.ndarray:
    is_text = _text_cells(column)
    if is_text.any():
        raise _not_a_number(column, is_text, close_time, name)
    numbers = column if pd.api.types.is_numeric_dtype(column) else pd.to_numeric(column, errors="coerce")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _not_a_number(column: pd.Series, is_text: np.ndarray, close_time: np.ndarray, name: str) -> BadInput:
    """Make the error of cells that are no numbers: they may have a decimal comma, or be few enough to be left out."""
    row = int(np.argmax(is_text))
    place = f"row {row} at {format_time(close_time[row])}"
    found = f"{name}: {place} has {column.iloc[row]!r} in column {column.name}, which is not a number"
    if column[is_text].astype("str").str.fullmatch(COMMA_NUMBER).all():
        return BadInput(f"{found}; pass --decimal , if its comma is a decimal sign").proposing({"decimal": ","})
    if 2 * np.count_nonzero(is_text) < len(column):
        return BadInput(found).proposing({"bad_rows": "drop"})
    return BadInput(found)


def _check_steps(rows: NumberedRows, timeframe: Timeframe, name: str) -> None:
    time = rows.columns["close_time"]
    steps = np.diff(time)
    # A day that begins at local midnight lasts 23 or 25 hours when the clocks change.
    slack = HOUR if timeframe.duration >= DAY else 0
    # `settle_broken` reports a step of zero or back, with its row.
    too_short = (steps > 0) & (steps < timeframe.shortest - slack)
    if too_short.any():
        shortest = int(steps[too_short].min())
        row = int(np.argmax(steps == shortest)) + 1
        raise BadInput(
            f"{name}: row {rows.numbers[row]} at {format_time(time[row])} is {Timeframe(shortest)} after the "
            f"row before it, less than the timeframe {timeframe}; check the timeframe"
        )
