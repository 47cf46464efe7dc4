"""The monitor report: a model's live trades and factors against what was expected of them, as one page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradesieve.pipelines.reports.html import Column, SortableTable, render, write_page

_MEASURES = (
    Column("measure", "of taken trades", "what is measured", "text"),
    Column("live", "live", "of the trades that bots reported", "value", signed=True),
    Column("expected", "expected", "of the trades of research before the first live decision", "value", signed=True),
    Column("distance", "apart", "the difference in its standard errors; below -3 is no luck", "decimal", signed=True),
)
_CALIBRATION = (
    Column("scores", "scores", "fifths of the expected scores", "text"),
    Column("n_live", "live", "trades", "count"),
    Column("live", "net return, live", "mean of the trades", "basis_points", signed=True),
    Column("n_expected", "expected", "trades", "count"),
    Column("expected", "net return, expected", "mean of the trades", "basis_points", signed=True),
)
_DRIFT = (
    Column("factor", "factor", "what the model reads", "text"),
    Column("psi", "PSI", "population stability index of the live decisions against the expected trades"),
    Column("psi_by_luck", "by luck", "what it stays below 19 times in 20 when nothing has moved"),
    Column("drift", "drift", "stable, watch or shifted, beyond luck", "text"),
)


def write_monitor(found: Mapping[str, Any], path: Path) -> None:
    """Write the page.

    Parameters
    ----------
    found : from `pipelines.runs.live_monitor.Monitor.as_dict`.

    Raises
    ------
    BadInput : if the file cannot be written.
    """
    page = render(
        "monitor_report",
        title="Live against expected",
        found=found,
        measures=_table("monitor-measures", _MEASURES, found["measures"], "measure"),
        calibration=_table("monitor-calibration", _CALIBRATION, found["calibration"], "scores"),
        drift=_table("monitor-drift", _DRIFT, found["drift"], "psi"),
    )
    write_page(page, path)


def _table(name: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], sort: str) -> SortableTable:
    values = [[math.nan if row[each.name] is None else row[each.name] for each in columns] for row in rows]
    return SortableTable(name, columns, values, sort=sort, noun="lines", classes={"shifted": "negative"})
