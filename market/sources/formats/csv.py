"""CSV files with a header line, separated by comma, semicolon, tab or vertical bar."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import first_lines, open_unpacked, read_head
from tradesieve.market.sources.formats.layout import Layout, has_decimal_commas


def read_csv(path: Path, layout: Layout | None = None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a CSV file of any layout.

    The separator is recognised from the header and the decimal sign from the first rows.

    Parameters
    ----------
    layout : the layout that the user described; it overrides what is recognised.

    Returns
    -------
    The table, its columns named as `layout` says, and a note on what was recognised beyond the separator.

    Raises
    ------
    BadInput : if the file is empty, is not UTF-8 text, a line has more fields than the header, or the table does not
        match `layout`.
    """
    layout = layout or Layout()
    notes: tuple[str, ...] = ()
    head, _ = read_head(path)
    separator = _separator(path, head, layout)
    if layout.decimal is None and has_decimal_commas(first_lines(head)[1:], separator):
        layout, notes = replace(layout, decimal=","), ("numbers have a decimal comma",)
    frame = parse_csv(path, sep=separator, dtype="str" if layout.needs_text else None)
    frame = layout.apply(frame.rename(columns=lambda column: str(column).strip()), name=str(path))
    return (_infer_numbers(frame) if layout.needs_text else frame), notes


def parse_csv(path: Path, **options: Any) -> pd.DataFrame:
    """Read a CSV file, packed or not, with ``pandas.read_csv(**options)``.

    Raises
    ------
    BadInput : if it is not valid CSV in UTF-8, or a line has more fields than the header.
    """
    try:
        with open_unpacked(path) as stream:
            frame = pd.read_csv(stream, encoding="utf-8-sig", low_memory=False, **options)
    except BadInput:
        raise
    except (csv.Error, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise _not_valid(path, error) from error
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        # pandas takes the first fields for the names of the rows then, and shifts every column.
        raise BadInput(f"{path}: a line has more fields than its header; remove separators at the ends of lines")
    return frame


def _separator(path: Path, head: bytes, layout: Layout) -> str:
    try:
        header = head.partition(b"\n")[0].decode("utf-8-sig")
        if not header.strip():
            raise BadInput(f"{path}: the file is empty")
        return layout.separator or csv.Sniffer().sniff(header, delimiters=",;\t|").delimiter
    except (csv.Error, UnicodeDecodeError) as error:
        raise _not_valid(path, error) from error


def _not_valid(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path}: not valid CSV: {str(error).strip().splitlines()[0]}")


def _infer_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn text into numbers where every cell of a column is one, as pandas does when it infers types."""
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.StringDtype):
            numbers = pd.to_numeric(frame[column], errors="coerce")
            if bool((numbers.notna() | frame[column].isna()).all()):
                frame = frame.assign(**{str(column): numbers})
    return frame
