"""The conditions report: in which markets strategies earn without a model, as one page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradesieve.models.significance.verdicts import describe_control
from tradesieve.pipelines.reports.figures.condition_charts import conditions_chart
from tradesieve.pipelines.reports.html import Column, SortableTable, render, write_page
from tradesieve.pipelines.short_names import labels_of
from tradesieve.strategies.statistics.market_conditions import MEANINGS

_MOST_DRAWN = 40
_MOST_ROWS = 6000
_COLUMNS = (
    Column("group", "strategy", "what is judged", "text"),
    Column("condition", "condition", "what kind of market", "text"),
    Column("state", "market", "its state at the decision", "text"),
    Column("found", "found", "earns or loses: its interval excludes zero", "text"),
    Column("expectancy", "expectancy, bp", "net return per unit of capital", "basis_points", signed=True),
    Column("low", "from, bp", "lower end of the interval", "basis_points", signed=True),
    Column("high", "to, bp", "upper end of the interval", "basis_points", signed=True),
    Column("sortino", "Sortino", "annualised, of all days", signed=True),
    Column("n_trades", "trades", "closed trades", "count"),
    Column("n_days", "days", "effective days on which they exit", "count"),
    Column("reason", "in words", "why", "text"),
)


def conditions_section(judged: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page's section on market conditions shows.

    Parameters
    ----------
    judged : from `pipelines.steps.condition_table.judge_conditions`.
    names : short name of each group, in order; the first forty are drawn.
    """
    shown_groups = list(names)[:_MOST_DRAWN]
    drawn = dict(zip(shown_groups, labels_of(shown_groups), strict=True))
    rows = [
        [names.get(row["group"], row["group"]), *(_value(row[column.name]) for column in _COLUMNS[1:])]
        for row in judged["rows"]
    ]
    shown = sorted(rows, key=lambda row: -row[4] if math.isfinite(row[4]) else math.inf)[:_MOST_ROWS]
    return {
        "chart": conditions_chart(judged["rows"], drawn),
        "table": SortableTable(
            "conditions", _COLUMNS, shown, sort="expectancy", noun="lines",
            classes={"earns": "positive", "loses": "negative"},
        ),
        "meanings": dict(MEANINGS),
        "control": describe_control(judged),
        "n_drawn": len(drawn),
        "n_groups": len(names),
    }  # fmt: skip


def conditions_html(
    judged: Mapping[str, Any], names: Mapping[str, str], *, notes: Sequence[str] = (), title: str
) -> str:
    """Render the page of a condition table, with all that it shows embedded; parameters as `conditions_section`."""
    return render("conditions_report", title=title, notes=notes, conditions=conditions_section(judged, names))


def write_conditions(
    judged: Mapping[str, Any], names: Mapping[str, str], path: Path, *, notes: Sequence[str] = (), title: str
) -> None:
    """Write the page of a condition table.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    write_page(conditions_html(judged, names, notes=notes, title=title), path)


def _value(value: Any) -> Any:
    return math.nan if value is None else value
