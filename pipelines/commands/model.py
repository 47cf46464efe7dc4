"""tradesieve model: search for filters, evaluate, compare, export and serve them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from tradesieve.market.errors import BadInput
from tradesieve.models.tracking.connection import runs_page
from tradesieve.pipelines.commands.model_audit import audit
from tradesieve.pipelines.commands.model_challenge import challenge
from tradesieve.pipelines.commands.model_choices import choices
from tradesieve.pipelines.commands.model_monitor import monitor
from tradesieve.pipelines.commands.model_trust import trust
from tradesieve.pipelines.commands.shared.comparison_tables import show_comparison
from tradesieve.pipelines.commands.shared.completion import complete_runs, complete_tracked_runs
from tradesieve.pipelines.commands.shared.costs import (
    costs_by_symbol,
    costs_of,
    show_costs,
    show_imported_costs,
    show_terms,
)
from tradesieve.pipelines.commands.shared.options import as_json, experiment_options, trade_set_option
from tradesieve.pipelines.commands.shared.result_tables import (
    show_evaluation,
    show_instances_trained,
    show_placebo,
    show_result,
)
from tradesieve.pipelines.commands.shared.strategy_limit import count_chosen, describe_limit
from tradesieve.pipelines.commands.shared.table_output import replace_option
from tradesieve.pipelines.commands.shared.trade_notes import describe_joined, describe_no_trades
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_assembly import assemble_experiment, split_commas
from tradesieve.pipelines.help_pages import HelpGroup
from tradesieve.pipelines.runs.challenges import roles_of
from tradesieve.pipelines.runs.comparison import compare_runs
from tradesieve.pipelines.runs.evaluation import evaluate
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.finished_runs import LAST, described_run, find_run, stored_runs
from tradesieve.pipelines.runs.model_code import write_model_code
from tradesieve.pipelines.runs.one_by_one import evaluate_one_by_one, train_one_by_one
from tradesieve.pipelines.runs.placebo import SURROGATES, run_placebo
from tradesieve.pipelines.runs.release import artifact_of, bento_command, champion_run, release_run, service_command
from tradesieve.pipelines.runs.research_trades import model_instrument
from tradesieve.pipelines.settings import Settings, read_settings
from tradesieve.pipelines.stack.ports import require_free
from tradesieve.pipelines.steps.chunk_features import describe_left_out
from tradesieve.pipelines.steps.trade_export import refuse_existing
from tradesieve.pipelines.steps.unset_sessions import describe_unset_sessions

_RUNS = {
    "run": "run", "role": "role", "finished": "finished, UTC", "symbols": "symbols", "timeframes": "timeframes",
    "n_instances": "strategies", "gate": "gate", "winner": "winner", "baseline_sortino": "Sortino, all",
    "filtered_sortino": "filtered", "coverage": "coverage", "n_trials": "trials",
}  # fmt: skip


@click.group(cls=HelpGroup)
def model() -> None:
    """Search for filters, evaluate, compare, export and serve them."""


model.add_command(audit)
model.add_command(challenge)
model.add_command(choices)
model.add_command(monitor)
model.add_command(trust)


@model.command()
@experiment_options
@trade_set_option
@as_json
def experiment(as_json: bool, **given: Any) -> None:
    """Search for a filter, open the hold-out once, judge by the gate, track it.

    `tradesieve model choices` lists the names of labels, fitness, applications.

    \b
        tradesieve model experiment --symbols BTC-USD --timeframe 5m
    """
    _run(as_json, given, seal=False)


@model.command()
@experiment_options
@trade_set_option
@click.option("--one-by-one", is_flag=True, help="A search for each strategy instance by itself.")
@as_json
def train(one_by_one: bool, as_json: bool, **given: Any) -> None:
    """Search and fit on the development part; the hold-out stays sealed.

    \b
        tradesieve model train --strategies all --one-by-one
    """
    if not one_by_one:
        _run(as_json, given, seal=True)
        return
    settings, console = read_settings(), Console(as_json=as_json)
    chosen = assemble_experiment(settings, **given)
    with console.progress() as progress:
        found = train_one_by_one(chosen, settings, progress=progress)
    _show_one_by_one(console, settings, chosen, found)


def _show_one_by_one(console: Console, settings: Settings, experiment: Experiment, found: dict[str, Any]) -> None:
    console.json(found | {"costs": costs_of(experiment)})
    show_terms(console, experiment)
    show_instances_trained(console, found, tables=settings.tables)
    for line in (
        *describe_limit(count_chosen(experiment), options="--num-strategies"),
        *describe_joined(found["same_trades_as"]),
    ):
        console.say(line)


def _run(as_json: bool, given: dict[str, Any], *, seal: bool) -> None:
    settings, console = read_settings(), Console(as_json=as_json)
    chosen = assemble_experiment(settings, **given)
    with console.progress() as progress:
        result = run_experiment(chosen, settings, seal=seal, progress=progress)
    console.json(result | {"costs": costs_of(chosen)})
    show_terms(console, chosen)
    show_result(console, result, tables=settings.tables)
    for line in (
        *describe_unset_sessions(result["data"].get("unset_sessions", {})),
        *describe_limit(count_chosen(chosen), options="--num-strategies"),
        *describe_joined(result["data"].get("same_trades_as", {})),
        *describe_no_trades(result["data"].get("without_trades", {})),
        *describe_left_out(result["data"].get("features_left_out", {})),
        *result["data"].get("other_symbols", ()),
    ):
        console.say(line)
    page = runs_page(settings.mlflow_address, result["mlflow_experiment"], result["run_id"])
    up = "" if settings.tracking.is_server else ", while `tradesieve up` runs"
    console.say(f"In MLflow{up}: {page}")


@model.command()
@experiment_options
@click.option("--runs", "n_runs", type=int, default=10, show_default=True, metavar="N", help="Surrogates a kind.")
@click.option("--kinds", metavar="A,B,...", help=f"{', '.join(SURROGATES)}.")
@as_json
def placebo(n_runs: int, kinds: str | None, as_json: bool, **given: Any) -> None:
    """Count how often the gate opens where there is nothing to find.

    Nothing is recorded, and no hold-out is opened.
    """
    settings, console = read_settings(), Console(as_json=as_json)
    chosen = assemble_experiment(settings, **given)
    with console.progress() as progress:
        found = run_placebo(chosen, settings, n_runs=n_runs, kinds=split_commas(kinds), progress=progress)
    console.json(found)
    show_placebo(console, found)


@model.command("eval")
@click.option("--run", "run_id", shell_complete=complete_tracked_runs,
              help="MLflow run of the model; the champion by default.")  # fmt: skip
@click.option("--strategies", help="Rules or strategies of the model, separated by commas; all by default.")
@click.option("--from", "start", help="Evaluate trades decided after this time; after the model's training by default.")
@click.option("--to", "end", help="Evaluate bars up to this time, ISO 8601.")
@click.option(
    "--one-by-one",
    is_flag=True,
    help="Evaluate what `model train --one-by-one` trained; --run is the hash of its experiment, the last by default.",
)
@as_json
def eval_(
    run_id: str | None, strategies: str | None, start: str | None, end: str | None, one_by_one: bool, as_json: bool
) -> None:
    """Evaluate a model on stored bars that it was not trained on: each strategy with and without it.

    This opens the hold-out, which is recorded in the ledger.
    """
    settings, console = read_settings(), Console(as_json=as_json)
    chosen = [] if strategies in (None, "all") else split_commas(strategies)
    if one_by_one:
        if start or end:
            raise BadInput("--from and --to: one by one, the whole hold-out is evaluated; leave them out")
        with console.progress() as progress:
            experiment, found = evaluate_one_by_one(settings, run_id or LAST, strategies=chosen, progress=progress)
        _show_one_by_one(console, settings, experiment, found)
        return
    run_id = run_id or champion_run(settings)
    source = artifact_of(settings, run_id)
    with console.progress() as progress:
        found = evaluate(source, settings, strategies=chosen, start=start, end=end, progress=progress)
    symbols = dict.fromkeys(instance.symbol for instance in source.instances)
    instruments = [model_instrument(source, symbol) for symbol in symbols]
    trades = source.manifest.get("trades")
    found = {"run_id": run_id, **found, "costs": {} if trades is not None else costs_by_symbol(instruments)}
    console.json(found)
    if trades is None:
        show_costs(console, instruments, remedy="the model was trained on them")
    else:
        show_imported_costs(console, trades)
    show_evaluation(console, found, tables=settings.tables)
    for line in describe_joined(found["same_trades_as"]):
        console.say(line)


@model.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the finished runs, the last one first.

    Both Sortino ratios are those of the hold-out, or of the development part while it is sealed.
    """
    settings, console = read_settings(writes=False), Console(as_json=as_json)
    roles = roles_of(settings)
    rows = [{**(row := described_run(found)), "role": roles.get(row["run_id"], "")} for found in stored_runs(settings)]
    console.json({"runs": rows})
    if not rows:
        console.say(f"no run is stored in {settings.home}; see `tradesieve model experiment --help`")
        return
    console.table("finished runs", rows, _RUNS)


