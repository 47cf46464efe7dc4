"""tradesieve report: what a run found, and whether it is luck, as one page."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.completion import complete_runs
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.run_report import write_run_report
from tradesieve.pipelines.runs.finished_report import report_page
from tradesieve.pipelines.runs.finished_runs import LAST, find_run
from tradesieve.pipelines.settings import read_settings


@click.command(cls=HelpPage)
@click.argument("run", default=LAST, shell_complete=complete_runs)
@click.option(
    "--output", type=click.Path(path_type=Path), help="The .html file to write; by default, in the run's folder."
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@as_json
def report(run: str, output: Path | None, open_it: bool, as_json: bool) -> None:
    """Write what a run found, and whether it is luck, as one page that works offline.

    RUN is the hash of an experiment, a run of MLflow, the first letters of either, or 'last', which is the default.

    \b
        tradesieve report last --open
    """
    settings, console = read_settings(writes=output is None), Console(as_json=as_json)
    if output is not None and output.suffix != ".html":
        raise BadInput(f"{output}: a report is written to a file ending in .html")
    found = find_run(settings, run)
    page, notes = report_page(found)
    path = output or found.report_path
    write_run_report(page, path)
    console.json(
        {"run": found.result["experiment"], "run_id": found.result["run_id"], "report": str(path), "notes": notes}
    )
    for line in notes:
        console.say(line)
    console.say(
        f"report of {found.name} written to {path}" + ("" if open_it else ": open it in a browser, or add --open")
    )
    if open_it:
        webbrowser.open(path.absolute().as_uri())
