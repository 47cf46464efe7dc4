"""The events report: what followed an event, against what follows any bar, as one page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradesieve.pipelines.reports.figures.event_charts import events_chart
from tradesieve.pipelines.reports.html import Column, SortableTable, render, write_page
from tradesieve.strategies.statistics.event_moves import LESS, MORE

_COLUMNS = (
    Column("group", "by", "what events are grouped by", "text"),
    Column("state", "state", "when the event was, or in which market", "text"),
    Column("outcome", "move", "what followed", "text"),
    Column("found", "found", "more or less often: the interval of the difference excludes zero", "text"),
    Column("rate", "after the event", "share of events that it followed", "percent"),
    Column("low", "from", "lower end of the interval", "percent"),
    Column("high", "to", "upper end of the interval", "percent"),
    Column("usual", "after any bar", "share of all bars of the state that it followed", "percent"),
    Column("difference", "difference", "after the event less after any bar", "percent", signed=True),
    Column("difference_low", "from", "lower end of its interval", "percent", signed=True),
    Column("difference_high", "to", "upper end of its interval", "percent", signed=True),
    Column("n_events", "events", "bars on which the event was true", "count"),
    Column("n_episodes", "episodes", "events that do not overlap", "count"),
)


def write_events(rows: Sequence[Mapping[str, Any]], path: Path, *, notes: Sequence[str] = (), title: str) -> None:
    """Write the page of an event table.

    Parameters
    ----------
    rows : from `strategies.statistics.event_moves.event_rates`.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    shown = [row for row in rows if row["n_events"]]
    values = [[math.nan if row[each.name] is None else row[each.name] for each in _COLUMNS] for row in shown]
    table = SortableTable(
        "events", _COLUMNS, values, sort="n_events", noun="lines", classes={MORE: "positive", LESS: "negative"}
    )
    write_page(render("events_report", title=title, notes=notes, chart_of_rates=events_chart(shown), table=table), path)