@model.command()
@click.argument("run", default=LAST, shell_complete=complete_runs)
@as_json
def show(run: str, as_json: bool) -> None:
    """Show the result of a run as it was: the trials, each strategy, both parts, the gate.

    RUN is as for `model compare`.
    """
    settings, console = read_settings(writes=False), Console(as_json=as_json)
    found = find_run(settings, run).result | {"reused": True}
    console.json(found)
    show_result(console, found, tables=settings.tables)


@model.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", shell_complete=complete_runs)
@as_json
def compare(runs: tuple[str, ...], as_json: bool) -> None:
    """Compare runs on the days that all their hold-outs share: which earns more, and is it luck?

    A RUN is the hash of an experiment, a run of MLflow, the first letters of either, or 'last'. The others are compared
    with the first.
    """
    settings, console = read_settings(writes=False), Console(as_json=as_json)
    found = compare_runs([find_run(settings, run) for run in runs])
    console.json(found)
    show_comparison(console, found)


@model.command()
@click.argument("run", default=LAST, shell_complete=complete_runs)
@click.option("--output", type=click.Path(path_type=Path), help="The .py file to write.  [default: model_RUN.py here]")
@replace_option
@as_json
def code(run: str, output: Path | None, replace: bool, as_json: bool) -> None:
    """Write the winner of a run as a Python file that trains and predicts by itself, with its table of features.

    The file needs numpy, pandas and the library of the model, and scikit-learn where scores are calibrated. RUN is as
    for `model compare`.

    
        tradesieve model code last --output winner.py && python winner.py
    """
    settings, console = read_settings(writes=False), Console(as_json=as_json)
    found = find_run(settings, run)
    path = output or Path(f"model_{found.result['experiment']}.py")
    if path.suffix != ".py":
        raise BadInput(f"{path}: code is written to a file ending in .py")
    if not replace:
        refuse_existing(path)
        refuse_existing(path.with_suffix(".csv"))
    with console.progress() as progress:
        written = write_model_code(found, settings, path, progress=progress)
    console.json(written)
    console.say(f"{path} trains {written['winner']} on {written['n_rows']:,} rows of {written['table']}: run it")


