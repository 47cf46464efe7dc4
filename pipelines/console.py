"""Console: tables and sentences, or one JSON object, on standard output; progress on standard error."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tradesieve.pipelines.progress import Progress as Report
from tradesieve.pipelines.table_layout import Column, boxed_tables, in_percent, plain_lines

PRINTED = "printed"
"""Key of the object of the command line's context: a JSON object was printed."""
_MOST_NAMES = 2
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
            context = click.get_current_context(silent=True)
            if context is not None and context.obj is not None:
                context.obj[PRINTED] = True
            self._out.out(json.dumps(value, indent=1, allow_nan=False), highlight=False)

    def table(
        self,
        title: str,
        rows: Sequence[Mapping[str, Any]],
        columns: Mapping[str, str] | None = None,
        *,
        break_after: int | None = None,
    ) -> None:
        """Print rows as a table: in boxes on a terminal, in plain columns elsewhere; nothing under ``--json``.

        Parameters
        ----------
        columns : key: heading, in order; all keys of the first row when None.
        break_after : mark where rows are left out, after so many.
        """
        if self.as_json:
            return
        shown = columns or ({key: key for key in rows[0]} if rows else {})
        laid_out = list(_columns(rows, shown))
        if self._out.is_terminal:
            self._out.print(title, style="bold", markup=False)
            for table in boxed_tables(laid_out, width=self._out.width, break_after=break_after):
                self._out.print(table)
            return
        for line in (title, *plain_lines(laid_out, break_after=break_after), ""):
            self.say(line)

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


def _columns(rows: Sequence[Mapping[str, Any]], shown: Mapping[str, str]) -> Iterator[Column]:
    """Yield the columns; the first, and those of text that follow it, name the rows."""
    names = True
    for position, (key, heading) in enumerate(shown.items()):
        numeric = all(isinstance(row.get(key), int | float | None) for row in rows)
        names = position == 0 or (names and not numeric and position < _MOST_NAMES)
        yield Column(heading, [_cell(key, row.get(key)) for row in rows], numeric, is_name=names)


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if key.endswith(("rate", "coverage", "drawdown")) or key == "total_return":
            return f"{in_percent(value)}%"
        return f"{value * 1e4:.1f} bp" if key.endswith(("expectancy", "_return", "cost")) else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
