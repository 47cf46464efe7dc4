"""How a plain table is laid out, where the person who imports it says so: its columns, its numbers and its times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.sources.formats.frames import TIME_NAMES

OURS = ("time", "close_time", *PRICES, "volume", "symbol")
"""What a column can be for us."""
_ABSENT = ("volume", "symbol")
_SEPARATORS = {",": ",", ";": ";", "\t": "\t", "|": "|", "tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
# Groups of thousands are parted by the other sign, or by spaces.
_COMMA_NUMBER = r"[+-]?(?:\d+|\d{1,3}(?:[. \u00a0\u202f]\d{3})+)(?:,\d*)?(?:[eE][+-]?\d+)?"


@dataclass(frozen=True)
class Layout:
    """How a plain table is laid out. What is None is recognised.

    Parameters
    ----------
    columns : our name for a column (`OURS`): the table's own name. ``time`` may be two columns joined by ``+``, a date
        and a time of day. A ``volume`` or ``symbol`` without a name is one that the table does not have.
    separator : what stands between the fields of a CSV: a comma, a semicolon, a tab or a bar.
    decimal : the sign before the fraction of a number in a CSV, ``.`` or ``,``.
    time_format : how times are written, as ``strptime`` understands it, such as ``%d.%m.%Y %H:%M``.

    Raises
    ------
    Unknown : if `columns` names what no bar has.
    BadInput : if a separator or a decimal sign is none, or both are the same.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    decimal: str | None = None
    time_format: str | None = None

    def __post_init__(self) -> None:
        for ours, theirs in self.columns.items():
            if ours not in OURS:
                raise Unknown("column", ours, OURS)
            if not theirs and ours not in _ABSENT:
                raise BadInput(f"columns say {ours}= without a name: only volume and symbol may be absent")
        if {"time", "close_time"} <= set(self.columns):
            raise BadInput("columns name both time and close_time: a bar has one stamp")
        if self.separator is not None:
            if self.separator not in _SEPARATORS:
                raise BadInput(f"fields are parted by ',', ';', '|' or tab, not by {self.separator!r}")
            object.__setattr__(self, "separator", _SEPARATORS[self.separator])
        if self.decimal not in (None, ".", ","):
            raise BadInput(f"the decimal sign is '.' or ',', not {self.decimal!r}")

    @property
    def is_said(self) -> bool:
        """Whether the table was described, so that no vendor's layout is looked for."""
        return bool(set(self.columns) - {"symbol"} or self.separator or self.decimal or self.time_format)

    @property
    def as_text(self) -> bool:
        """Whether cells have to be read as they are written."""
        return self.time_format is not None or self.decimal == ","

    def find(self, ours: str, found: Iterable[str], *, name: str) -> str | None:
        """Find the table's own name of a column that was named; None when it was not named.

        Raises
        ------
        BadInput : if the table has no such column; names those it has.
        """
        theirs = self.columns.get(ours)
        if not theirs:
            return None
        columns = [str(column) for column in found]
        near = [column for column in columns if column.strip().lower() == theirs.strip().lower()]
        if theirs not in columns and not near:
            raise BadInput(f"{name}: there is no column {theirs!r} for {ours}; found {', '.join(columns) or 'none'}")
        return theirs if theirs in columns else near[0]

    def applied(self, frame: pd.DataFrame, *, name: str) -> pd.DataFrame:
        """Give the columns of a table our names, and turn its text into times and numbers.

        Parameters
        ----------
        frame : as it was read; cells are text where `as_text` says so.
        name : what errors call the table.

        Raises
        ------
        BadInput : if a column that was named is not there, or a cell is no time or no number; names the row.
        """
        frame = self._named(frame, name)
        written = {str(column).strip().lower(): column for column in frame.columns}  # the file's own capitals
        if self.time_format is not None:
            time = next((written[known] for known in TIME_NAMES if known in written), None)
            if time is not None:
                frame = frame.assign(**{time: self._times(frame[time], name)})
        if self.decimal == ",":
            numbers = [written[known] for known in (*PRICES, "volume") if known in written]
            frame = frame.assign(**{column: _comma_numbers(frame[column], name) for column in numbers})
        return frame

    def _named(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        if not self.columns:
            return frame
        if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name:
            frame = frame.reset_index()
        taken: dict[str, pd.Series] = {}
        for ours, theirs in self.columns.items():
            if not theirs:
                continue
            parts = theirs.split("+") if "+" in theirs and theirs not in map(str, frame.columns) else [theirs]
            found = [Layout({ours: part}).find(ours, frame.columns, name=name) for part in parts]
            cells = [frame[column] for column in found]
            taken[ours] = cells[0]
            for cell in cells[1:]:
                taken[ours] = taken[ours].astype("str").str.cat(cell.astype("str"), sep=" ")
        # What was not named keeps its own name, unless that would be taken for one that was.
        timed = TIME_NAMES if taken.keys() & {"time", "close_time"} else ()
        dropped = {*self.columns, *timed, *(str(cells.name) for cells in taken.values())}
        kept = frame[[column for column in frame.columns if str(column).strip().lower() not in dropped]]
        if self.columns.get("volume") == "":
            taken["volume"] = pd.Series(0.0, index=frame.index)
        return kept.assign(**taken)

    def _times(self, column: pd.Series, name: str) -> pd.Series:
        form = str(self.time_format)
        try:
            read = pd.to_datetime(column.astype("str"), format=form, errors="coerce", utc="%z" in form)
        except ValueError as error:
            raise BadInput(f"the time format {form!r} is not understood: {str(error).splitlines()[0]}") from error
        if read.isna().any():
            row = int(np.argmax(read.isna()))
            raise BadInput(f"{name}: row {row} has {column.iloc[row]!r}, which is no time written as {form}")
        return read


def columns_from(texts: Iterable[str]) -> dict[str, str]:
    """Read ``time=Datum,open=Eroeffnung`` and the like; a name may hold a comma when no ``=`` follows it.

    Raises
    ------
    BadInput : if a part is no pair, or a column is named twice.
    """
    columns: dict[str, str] = {}
    for text in texts:
        for part in re.split(r",(?=[^,=]*=)", text):
            ours, equal, theirs = (piece.strip() for piece in part.partition("="))
            if not equal or not ours:
                raise BadInput(f"columns are written as time=Datum,open=First, not as {part!r}")
            if ours.lower() in columns:
                raise BadInput(f"columns name {ours.lower()} twice")
            columns[ours.lower()] = theirs
    return columns


def has_decimal_commas(lines: list[str], separator: str) -> bool:
    """Tell whether the rows of a CSV write their fractions behind a comma: most have one, and none has a point."""
    if separator == ",":
        return False
    rows = [[cell.strip().strip('"') for cell in line.split(separator)] for line in lines if line.strip()]
    commas = sum(any(re.fullmatch(r"[+-]?[\d. \u00a0\u202f]+,\d+", cell) for cell in row) for row in rows)
    points = any(re.fullmatch(r"[+-]?\d*\.\d{1,2}|[+-]?\d*\.\d{4,}", cell) for row in rows for cell in row)
    return commas * 2 > len(rows) and not points


def _comma_numbers(column: pd.Series, name: str) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = column.str.strip()
    wrong = text.notna() & ~text.str.fullmatch(_COMMA_NUMBER).astype("bool") & (text != "")
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadInput(
            f"{name}: row {row} has {column.iloc[row]!r} in column {column.name}, no number with a decimal comma"
        )
    plain = text.str.replace(r"[. \u00a0\u202f]", "", regex=True).str.replace(",", ".")
    return pd.to_numeric(plain)
