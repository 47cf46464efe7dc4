"""CSV files with a header line, separated by comma, semicolon, tab or bar."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import HEAD, first_lines, opened
from tradesieve.market.sources.formats.layout import Layout, has_decimal_commas


def read_csv(path: Path, layout: Layout | None = None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a CSV file, its separator recognised from the header and its decimal sign from its first rows.

    Parameters
    ----------
    layout : what was said about the file; it overrules what is recognised.

    Returns
    -------
    The table, its columns named as `layout` says, and a sentence for what was recognised beyond the separator.

    Raises
    ------
    BadInput : if the file is empty, is no UTF-8 text, a line has more fields than the header, or the table is not laid
        out as was said.
    """
    layout = layout or Layout()
    notes: tuple[str, ...] = ()
    try:
        with opened(path) as file:
            head = file.read(HEAD)
            header = head.partition(b"\n")[0].decode("utf-8-sig")
            if not header.strip():
                raise BadInput(f"{path}: the file is empty")
            separator = layout.separator or csv.Sniffer().sniff(header, delimiters=",;\t|").delimiter
            if layout.decimal is None and has_decimal_commas(first_lines(head)[1:], separator):
                layout, notes = replace(layout, decimal=","), ("numbers are written with a decimal comma",)
            file.seek(0)
            dtype = "str" if layout.as_text else None
            frame = pd.read_csv(file, sep=separator, encoding="utf-8-sig", low_memory=False, dtype=dtype)
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"{path}: this is no CSV file that can be read: {reason}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        # pandas takes the first field for the name of the row then, and shifts every column.
        raise BadInput(f"{path}: its lines have more fields than its header; is there a separator at their ends?")
    frame = layout.applied(frame.rename(columns=lambda column: str(column).strip()), name=str(path))
    return (_numbers_again(frame) if layout.as_text else frame), notes


def _numbers_again(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn text into numbers where every cell of a column is one, as it is read without being told to keep text."""
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.StringDtype):
            numbers = pd.to_numeric(frame[column], errors="coerce")
            if bool((numbers.notna() | frame[column].isna()).all()):
                frame = frame.assign(**{str(column): numbers})
    return frame
