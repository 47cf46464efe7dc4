"""CSV files with or without a header line, separated by comma, semicolon, tab or vertical bar."""

from __future__ import annotations

import codecs
import csv
import re
import warnings
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput
from tradesieve.market.sources.formats.archives import is_utf_16, open_unpacked, read_head
from tradesieve.market.sources.formats.date_and_time import TIME_OF_DAY
from tradesieve.market.sources.formats.layout import Layout, has_decimal_commas
from tradesieve.market.sources.formats.timestamps import TIME_NAMES
from tradesieve.market.sources.formats.written_numbers import parse_written_numbers

_ISO_8601_DATE = r"\d{4}-\d{2}-\d{2}(?:$|[T ]\d{2}:)"
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)*|\.\d+)(?:[eE][+-]?\d+)?"


def read_csv(path: Path, layout: Layout | None = None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a CSV file of any layout.

    The encoding is UTF-8, or UTF-16 with its mark, unless `layout` states another. The separator and whether there is a
    header are recognised from the first line, and the decimal sign from the first rows.

    Parameters
    ----------
    layout : the layout that the user described; it overrides what is recognised.

    Returns
    -------
    The table, its columns named as `layout` says, and notes on what was recognised beyond the separator.

    Raises
    ------
    BadInput : if the file is empty, has another encoding, a line has more fields than the first one, there are no names
        of columns, or the table does not match `layout`.
    """
    layout = layout or Layout()
    notes: list[str] = []
    head, _ = read_head(path)
    encoding = "utf-8-sig" if layout.encoding is None or is_utf_16(path) else layout.encoding
    lines = _decoded_lines(path, head, encoding)
    separator = _separator(path, lines[0], layout)
    cells = next(csv.reader([lines[0]], delimiter=separator))
    header: int | None = 0
    if _is_row(cells):
        if not layout.names:
            proposed = _proposed_names(cells)
            raise BadInput(
                f"{path}: the first line holds values, not the names of columns: name them by position, as in "
                f"--columns {proposed}"
            ).proposing({"columns": proposed})
        header = None
    elif layout.names:
        notes.append("the first line holds names: replaced by those of --columns")
    if layout.decimal is None and has_decimal_commas(lines[1:], separator):
        layout = replace(layout, decimal=",")
        notes.append("numbers have a decimal comma")
    names = layout.names or cells
    as_text = {
        (position if header is None else cells[position]): "str"
        for position in layout.text_columns(names)
        if position < len(cells)
    }
    dtype = "str" if layout.needs_text else as_text
    dates = [] if dtype == "str" or header is None else _iso_8601_columns(cells, lines[1:2], separator, as_text)
    frame = parse_csv(
        path, sep=separator, header=header, dtype=dtype, encoding=encoding, parse_dates=dates, date_format="ISO8601"
    )
    frame = layout.apply(frame.rename(columns=lambda column: str(column).strip()), name=str(path))
    frame, number_notes = parse_written_numbers(
        _infer_numbers(frame) if dtype else frame, decimal=layout.decimal, name=str(path)
    )
    return frame, (*notes, *number_notes)


def parse_csv(path: Path, *, encoding: str = "utf-8-sig", **options: Any) -> pd.DataFrame:
    """Read a CSV file, packed or not, with ``pandas.read_csv(**options)``.

    Raises
    ------
    BadInput : if it is not valid CSV, is not in UTF-8 or the encoding given, or a line has more fields than the first.
    """
    try:
        frame = _read_in_parts(path, encoding, options)
    except BadInput:
        raise
    except UnicodeDecodeError as error:
        raise _wrong_encoding(path, read_head(path)[0], error) from error
    except (csv.Error, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise _not_valid(path, error) from error
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        # pandas takes the first fields for the names of the rows then, and shifts every column.
        raise BadInput(f"{path}: a line has more fields than its header; remove separators at the ends of lines")
    return frame


def _read_in_parts(path: Path, encoding: str, options: dict[str, Any]) -> pd.DataFrame:
    """Read in parts that fit the processor's cache; at once where the types of a column differ between parts."""
    with open_unpacked(path) as stream, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.DtypeWarning)
        try:
            return pd.read_csv(stream, encoding=encoding, **options)
        except pd.errors.DtypeWarning:
            pass
    with open_unpacked(path) as stream:
        return pd.read_csv(stream, encoding=encoding, low_memory=False, **options)


def _decoded_lines(path: Path, head: bytes, encoding: str) -> list[str]:
    """Return the whole lines at the beginning of a file, at least one."""
    try:
        # The head may end within a character.
        lines = codecs.getincrementaldecoder(encoding)().decode(head).splitlines(keepends=True)
    except UnicodeError as error:
        raise _wrong_encoding(path, head, error) from error
    if not lines or not lines[0].strip():
        raise BadInput(f"{path}: the file is empty")
    return [line.strip() for line in lines[: len(lines) if lines[-1].endswith(("\n", "\r")) else -1] or lines]


def _iso_8601_columns(
    names: list[str], first_row: list[str], separator: str, as_text: Collection[str | int]
) -> list[str]:
    """Return the columns of times that pandas may read as it parses, for speed; it leaves those it cannot as text."""
    cells = next(csv.reader(first_row, delimiter=separator), [])
    return [
        name
        for name, cell in zip(names, cells, strict=False)
        if name.strip().lower() in TIME_NAMES and name not in as_text and re.match(_ISO_8601_DATE, cell)
    ]


def _separator(path: Path, first_line: str, layout: Layout) -> str:
    try:
        return layout.separator or csv.Sniffer().sniff(first_line, delimiters=",;\t|").delimiter
    except csv.Error as error:
        raise _not_valid(path, error) from error


def _is_row(cells: list[str]) -> bool:
    """Tell whether the first line is a row: four prices or more are numbers, which no name of a column is."""
    return sum(re.fullmatch(_NUMBER, cell.strip()) is not None for cell in cells) >= 4


def _proposed_names(cells: list[str]) -> str:
    symbol = ["symbol"] if re.fullmatch(r"[A-Za-z]{1,10}", cells[0].strip()) else []
    second = cells[len(symbol) + 1].strip()
    times = ["date", "time"] if re.fullmatch(TIME_OF_DAY, second) else ["time"]
    return ",".join([*symbol, *times, *PRICES, "volume"][: len(cells)])


def _wrong_encoding(path: Path, head: bytes, error: Exception) -> BadInput:
    from charset_normalizer import from_bytes

    likely = [match.encoding for match in from_bytes(head)][:2]
    may_be = f"pass its --encoding, which may be {' or '.join(likely)}"
    advice = may_be if likely else "it is not text in any encoding that is known; pass its --encoding if it is text"
    proposals: list[dict[str, str | None]] = [{"encoding": encoding} for encoding in likely]
    return BadInput(f"{path}: not valid CSV: {error}; {advice}").proposing(*proposals)


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
