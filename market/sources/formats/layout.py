"""The layout of a plain table, as its user describes it: the names of columns, the form of numbers and of times."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tradesieve.market.bars import PRICES, VALUES
from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.sources.formats.column_names import proposed_columns
from tradesieve.market.sources.formats.date_and_time import find_pair, is_time_of_day, join_date_and_time
from tradesieve.market.sources.formats.timestamps import TIME_NAMES, parse_times
from tradesieve.market.sources.formats.written_numbers import WRITTEN_COMMA_NUMBER, is_missing

FIELDS = ("time", "close_time", *VALUES, "symbol")
"""The fields of a bar that a column can hold."""
_IGNORED = "-"
_OPTIONAL = ("volume", "symbol")
_SEPARATORS = {",": ",", ";": ";", "\t": "\t", "|": "|", "tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


@dataclass(frozen=True)
class Layout:
    """The layout of a plain table. What is None is recognised.

    Parameters
    ----------
    columns : {field of `FIELDS`: the table's name for it}. ``time`` may be two columns joined by ``+``, a date and a
        time of day. A ``volume`` or ``symbol`` with an empty name is one that the table does not have.
    separator : between the fields of a CSV: a comma, a semicolon, a tab or a vertical bar.
    decimal : the decimal sign of a CSV, ``.`` or ``,``.
    time_format : how times are written, as ``strptime`` understands it, such as ``%d.%m.%Y %H:%M``.
    names : the names of the columns by position, for a table without a header. Further columns are ignored, and so is
        one named ``-``.
    encoding : of a CSV, as Python names it, such as ``gbk``.

    Raises
    ------
    Unknown : if `columns` names a field that bars do not have.
    BadInput : if a separator, decimal sign or encoding is not allowed, a name is empty or repeated, `names` lacks a
        price or a time, or both time and close_time are named.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    separator: str | None = None
    decimal: str | None = None
    time_format: str | None = None
    names: tuple[str, ...] = ()
    encoding: str | None = None

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if name not in FIELDS:
                raise Unknown("column", name, FIELDS)
            if not column and name not in _OPTIONAL:
                raise BadInput(f"--columns {name}= has no name: only volume and symbol may be absent")
        if {"time", "close_time"} <= set(self.columns):
            raise BadInput("--columns names both time and close_time: a bar has one stamp")
        if self.separator is not None:
            if self.separator not in _SEPARATORS:
                raise BadInput(f"the separator is ',', ';', '|' or tab, not {self.separator!r}")
            object.__setattr__(self, "separator", _SEPARATORS[self.separator])
        if self.decimal not in (None, ".", ","):
            raise BadInput(f"the decimal sign is '.' or ',', not {self.decimal!r}")
        _check_names(self.names)
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError as error:
                raise BadInput(f"unknown encoding {self.encoding!r}; use a name such as gbk or cp1252") from error

    @property
    def is_described(self) -> bool:
        """Whether the table was described, so that no vendor's layout is looked for."""
        others = (self.separator, self.decimal, self.time_format, self.names, self.encoding)
        return bool(set(self.columns) - {"symbol"} or any(others))

    @property
    def needs_text(self) -> bool:
        """Whether cells must be read as text, before `apply` converts them."""
        return self.time_format is not None or self.decimal == ","

    def text_columns(self, names: Sequence[str]) -> list[int]:
        """Return the positions of dates and times of day, whose leading zeros count: these must be read as text."""
        lower = [name.strip().lower() for name in names]
        named = self.columns.get("time", self.columns.get("close_time", ""))
        parts = [part.strip().lower() for part in named.split("+")] if "+" in named else list(find_pair(lower) or ())
        return [position for position, name in enumerate(lower) if name in parts]

    def find(self, name: str, table_columns: Iterable[str], *, table: str) -> str | None:
        """Find the table's column for a field; None when the layout does not name one.

        Parameters
        ----------
        name : one of `FIELDS`.
        table_columns : the columns that the table has.
        table : what errors call the table.

        Raises
        ------
        BadInput : if the table has no such column; names those it has.
        """
        wanted = self.columns.get(name)
        if not wanted:
            return None
        columns = [str(column) for column in table_columns]
        if wanted in columns:
            return wanted
        same_letters = [column for column in columns if column.strip().lower() == wanted.strip().lower()]
        if not same_letters:
            raise BadInput(f"{table}: no column {wanted!r} for {name}; found {', '.join(columns) or 'none'}").proposing(
                *proposed_columns([name], columns)
            )
        return same_letters[0]

    def apply(self, frame: pd.DataFrame, *, name: str) -> pd.DataFrame:
        """Rename the columns of a table to the fields of bars, and convert its text to times and numbers.

        Parameters
        ----------
        frame : as it was read; cells are text where `needs_text` holds.
        name : what errors call the table.

        Raises
        ------
        BadInput : if a named column is missing, or a cell is not a time or number; names the row.
        """
        frame = self._named(frame, name) if self.names else self._renamed(frame, name)
        frame = self._with_joined_time(frame)
        columns = {str(column).strip().lower(): column for column in frame.columns}
        if self.time_format is not None:
            time = next((columns[known] for known in TIME_NAMES if known in columns), None)
            if time is not None:
                frame = frame.assign(**{time: parse_times(frame[time], self.time_format, name=name)})
        if self.decimal == ",":
            numbers = [columns[known] for known in VALUES if known in columns]
            frame = frame.assign(**{column: _comma_numbers(frame[column], name) for column in numbers})
        return frame

    def _named(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        if len(frame.columns) < len(self.names):
            raise BadInput(f"{name}: has {len(frame.columns)} columns, but --columns names {len(self.names)}")
        frame = frame.iloc[:, : len(self.names)].set_axis(list(self.names), axis=1)
        return frame.drop(columns=_IGNORED, errors="ignore")

    def _joined(self, date: pd.Series, time: pd.Series) -> pd.Series:
        return join_date_and_time(date, time, compact_allowed=self.time_format is None)

    def _with_joined_time(self, frame: pd.DataFrame) -> pd.DataFrame:
        columns = {str(column).strip().lower(): column for column in frame.columns}
        pair = find_pair(list(columns))
        if pair is None or self.columns.keys() & {"time", "close_time"}:
            return frame
        date, time = (columns[each] for each in pair)
        if not is_time_of_day(frame[time]):
            return frame
        return frame.assign(**{time: self._joined(frame[date], frame[time])}).drop(columns=date)

    def _renamed(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        if not self.columns:
            return frame
        if isinstance(frame.index, pd.DatetimeIndex) or frame.index.name:
            frame = frame.reset_index()
        renamed: dict[str, pd.Series] = {}
        for wanted, column in self.columns.items():
            if not column:
                continue
            parts = column.split("+") if "+" in column and column not in map(str, frame.columns) else [column]
            cells = [frame[Layout({wanted: part}).find(wanted, frame.columns, table=name)] for part in parts]
            renamed[wanted] = cells[0]
            for part in cells[1:]:
                renamed[wanted] = self._joined(renamed[wanted], part)
        # Other columns keep their names, unless those would be taken for a field that is named here.
        times = TIME_NAMES if renamed.keys() & {"time", "close_time"} else ()
        dropped = {*self.columns, *times, *(str(cells.name) for cells in renamed.values())}
        others = frame[[column for column in frame.columns if str(column).strip().lower() not in dropped]]
        if self.columns.get("volume") == "":
            renamed["volume"] = pd.Series(0.0, index=frame.index)
        return others.assign(**renamed)


def parse_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Parse ``time,open,high,low,close,volume``, names by position; empty where pairs ``NAME=COLUMN`` are given."""
    (text, *others) = [*texts] or [""]
    if others or "=" in text or "," not in text:
        return ()
    return tuple(name.strip().lower() for name in text.split(","))


def parse_columns(texts: Iterable[str]) -> dict[str, str]:
    """Parse ``time=Datum,open=Eroeffnung`` and the like; a name may hold a comma when no ``=`` follows it.

    Raises
    ------
    BadInput : if a part is not a pair, or a field is named twice.
    """
    columns: dict[str, str] = {}
    for text in texts:
        for part in re.split(r",(?=[^,=]*=)", text):
            name, equal, column = (piece.strip() for piece in part.partition("="))
            if not equal or not name:
                raise BadInput(
                    f"--columns {part!r} is not valid: write NAME=COLUMN pairs, as in time=Datum,open=First, or "
                    "the names of all columns by position, as in time,open,high,low,close,volume"
                )
            if name.lower() in columns:
                raise BadInput(f"--columns names {name.lower()} twice")
            columns[name.lower()] = column
    return columns


def has_decimal_commas(lines: list[str], separator: str) -> bool:
    """Tell whether the rows of a CSV have decimal commas: most have one, and none has a decimal point."""
    if separator == ",":
        return False
    rows = [[cell.strip().strip('"') for cell in line.split(separator)] for line in lines if line.strip()]
    commas = sum(any(re.fullmatch(r"[+-]?[\d. \u00a0\u202f]+,\d+", cell) for cell in row) for row in rows)
    points = any(re.fullmatch(r"[+-]?\d*\.\d{1,2}|[+-]?\d*\.\d{4,}", cell) for row in rows for cell in row)
    return commas * 2 > len(rows) and not points


def _check_names(names: tuple[str, ...]) -> None:
    if not names:
        return
    used = [name for name in names if name != _IGNORED]
    repeated = next((name for name in used if used.count(name) > 1), None)
    if repeated is not None:
        raise BadInput(f"--columns names {repeated or 'a column without a name'} twice")
    missing = [price for price in PRICES if price not in used]
    if not set(used) & set(TIME_NAMES):
        missing.insert(0, "time")
    if missing:
        raise BadInput(f"--columns {','.join(names)} does not name {', '.join(missing)}")


def _comma_numbers(column: pd.Series, name: str) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return column
    text = column.str.strip()
    text = text.where(~is_missing(text))
    wrong = text.notna() & ~text.str.fullmatch(WRITTEN_COMMA_NUMBER).astype("bool")
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadInput(
            f"{name}: row {row} has {column.iloc[row]!r} in column {column.name}, which is not a number with a decimal "
            "comma"
        ).proposing({"decimal": "."})
    plain = text.str.replace(r"[. \u00a0\u202f]", "", regex=True).str.replace(",", ".")
    numbers = pd.to_numeric(plain, errors="coerce")
    # `parse_written_numbers` converts those with a currency or K, M and B.
    return numbers if numbers.isna().equals(plain.isna()) else plain
