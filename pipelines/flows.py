"""The Prefect flows: the steps of the command line with retries, progress, and a record of each run.

Only what a retry can cure is retried. A task is a chunk (a symbol at a timeframe), never a single strategy. Tasks pass
on small values only, since Prefect would hash whole tables.

A parameter that equals its default counts as not given, since a deployment passes all of them: it neither beats the
configuration nor adds to it. To force such a value against a configuration, write it into the configuration.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from tradesieve.market.errors import Transient
from tradesieve.models.tracking.connection import experiment_id, runs_page
from tradesieve.pipelines.experiment import Experiment, experiment_from
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.run_note import leaderboard_table, run_note
from tradesieve.pipelines.settings import Settings, read_settings
from tradesieve.pipelines.steps.chunk_features import describe_left_out
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.strategies.trades import is_closed


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return True if a failed task is worth another try."""
    try:
        state.result()
    except Transient:
        return True
    except Exception:
        return False
    return False


@task(
    task_run_name="trades-{symbol}-{timeframe}",
    retries=3,
    retry_delay_seconds=[1, 5, 20],
    retry_condition_fn=is_transient,
)
def generate_chunk(values: dict[str, Any], symbol: str, timeframe: str) -> int:
    """Generate the trades of one chunk into the state folder; return the number of closed ones."""
    part, settings = experiment_from(values).restricted_to(symbol, timeframe), read_settings()
    return sum(int(is_closed(generate_trades(chunk, settings)).sum()) for chunk in load_chunks(part, settings))


@task(task_run_name="search-and-judge", retries=2, retry_delay_seconds=[5, 30], retry_condition_fn=is_transient)
def search_and_judge(values: dict[str, Any], seal: bool) -> dict[str, Any]:
    """Run the experiment; return its result without the long tables, and a note of what was asked and found."""
    chosen, settings = experiment_from(values), read_settings()
    result = run_experiment(chosen, settings, seal=seal, progress=_prefect_progress())
    note = [run_note(result, chosen), "## The best trials", leaderboard_table(result), _in_mlflow(result, settings)]
    short = {key: value for key, value in result.items() if key not in ("leaderboard", "by_instance")}
    return short | {"note": "\n\n".join(note)}


@flow(name="trades", flow_run_name="trades-{symbols}")
def trades(
    symbols: str = "", timeframes: str = "5m", strategies: str = "", num_strategies: int | None = None
) -> dict[str, int]:
    """Backtest strategies over symbols and timeframes into the state folder.

    Parameters
    ----------
    symbols, timeframes, strategies : separated by commas, as on the command line; without symbols, every stored one;
        without strategies, every rule.
    num_strategies : how many strategies, one of each rule in turn; None: five, or all if `strategies` is ``all`` or
        their parameters are written out.
    """
    return _generate(
        assemble(None, symbols=symbols, timeframes=timeframes, strategies=strategies, num_strategies=num_strategies)
    )


@flow(name="experiment", flow_run_name="experiment-{symbols}")
def experiment(
    symbols: str = "",
    timeframes: str = "5m",
    strategies: str = "",
    num_strategies: int | None = None,
    config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Run a whole experiment: trades, factors, search, hold-out, gate, MLflow.

    Parameters
    ----------
    symbols, timeframes, strategies, num_strategies : as for the flow `trades`.
    config : the keys of an experiment (see `pipelines.experiment.Experiment`); the other parameters override them
        unless they equal their defaults.
    """
    chosen = assemble(
        config, symbols=symbols, timeframes=timeframes, strategies=strategies, num_strategies=num_strategies
    )
    return _run(chosen, seal=False)


@flow(name="train", flow_run_name="train-{symbols}")
def train(
    symbols: str = "",
    timeframes: str = "5m",
    strategies: str = "",
    num_strategies: int | None = None,
    config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Search and fit on the development part only; the hold-out stays sealed. Parameters as for `experiment`."""
    chosen = assemble(
        config, symbols=symbols, timeframes=timeframes, strategies=strategies, num_strategies=num_strategies
    )
    return _run(chosen, seal=True)


def assemble(config: Mapping[str, Any] | None, **parameters: Any) -> Experiment:
    """Assemble the experiment of a flow run; a parameter that equals its default counts as not given."""
    defaults = inspect.signature(experiment.fn).parameters
    given = {name: value for name, value in parameters.items() if value != defaults[name].default}
    return assemble_experiment(read_settings(), config=config, **given)


def _generate(chosen: Experiment) -> dict[str, int]:
    pairs = [(symbol, timeframe) for symbol in chosen.symbols for timeframe in chosen.timeframes]
    futures = {pair: generate_chunk.submit(chosen.as_dict(), *pair) for pair in pairs}
    return {" ".join(pair): future.result() for pair, future in futures.items()}


def _run(chosen: Experiment, *, seal: bool) -> dict[str, Any]:
    log = get_run_logger()
    log.info("experiment %s", chosen.hash)
    for name, count in _generate(chosen).items():
        log.info("%s: %d closed trades", name, count)
    result = search_and_judge(chosen.as_dict(), seal)
    data = result["data"]
    for line in (
        *describe_left_out(data.get("features_left_out", {})),
        *data.get("other_symbols", ()),
    ):
        log.info(line)
    create_markdown_artifact(result["note"], key=f"experiment-{result['experiment']}")
    return {key: result[key] for key in ("experiment", "run_id", "coverage", "n_trials", "gate")}


def _in_mlflow(result: Mapping[str, Any], settings: Settings) -> str:
    """Say where MLflow shows a run: a link where it is a server."""
    store, run_id = settings.tracking, result["run_id"]
    named = f"MLflow run `{run_id}`"
    if not store.is_server:
        return named
    return f"[{named}]({runs_page(store.tracking_uri, experiment_id(store), run_id)})"


def _prefect_progress() -> Progress:
    """Report progress to Prefect: a bar in its UI and a log line for each stage."""
    log = get_run_logger()
    bars: dict[str, Any] = {}
    shown: dict[str, int] = {}

    def report(stage: str, done: int, total: int, detail: str) -> None:
        percent = round(100 * done / max(total, 1))
        if stage not in bars:
            log.info("%s: %s", stage, detail)
            bars[stage] = create_progress_artifact(progress=float(percent), key=f"progress-{stage}")
        # A call takes milliseconds: report steps of ten per cent.
        elif percent >= shown[stage] + 10 or percent == 100:
            update_progress_artifact(artifact_id=bars[stage], progress=float(percent))
        else:
            return
        shown[stage] = percent

    return report
