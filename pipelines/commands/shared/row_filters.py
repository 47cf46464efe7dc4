"""Row filters: conditions typed as ``n_trades>=30`` or ``symbol==BTC-USD``.

A condition is one column, one comparison and one value. It is parsed, never evaluated as code.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence

import pandas as pd

from tradesieve.market.errors import BadInput, Unknown

_COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|==|!=|>|<|=)\s*(.*?)\s*", re.DOTALL)


def rows_where(table: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Keep the rows that meet every condition. NaN meets none, not even ``!=``.

    Raises
    ------
    Unknown : if there is no such column; suggests the nearest.
    BadInput : if a condition cannot be parsed, or compares a column with a value of another type.
    """
    for condition in conditions:
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise BadInput(f"condition {condition!r} cannot be parsed: write column>=number, such as n_trades>=30")
        name, comparison, value = match.groups()
        column = table[known_column(table, name)]
        if pd.api.types.is_numeric_dtype(column):
            try:
                number = float(value)
            except ValueError:
                raise BadInput(f"condition {condition!r}: {name} is numeric, but {value!r} is not a number") from None
            kept = _COMPARISONS[comparison](column, number) & column.notna()
        elif comparison in ("==", "=", "!="):
            kept = _COMPARISONS[comparison](column, value)
        else:
            raise BadInput(f"condition {condition!r}: {name} is text, so compare it with == or !=")
        table = table[kept]
    return table


def known_column(table: pd.DataFrame, name: str) -> str:
    """Return the name of a column if it exists.

    Raises
    ------
    Unknown : if it does not exist; suggests the nearest.
    """
    if name not in table.columns:
        raise Unknown("column", name, map(str, table.columns))
    return name
