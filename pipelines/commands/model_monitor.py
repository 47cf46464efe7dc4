"""tradesieve model monitor: a model's live trades and factors against what was expected of them."""

from __future__ import annotations

from pathlib import Path

import click

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.reports.monitor_report import write_monitor
from tradesieve.pipelines.runs.live_monitor import monitor_live, require_no_alarm
from tradesieve.pipelines.runs.stored_decisions import stored_decisions
from tradesieve.pipelines.settings import read_settings

_MEASURES = {"measure": "of taken trades", "live": "live", "expected": "expected", "distance": "standard errors apart"}
_CALIBRATION = {
    "scores": "scores", "n_live": "trades live", "live": "mean net return live", "n_expected": "trades expected",
    "expected": "mean net return expected",
}  # fmt: skip
_DRIFT = {"factor": "factor", "psi": "PSI", "psi_by_luck": "by luck", "drift": "drift"}
_MOST_FACTORS = 15


@click.command(cls=HelpPage)
@click.option("--since", help="Monitor decisions on bars that closed from this time on, ISO 8601; all by default.")
@click.option("--html", type=click.Path(path_type=Path), help="Write it as a page, too.")
@as_json
def monitor(since: str | None, html: Path | None, as_json: bool) -> None:
    """Hold the exported model's live decisions and reported trades against what research expects of it.

    Expected are the trades between its training and its first live decision. Ends with 2 if live wins or earns less
    than luck explains, or if factors have shifted.

    \b
        tradesieve model monitor --html monitor.html
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if not settings.champion.exists():
        raise BadInput("no model is exported yet: run `tradesieve model export` first")
    with stored_decisions(settings) as store, console.progress() as progress:
        found = monitor_live(settings, store, since=parse_time("--since", since), progress=progress)
    described = found.as_dict()
    console.json(described)
    console.table("live against expected", described["measures"], _MEASURES)
    console.table("by score", described["calibration"], _CALIBRATION)
    console.table("factors that moved most", described["drift"][:_MOST_FACTORS], _DRIFT)
    console.say(
        f"{found.n_decisions:,} decisions of model {found.model} since {described['since']}, {found.n_outcomes:,} "
        f"closed trades; {found.n_expected:,} trades expected."
    )
    if html is not None:
        write_monitor(described, html)
        console.say(f"The page: {html}")
    require_no_alarm(found)
