"""The walk-forward report: out-of-sample paths beside in-sample ones, and what was chosen when, as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.pipelines.reports.figures.equity_charts import paths_chart
from tradesieve.pipelines.reports.html import Column, SortableTable, formatted, render, write_page
from tradesieve.strategies.search.walk_forward import Walk

_PATHS = {"out_of_sample": "out of sample", "in_sample": "in hindsight", "default": "by default"}
"""Path of a walk: its name on the page."""
_COLUMNS = (
    Column("border", "searched until", "parameters are chosen on all bars up to this time", "text"),
    Column("strategy", "strategy", "the parameters that were chosen", "text"),
    Column("in_sample", "Sortino before", "on the days up to this time, on which the parameters were chosen"),
    Column("out_of_sample", "Sortino after", "on the days from this time to the next search", signed=True),
    Column("n_trades", "trades after", "trades decided from this time to the next search", "count"),
)


def walk_html(walks: Mapping[str, Walk], *, notes: Sequence[str] = (), title: str) -> str:
    """Render a page of walks: the paths of each, and what was chosen at each border.

    Parameters
    ----------
    walks : by name, such as ``BTC-USD 1h``.
    notes : lines below the title.

    Raises
    ------
    BadInput : if there is no walk.
    """
    if not walks:
        raise BadInput("nothing to show: no walk was given")
    described = [_described(number, name, walk) for number, (name, walk) in enumerate(walks.items())]
    return render("walk_forward_report", title=title, notes=notes, walks=described)


def write_walks(walks: Mapping[str, Walk], path: Path, *, notes: Sequence[str] = (), title: str) -> None:
    """Write the page of an optimisation's walks.

    Raises
    ------
    BadInput : if there is no walk, or the file cannot be written.
    """
    write_page(walk_html(walks, notes=notes, title=title), path)


def _described(number: int, name: str, walk: Walk) -> dict[str, Any]:
    measures = walk.as_dict()["paths"]
    paths = {_PATHS[path]: returns for path, returns in walk.paths.items()}
    rows = [[format_time(w.border), w.strategy, w.in_sample, w.out_of_sample, w.n_trades] for w in walk.windows]
    return {
        "name": name,
        "hindsight": walk.hindsight,
        "numbers": [(_PATHS[path], *_sortino_and_return(measures[path])) for path in walk.paths],
        "chart": paths_chart(walk.days, paths, [window.border for window in walk.windows]),
        "table": SortableTable(f"windows-{number}", _COLUMNS, rows, sort="border", noun="windows", descending=False),
    }


def _sortino_and_return(measures: Mapping[str, float | None]) -> tuple[str, str]:
    return formatted(measures["sortino"]), f"Sortino; return {formatted(measures['total_return'], 'percent')}"
