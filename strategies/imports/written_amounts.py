"""Numbers of trades as programs write them, such as -$1,250.50, (12.5), 1 234,5 and 3.2%."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tradesieve.market.errors import BadInput

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DECORATION = re.compile("[$\u20ac\u00a3\u00a5%\\s\u00a0\u202f']|[A-Z]{3,5}$")
_MISSING = ("", "-", "\u2013", "\u2014", "nan", "none", "null", "n/a", "na", "nat")


def parse_numbers(column: pd.Series, *, decimal: str, name: str) -> np.ndarray:
    """Read a column of numbers; a currency, a percent sign and separators of thousands are left out.

    Parameters
    ----------
    decimal : the decimal sign, ``.`` or ``,``.
    name : what errors call the column.

    Returns
    -------
    float64; NaN where a cell is empty. A plain number is read to its last digit.

    Raises
    ------
    BadInput : if a cell is not a number; names its row.
    """
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    found = np.empty(len(column))
    for row, cell in enumerate(column):
        value = _parse("" if cell is None else str(cell).strip(), decimal)
        if value is None:
            raise BadInput(f"{name}, row {row + 1} holds {cell!r}, which is not a number")
        found[row] = value
    return found


def _parse(text: str, decimal: str) -> float | None:
    if text.lower() in _MISSING:
        return np.nan
    negative = text.startswith("(") and text.endswith(")")
    plain = _DECORATION.sub("", text.strip("()").replace("\u2212", "-"))
    plain = plain.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    if not _NUMBER.fullmatch(plain):
        return None
    return -float(plain) if negative else float(plain)


def written_decimal(frame: pd.DataFrame, separator: str) -> str:
    """Return the decimal sign of a table of text: a comma only where another sign separates its columns."""
    if separator == ",":
        return "."
    cells = frame.head(100).to_numpy(dtype=object).ravel()
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    commas = sum(re.fullmatch(r"[^\d]*[\d.\s\u00a0]*\d,\d+[^\d]*", text) is not None for text in texts)
    points = sum(re.fullmatch(r"[^\d]*[\d,]*\d\.\d+[^\d]*", text) is not None for text in texts)
    return "," if commas > points else "."
