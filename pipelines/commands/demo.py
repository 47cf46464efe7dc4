"""tradesieve demo: everything, on a synthetic market with a known edge or none."""

from __future__ import annotations

import click

from tradesieve.models.tracking.connection import runs_page
from tradesieve.pipelines.commands.paper import describe, show_paper
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.commands.shared.result_tables import show_result
from tradesieve.pipelines.commands.shared.trade_notes import describe_joined
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.runs.demo import MARKETS, run_demo
from tradesieve.pipelines.settings import read_settings


@click.command(cls=HelpPage)
@click.option(
    "--market",
    type=click.Choice(sorted(MARKETS)),
    default="edge",
    show_default=True,
    help="A market with a planted edge that a filter can find, or a random walk without one.",
)
@as_json
def demo(market: str, as_json: bool) -> None:
    """Run everything on a synthetic market: trades, search, gate, export, service, bot.

    A second run reuses the results of the first.
    """
    settings, console = read_settings(), Console(as_json=as_json)
    with console.progress() as progress:
        done = run_demo(market, settings, progress=progress)
    paper = (
        None if done.paper is None else {key: value for key, value in describe(done.paper).items() if key != "taken"}
    )
    console.json(done.result | {"market": market, "bento": done.bento, "paper": paper})
    show_result(console, done.result, tables=settings.tables)
    data = done.result["data"]
    for line in (*describe_joined(data["same_trades_as"]), *data.get("other_symbols", ())):
        console.say(line)
    if done.paper is not None:
        show_paper(console, done.paper)
        console.say(f"Bento: {done.bento}")
    else:
        console.say(f"The gate is closed on the {market} market, so nothing is exported or served.")
    console.say("")
    console.say("What to open next:")
    console.say("  tradesieve report last --open     what was found, and whether it is luck, as a page")
    console.say("  tradesieve up                     Prefect, the MLflow UI and the service, until Ctrl-C")
    page = runs_page(settings.mlflow_address, done.result["mlflow_experiment"])
    console.say(f"  {page}   then compare the trials of this run")
    console.say(f"  {settings.home / 'experiments' / done.result['experiment']}   the files of this run")
    other = "random" if market == "edge" else "edge"
    console.say(f"  tradesieve demo --market {other:<8}  the same on the other market")
