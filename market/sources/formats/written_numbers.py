"""Numbers as people write them, such as 16,800.00, $5 and 1.2M, in the columns of bars."""

from __future__ import annotations

import pandas as pd

from tradesieve.market.bars import VALUES
from tradesieve.market.errors import BadInput

COMMA_NUMBER = r"[+-]?(?:\d+|\d{1,3}(?:[. \u00a0\u202f]\d{3})+)(?:,\d*)?(?:[eE][+-]?\d+)?"
"""A number with a decimal comma; groups of thousands are separated by points or by spaces."""
WRITTEN_COMMA_NUMBER = rf"[$€£¥]?{COMMA_NUMBER}[KMBkmb]?"
_WRITTEN = r"(?P<currency>[$€£¥]?)(?P<number>[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?)(?P<suffix>[KMBkmb]?)"
_MISSING = r"[-\u2013\u2014.]*"
"""Dashes or points stand for a value that is missing, as an empty cell does."""
_EXPONENTS = {"": "", "K": "e3", "M": "e6", "B": "e9"}


def is_missing(text: pd.Series) -> pd.Series:
    """Mark the cells that hold nothing but dashes or points."""
    return text.str.fullmatch(_MISSING).fillna(False).astype("bool")


def parse_written_numbers(
    frame: pd.DataFrame, *, decimal: str | None, name: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Turn text with thousands separators, a currency sign or K, M and B into numbers.

    A column with a cell that is none of these stays as it is, and so does one in which only some cells have a currency.

    Parameters
    ----------
    decimal : the decimal sign that the user stated.
    name : what errors call the table.

    Returns
    -------
    The table, and a note on each column with such a number.

    Raises
    ------
    BadInput : if the commas of a table may be either decimal signs or thousands separators.
    """
    notes = []
    columns = [column for column in frame.columns if str(column).strip().lower() in VALUES]
    texts = {column: frame[column].str.strip() for column in columns if pd.api.types.is_string_dtype(frame[column])}
    settled = decimal == "." or any(pd.api.types.is_float_dtype(frame[column]) for column in columns)
    settled = settled or any(text.str.contains(r"\.|,.*,", regex=True).fillna(False).any() for text in texts.values())
    for column, text in texts.items():
        text = text[text.notna() & ~is_missing(text)]
        parts = text.str.extract(f"^{_WRITTEN}$")
        with_currency = parts["currency"].fillna("") != ""
        if text.empty or parts["number"].isna().any() or with_currency.nunique() > 1:
            continue
        if not settled and parts["number"].str.contains(",").any():
            example = text[parts["number"].str.contains(",")].iloc[0]
            raise BadInput(
                f"{name}: column {column} holds {example!r}, whose comma may be a decimal sign: pass --decimal . if it "
                "separates thousands, else --decimal ,"
            ).proposing({"decimal": "."}, {"decimal": ","})
        plain = parts["number"].str.replace(",", "") + parts["suffix"].str.upper().map(_EXPONENTS)
        numbers = plain.astype("float64")
        written = parts.index[with_currency | (parts["suffix"] != "") | text.str.contains(",")]
        if len(written):
            notes.append(f"column {column} holds {text[written[0]]}: read as {numbers[written[0]]:.15g}")
        frame = frame.assign(**{str(column): numbers.reindex(frame.index)})
    return frame, tuple(notes)
