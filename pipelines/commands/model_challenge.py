"""tradesieve model challenge: the models that the service asks in shadow."""

from __future__ import annotations

import click

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.commands.shared.completion import complete_tracked_runs
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.runs.challenges import challengers, close_challenge, open_challenge
from tradesieve.pipelines.settings import read_settings


@click.command(cls=HelpPage)
@click.argument("run_id", metavar="[RUN]", required=False, shell_complete=complete_tracked_runs)
@click.option("--remove", is_flag=True, help="Ask the model of the run no longer.")
@click.option("--list", "only_list", is_flag=True, help="List the challengers.")
@as_json
def challenge(run_id: str | None, remove: bool, only_list: bool, as_json: bool) -> None:
    """Let the service ask the model of an MLflow run in shadow: its answers are stored, and change nothing.

    A running service begins with the next decision. `tradesieve model export --run RUN` makes it the champion.

    \b
        tradesieve model challenge 3f2a...
        tradesieve model challenge 3f2a... --remove
    """
    settings, console = read_settings(), Console(as_json=as_json)
    if only_list == (run_id is not None) or (only_list and remove):
        raise BadInput("name an MLflow RUN, or give --list alone")
    if run_id is not None:
        if remove:
            close_challenge(settings, run_id)
        else:
            open_challenge(settings, run_id)
    found = challengers(settings)
    console.json({"challengers": found})
    console.say(f"challengers: {', '.join(found)}" if found else "no model is asked in shadow")
