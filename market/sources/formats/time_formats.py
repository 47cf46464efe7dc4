"""Formats of times that pandas does not guess, to propose as ``--time-format``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pandas as pd

_DATES = (
    "%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y",
    "%b %d %Y", "%Y.%m.%d", "%d%m%Y", "%y%m%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%Y年%m月%d日",
)  # fmt: skip
_TIMES_OF_DAY = (
    "%H:%M", "%H:%M:%S", "%H%M", "%H%M%S", "%H.%M", "%H.%M.%S", "%H-%M", "%H-%M-%S", "%I:%M %p", "%I:%M:%S %p", "%Hh%M",
    "%H时%M分",
)  # fmt: skip
_BETWEEN = (" ", "-", "_", "/", ":", ", ", "; ", " - ")
_MOST = 2


def likely_formats(column: pd.Series) -> list[str]:
    """Return ``strptime`` formats that read every time of a column; two at most, as for day and month in either order.

    Parameters
    ----------
    column : text (n_rows,).
    """
    text = column.astype("str").str.strip()
    found: list[str] = []
    for form in _formats_like(str(text.iloc[0])):
        # The first row rules out most formats in a moment.
        if all(pd.to_datetime(rows, format=form, errors="coerce").notna().all() for rows in (text.head(1), text)):
            found.append(form)
        if len(found) == _MOST:
            break
    return found


def _formats_like(text: str) -> Iterator[str]:
    """Go through the formats whose signs between figures and letters are those of a text."""
    joined = (
        f"{first}{between}{second}"
        for date, between, time in product(_DATES, _BETWEEN, _TIMES_OF_DAY)
        for first, second in ((date, time), (time, date))
    )
    return (form for form in (*_DATES, *joined) if _signs(form) == _signs(text))


def _signs(text: str) -> str:
    return re.sub("[%A-Za-z0-9]", "", text)