@model.command()
@click.option("--run", "run_id", shell_complete=complete_tracked_runs,
              help="MLflow run to export; the champion by default.")  # fmt: skip
@click.option("--override", help="Export with the gate closed, for this reason; it is recorded in the manifest.")
@click.option(
    "--life-days", type=click.FloatRange(min=0, min_open=True), help="Days for which the model may be relied on."
)
@as_json
def export(run_id: str | None, override: str | None, life_days: float | None, as_json: bool) -> None:
    """Build the Bento of the champion, or of any run; a running service switches to it.

    \b
        tradesieve model export
        tradesieve model export --run 3f2a... --override "to watch it live"
    """
    settings, console = read_settings(), Console(as_json=as_json)
    run_id = run_id or champion_run(settings)
    with console.progress() as progress:
        progress("export", 0, 1, f"run {run_id}")
        released, tag = release_run(settings, run_id, override=override, life_days=life_days, say=console.say)
        progress("export", 1, 1, tag)
    bento = settings.bentoml / "bentos" / tag.replace(":", "/")
    console.json(
        {"run_id": run_id, "bento": tag, "folder": str(bento), "artifact": str(released.folder),
         "model": released.fingerprint, "override": released.manifest["override"],
         "serve": bento_command(settings, tag)}
    )  # fmt: skip
    console.say(f"Bento {tag} of run {run_id}, in {bento}")
    if released.manifest["override"]:
        console.say(f"The gate is closed. Overridden: {released.manifest['override']}")
    console.say("Serve it with `tradesieve model run`; a running service switches to it now. The Bento alone:")
    console.say(bento_command(settings, tag))


@model.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to bind to; others than this machine take keys."
)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@as_json
def run(host: str, port: int, as_json: bool) -> None:
    """Serve the exported model over HTTP until Ctrl-C. It switches to a new export without dropping a request."""
    settings, console = read_settings(), Console(as_json=as_json)
    command = service_command(settings, host=host, port=port)
    if command is None:
        raise BadInput("no model is exported yet: run `tradesieve model export` first")
    require_free(port, host=host, remedy="stop what listens there, or choose another one with --port")
    released, url = settings.champion.resolve().name, f"http://{host}:{port}"
    console.json({"released": released, "url": url})
    console.note(f"serving {released} on {url}, stop with Ctrl-C")
    # Replace this process, so that signals reach the service itself.
    state = {"TRADESIEVE_HOME": str(settings.home), "BENTOML_HOME": str(settings.bentoml)}
    os.execve(command[0], command, os.environ | state | {"BENTOML_DO_NOT_TRACK": "True"})
