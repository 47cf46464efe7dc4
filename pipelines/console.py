"""Console: tables and sentences, or one JSON object, on standard output; progress on standard error."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tradesieve.pipelines.progress import Progress as Report

_FILE_WIDTH = 160
_NAME_WIDTH = 28
_QUIET_SECONDS = 1.0  # before progress shows, so that quick commands print none
_SECONDS_BETWEEN_LINES = 5.0


class Console:
    """The output of a command.

    Parameters
    ----------
    as_json : print one JSON object instead of tables and sentences.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = RichConsole(highlight=False, soft_wrap=True)
        if not self._out.is_terminal:
            # A file or a pipe has no width: make it wide enough to keep a table row on one line.
            self._out.width = _FILE_WIDTH
        # Errors and progress stay on one line, however long a strategy's name is.
        self._err = RichConsole(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print text; nothing under ``--json``."""
        if not self.as_json:
            self._out.print(text, markup=False)

    def note(self, text: str) -> None:
        """Print text on standard error, also under ``--json``."""
        self._err.print(text, markup=False)

    def json(self, value: Any) -> None:
        """Print one JSON object under ``--json``, otherwise nothing."""
        if self.as_json:
            self._out.out(json.dumps(value, indent=1, allow_nan=False), highlight=False)

    def table(
        self,
        title: str,
        rows: Sequence[Mapping[str, Any]],
        columns: Mapping[str, str] | None = None,
        *,
        break_after: int | None = None,
    ) -> None:
        """Print rows as a table; nothing under ``--json``.

        Parameters
        ----------
        columns : key: heading, in order; all keys of the first row when None.
        break_after : draw a line after so many rows, where others are left out.
        """
        if self.as_json:
            return
        shown = columns or ({key: key for key in rows[0]} if rows else {})
        table = Table(title=title, title_justify="left", title_style="bold", header_style="", pad_edge=False)
        for key, heading in shown.items():
            numeric = all(isinstance(row.get(key), int | float | None) for row in rows)
            longest = max((len(_cell(key, row.get(key))) for row in rows), default=0)
            # Neither a number nor a word of a heading is broken, and what names the rows is last.
            unbroken = longest if numeric else 0 if table.columns else min(longest, _NAME_WIDTH)
            narrowest = max([1, unbroken, *map(len, heading.split())])
            table.add_column(heading, justify="right" if numeric else "left", overflow="fold", min_width=narrowest)
        for number, row in enumerate(rows, start=1):
            table.add_row(*(_cell(key, row.get(key)) for key in shown), end_section=number == break_after)
        self._out.print(table)

    @contextmanager
    def progress(self) -> Iterator[Report]:
        """Yield a callback that shows progress: a live bar on a terminal, lines elsewhere."""
        if not self._err.is_terminal:
            yield self._lines()
            return
        columns = (
            SpinnerColumn(), TextColumn("{task.description:<8}"), BarColumn(24), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("{task.fields[detail]}"),
        )  # fmt: skip
        with Progress(*columns, console=self._err, transient=True) as bar:
            tasks: dict[str, Any] = {}

            def report(stage: str, done: int, total: int, detail: str) -> None:
                if stage not in tasks:
                    tasks[stage] = bar.add_task(stage, detail="")
                bar.update(tasks[stage], completed=done, total=total, detail=detail[:60])

            yield report

    def _lines(self) -> Report:
        started = time.monotonic()
        printed: dict[str, float] = {}

        def report(stage: str, done: int, total: int, detail: str) -> None:
            now = time.monotonic()
            if now - started >= _QUIET_SECONDS and now - printed.get(stage, -math.inf) >= _SECONDS_BETWEEN_LINES:
                printed[stage] = now
                self.note(f"{now - started:6.1f} s  {stage} {done} of {total}: {detail}")

        return report


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if key.endswith(("rate", "coverage", "drawdown")) or key == "total_return":
            return f"{value:.1%}"
        return f"{value * 1e4:.1f} bp" if key.endswith(("expectancy", "_return", "cost")) else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
