"""tradesieve doctor: is this machine ready?"""

from __future__ import annotations

from dataclasses import asdict

import click

from tradesieve.market.errors import Refused
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.runs.machine_checks import check_machine
from tradesieve.pipelines.settings import read_settings


@click.command(cls=HelpPage)
@as_json
def doctor(as_json: bool) -> None:
    """Check this machine: versions, ports, disk, state folder, clock. Nothing is written.

    Exits with 2 if something stands in the way.
    """
    settings, console = read_settings(writes=False), Console(as_json=as_json)
    checks = check_machine(settings)
    problems = [check for check in checks if check.problem is not None]
    console.json({"passed": not problems, "checks": [asdict(check) for check in checks]})
    console.table("this machine", [{"check": check.name, "found": check.found} for check in checks])
    if problems:
        raise Refused("; ".join(f"{check.name}: {check.problem}" for check in problems))
    console.say("nothing stands in the way")
