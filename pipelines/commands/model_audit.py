"""tradesieve model audit: stored decisions against research, each difference with its cause."""

from __future__ import annotations

import click

from tradesieve.market.errors import Refused
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import parse_time
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.runs.decision_audit import audit_decisions
from tradesieve.pipelines.runs.stored_decisions import stored_decisions
from tradesieve.pipelines.settings import read_settings

_SHOWN = {"cause": "cause", "subject": "what", "n": "times", "first_time": "first, UTC"}


@click.command(cls=HelpPage)
@click.option("--since", help="Audit decisions on bars that closed from this time on, ISO 8601; all by default.")
@click.option("--until", help="Audit decisions on bars up to this time, ISO 8601.")
@as_json
def audit(since: str | None, until: str | None, as_json: bool) -> None:
    """Make the service's stored decisions once more, and say of each difference what caused it, and since when.

    The causes: data (other bars are stored now), factor (its code gives another number), model (another one than the
    exported answered), fill (the bot's journal and the simulation differ). Ends with 2 if anything differs.

    \b
        tradesieve model audit --since 2026-01-01
    """
    settings, console = read_settings(), Console(as_json=as_json)
    with stored_decisions(settings) as store, console.progress() as progress:
        found = audit_decisions(
            settings, store, since=parse_time("--since", since), until=parse_time("--until", until), progress=progress
        )
    described = found.as_dict()
    console.json(described)
    rows = described["findings"]
    if rows:
        console.table("differences between live and research", rows, _SHOWN)
        for row in rows:
            console.say(f"{row['cause']}: {row['first']}")
    for why, n in found.skipped.items():
        console.say(f"Not compared, {n:,} times: {why}")
    console.say(
        f"{found.n_replayed:,} of {found.n_decisions:,} decisions were made once more, {found.n_trades:,} trades of "
        "journals compared."
    )
    if rows:
        causes = ", ".join(dict.fromkeys(row["cause"] for row in rows))
        raise Refused(f"live and research differ: {causes}")
