"""Profitable weeks and months on the terminal: counts beside the rows of a table, and their shares in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradesieve.strategies.statistics.profitable_spans import SPANS

SPAN_COLUMNS = {span: f"profitable {span}" for span in SPANS}
"""The columns that `with_spans` adds, with their headings."""


def with_spans(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add to each row how many of its weeks and months with an exit gained, as text.

    Examples
    --------
    >>> row = {"n_weeks": 28, "profitable_weeks_rate": 0.75, "n_months": 0, "profitable_months_rate": None}
    >>> [with_spans([row])[0][span] for span in SPAN_COLUMNS]
    ['21 of 28', '–']
    """
    return [{**row, **{span: _counted(row, span) for span in SPANS}} for row in rows]


def describe_spans(row: Mapping[str, Any]) -> list[str]:
    """Return a line on the profitable weeks and months of a row of statistics, with the intervals of their shares."""
    if not row["n_weeks"]:
        return []
    weeks, months = (
        f"{_counted(row, span)} {span} with an exit ({row[f'profitable_{span}_rate']:.0%}, 95 % interval "
        f"{row[f'profitable_{span}_low']:.0%} to {row[f'profitable_{span}_high']:.0%})"
        for span in SPANS
    )
    return [f"profitable, all together: {weeks}, {months}"]


def _counted(row: Mapping[str, Any], span: str) -> str:
    n = row[f"n_{span}"]
    return f"{round(n * row[f'profitable_{span}_rate']):,} of {n:,}" if n else "–"
