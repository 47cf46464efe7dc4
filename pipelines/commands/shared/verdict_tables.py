"""Verdicts on the terminal: beside the rows of a table, and what could not be judged, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tradesieve.models.fitness.registry import MINIMUM_TRADES
from tradesieve.models.significance.verdicts import UNTOLD, describe_control

VERDICT_COLUMNS = {"verdict": "verdict", "interval": "expectancy between"}
"""The columns that `with_verdicts` adds, with their headings."""

_KINDS = {
    "no trade": "without a trade", "too few": "on too few trades or days", "luck": "as the interval holds zero",
}  # fmt: skip
"""How a reason starts, and how it is counted."""


def with_verdicts(
    rows: Sequence[Mapping[str, Any]], verdicts: Mapping[str, Any], *, name: str = "instance"
) -> list[dict[str, Any]]:
    """Add to each row its verdict, and the interval of the expectancy that it judges.

    Parameters
    ----------
    verdicts : from `models.significance.verdicts`.
    name : key of the rows' names, which are those of the verdicts. A row without a verdict stays as it is.
    """
    by_name = {row["name"]: row for row in verdicts["rows"]}
    return [
        {**row, **(_cells(by_name[row[name]]) if row[name] in by_name else dict.fromkeys(VERDICT_COLUMNS))}
        for row in rows
    ]


def describe_verdicts(verdicts: Mapping[str, Any], *, part: str, best_of: int | None = None) -> list[str]:
    """Return lines on what the verdicts of a table hold for, and on why some could not be told.

    Parameters
    ----------
    part : what was judged, such as ``on the hold-out``.
    best_of : number of trials of which the filter is the best on these very trades; None where it was fixed before.
    """
    rows = verdicts["rows"]
    counts = Counter(row["verdict"] for row in rows)
    said = ", ".join(f"{n:,} {verdict}" for verdict, n in counts.most_common())
    lines = [f"Verdicts {part}: {said}. {describe_control(verdicts)}."]
    if best_of is not None and best_of > 1:
        lines.append(
            f"The filter is the best of {best_of:,} trials on these trades, which flatters 'worth it filtered'; the "
            "hold-out judges it anew."
        )
    unjudged = Counter(_kind(row["reason"]) for row in rows if row["verdict"] == UNTOLD)
    if unjudged:
        why = ", ".join(f"{n:,} {kind}" for kind, n in unjudged.most_common())
        lines.append(f"Cannot be told: {why}.")
    return lines


def describe_findings(judged: Mapping[str, Any]) -> list[str]:
    """Return lines on what was found in which market, and how false discoveries are controlled.

    Parameters
    ----------
    judged : from `pipelines.steps.condition_table.judge_conditions`.
    """
    counts = Counter(row["found"] for row in judged["rows"])
    said = ", ".join(f"{n:,} {found}" for found, n in counts.most_common())
    return [
        f"Without a model, of {len(judged['rows']):,} pairs of a strategy and a market: {said}. "
        f"{describe_control(judged)}. Trades are counted in brackets; a dash stands for too few to be judged."
    ]


def hide_ratios_of_few(
    rows: Sequence[Mapping[str, Any]], ratios: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Blank the ratios of rows with too few trades, and return a line on them: such a ratio only counts the trades.

    Parameters
    ----------
    ratios : key of a ratio: key of the number of trades that it rests on.
    """
    few = [{ratio for ratio, count in ratios.items() if 0 < row[count] < MINIMUM_TRADES} for row in rows]
    shown = [{**row, **dict.fromkeys(hidden)} for row, hidden in zip(rows, few, strict=True)]
    n = sum(map(bool, few))
    if not n:
        return shown, []
    of = "1 strategy" if n == 1 else f"{n:,} strategies"
    return shown, [f"No Sortino of fewer than {MINIMUM_TRADES} trades is shown, for {of}."]


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    interval = "–" if row["low"] is None else f"{row['low'] * 1e4:+.1f} to {row['high'] * 1e4:+.1f} bp"
    return {"verdict": row["verdict"], "interval": interval}


def _kind(reason: str) -> str:
    return next((text for start, text in _KINDS.items() if reason.startswith(start)), f"as {reason}")
