"""Responses of exchanges' interfaces, saved as JSON: one response, one a line, or several in a list.

`first_response` parses the beginning of a file, for a vendor to recognise; `read_responses` parses all of it. The
tables of several responses are joined by `join_tables`: they may overlap, and may come newest bar first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic_core import from_json

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import read_text
from tradesieve.market.sources.vendors.base import candles_frame, ensure_sorted

_SPACES = re.compile(r"\s*")


def first_response(head: bytes) -> Any:
    """Return the first response at the beginning of a file; one that is cut off is returned as far as it goes.

    None where it is not JSON, or holds nothing.
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] not in (b"[", b"{"):
        return None
    try:
        responses = _split(from_json(text, allow_partial=True))
    except ValueError:
        return None
    return next((response for response in responses if response), None)


def read_responses(path: Path) -> list[Any]:
    """Return every response of a file.

    Raises
    ------
    BadInput : if it is not valid JSON.
    """
    text, responses = read_text(path), list[Any]()
    place = _after_spaces(text, 0)
    try:
        while place < len(text):
            if text[place] not in "[{":
                raise json.JSONDecodeError("Expected a list or an object", text, place)
            value, place = json.JSONDecoder().raw_decode(text, place)
            responses += _split(value)
            place = _after_spaces(text, place)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not valid JSON: {str(error).splitlines()[0]}") from error
    if not responses:
        raise BadInput(f"{path}: not valid JSON: the file is empty")
    return responses


def list_in(response: Any, *keys: str) -> list[Any] | None:
    """Return the list under nested keys of a response; None if there is none."""
    for key in keys:
        response = response.get(key) if isinstance(response, dict) else None
    return response if isinstance(response, list) else None


def is_row(row: Any, lengths: Sequence[int], least_time: float, largest_time: float = float("inf")) -> bool:
    """Tell whether a row is a list of numbers, or of numbers as text, whose first is a time within a range."""
    if not isinstance(row, list) or len(row) not in lengths:
        return False
    try:
        numbers = [float(cell) for cell in row]
    except (ValueError, TypeError):
        return False
    return least_time <= numbers[0] <= largest_time


def rows_table(path: Path, rows: Sequence[Any], columns: Sequence[str]) -> pd.DataFrame:
    """Make a table of rows that are lists, with numbers as text converted; empty without rows.

    Raises
    ------
    BadInput : as `candles_frame`.
    """
    return _with_numbers(candles_frame(path, rows, columns)) if rows else pd.DataFrame(columns=list(columns))


def records_table(path: Path, rows: Sequence[Any], columns: Mapping[str, str]) -> pd.DataFrame:
    """Make a table of rows that are objects, with numbers as text converted; other values are dropped.

    Parameters
    ----------
    columns : {name in the row: name of the column}.

    Raises
    ------
    BadInput : if a row is no object, or lacks a name.
    """
    for number, row in enumerate(rows):
        missing = [name for name in columns if not isinstance(row, dict) or name not in row]
        if missing:
            raise BadInput(f"{path}: candle {number} is {str(row)[:60]}; it has no {', '.join(missing)}")
    values = [[row[name] for name in columns] for row in rows]
    return _with_numbers(pd.DataFrame(values, columns=list(columns.values())))


def join_tables(path: Path, tables: Sequence[pd.DataFrame], time: str) -> tuple[pd.DataFrame, list[str]]:
    """Join the tables of several responses, oldest bar first; also return notes on what was changed.

    Raises
    ------
    BadInput : if no table has a row.
    """
    filled, notes = [table for table in tables if len(table)], list[str]()
    if not filled:
        raise BadInput(f"{path}: holds no candles")
    table = pd.concat(filled, ignore_index=True)
    if len(filled) > 1:
        repeated = table.duplicated()
        table = table[~repeated].reset_index(drop=True)
        notes.append(f"joined {len(filled)} responses; {int(repeated.sum())} rows repeated those of another")
    return ensure_sorted(table, time, notes), notes


def _after_spaces(text: str, place: int) -> int:
    return _SPACES.match(text, place).end()  # type: ignore[union-attr]  # it matches everywhere


def _split(value: Any) -> list[Any]:
    """Split a list of responses; what is one response itself is returned as the only one."""
    first = next((each for each in value if each), None) if isinstance(value, list) else None
    if isinstance(first, dict):
        is_response = any(isinstance(cell, list | dict) for cell in first.values())
    else:
        is_response = isinstance(first, list) and isinstance(first[0], list | dict)
    return value if is_response else [value]


def _with_numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{str(name): _to_numbers(table[name]) for name in table.columns})


def _to_numbers(column: pd.Series) -> pd.Series:
    """Convert numbers that are written as text, exactly; a column of other text stays as it is."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    cells = column.to_numpy(dtype=object)
    # A whole number stays whole: a float cannot hold today's nanoseconds.
    kinds = ("int64", "float64") if all(isinstance(cell, str) for cell in cells) else ("float64",)
    for kind in kinds:
        try:
            return pd.Series(cells.astype(kind), index=column.index, name=column.name)
        except (ValueError, TypeError, OverflowError):
            continue
    return column
