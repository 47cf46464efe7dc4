"""The report of a finished run, from its files."""

from __future__ import annotations

from typing import Any

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.reports.run_report import report_html
from tradesieve.pipelines.runs.finished_runs import FinishedRun


def report_page(found: FinishedRun) -> tuple[str, list[str]]:
    """Render the report of a finished run; also return notes on what it does not show.

    Raises
    ------
    BadInput, Unknown : if the files of the run are missing, or are of another version.
    """
    evidence: dict[str, Any] | None = None
    notes: list[str] = []
    try:
        evidence = found.evidence
    except BadInput as error:  # a run of an earlier version
        notes.append(f"Factors, scores and trials are not shown: {error}")
    return report_html(found.result, found.parts, evidence, notes=notes, seed=found.experiment.plan.seed), notes
