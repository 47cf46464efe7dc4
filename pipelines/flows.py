"""The Prefect flows: the steps of the command line with retries, progress, and a record of each run.

Only what a retry can cure is retried. A task is a chunk (a symbol at a timeframe), never a single strategy. Tasks pass
on small values only, since Prefect would hash whole tables.

A parameter that equals its default counts as not given, since a deployment passes all of them: it neither beats the
configuration nor adds to it. To force such a value against a configuration, write it into the configuration.

A deployment's page shows the docstring of its flow, and its form the descriptions of `pipelines.flow_parameters`. The
server refuses what their schema refuses; what only the state folder knows is judged before anything is computed. An
expected failure is one sentence in the state of the run, the same as on the command line.
"""

from __future__ import annotations

import inspect
import logging
import shlex
from collections.abc import Callable, Mapping
from textwrap import shorten
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.tasks import Task

from tradesieve.market.errors import BadInput, TradesieveError, Transient
from tradesieve.models.tracking.connection import experiment_id, runs_page
from tradesieve.pipelines.experiment import Experiment, experiment_from
from tradesieve.pipelines.experiment_assembly import assemble_experiment
from tradesieve.pipelines.flow_parameters import Config, NumberOfStrategies, Retrain, Strategies, Symbols, Timeframes
from tradesieve.pipelines.progress import Progress
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.live_monitor import monitor_live, require_no_alarm
from tradesieve.pipelines.runs.run_note import leaderboard_table, run_note
from tradesieve.pipelines.runs.stored_decisions import stored_decisions
from tradesieve.pipelines.settings import Settings, read_settings
from tradesieve.pipelines.steps.chunk_features import describe_left_out
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import check_stored, load_chunks
from tradesieve.strategies.trades import is_closed


def _without_traceback(record: logging.LogRecord) -> bool:
    """Take the traceback of an expected failure from what Prefect logs, and drop what is left without it.

    `_stated` logs the sentence of the failure. Then Prefect's engine raises the error anew from the failed state, and
    calls it unexpected.
    """
    if record.exc_info is None or not isinstance(record.exc_info[1], TradesieveError):
        return True
    record.exc_info = None
    return record.name == _TASK_LOG  # says whether the task is tried again


_TASK_LOG = "prefect.task_runs"
for _name in (_TASK_LOG, "prefect.flow_runs", "prefect.engine"):
    logging.getLogger(_name).addFilter(_without_traceback)


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
    note = [run_note(result, chosen), "## The best trials", leaderboard_table(result), _where_to_look(result, settings)]
    short = {key: value for key, value in result.items() if key not in ("leaderboard", "by_instance")}
    return short | {"note": "\n\n".join(note)}


def run_name() -> str:
    """Name a flow run by its flow and its symbols."""
    given = flow_run.parameters
    symbols = given.get("symbols") or (given.get("config") or {}).get("symbols") or "every stored symbol"
    names = symbols if isinstance(symbols, list) else str(symbols).split(",")
    return shorten(f"{flow_run.flow_name} {', '.join(map(str, names))}", 80, placeholder=" and more")


@flow(name="trades", flow_run_name=run_name)
def trades(
    symbols: Symbols = "",
    timeframes: Timeframes = "5m",
    strategies: Strategies = "",
    num_strategies: NumberOfStrategies = None,
) -> dict[str, int] | State[Any]:
    """Backtest strategies over symbols and timeframes.

    Writes the trades of each strategy on each symbol at each timeframe into the state folder, where an experiment finds
    them, and returns the number of closed ones by symbol and timeframe.
    """

    def generate() -> dict[str, int]:
        given = {"symbols": symbols, "timeframes": timeframes, "strategies": strategies}
        return _generate(_judged(None, **given, num_strategies=num_strategies))

    return _stated(generate)


@flow(name="experiment", flow_run_name=run_name)
def experiment(
    symbols: Symbols = "",
    timeframes: Timeframes = "5m",
    strategies: Strategies = "",
    num_strategies: NumberOfStrategies = None,
    config: Config = None,
) -> dict[str, Any] | State[Any]:
    """Search for a filter of the strategies' trades, and judge it on the hold-out.

    Backtests what is not backtested yet, searches on the folds of the development part, opens the sealed hold-out once
    for the winner, and lets the gate judge it. The run stands in MLflow; an artifact says what was found and whether it
    is luck. To serve a winner, see `tradesieve model export`.
    """
    given = {"symbols": symbols, "timeframes": timeframes, "strategies": strategies}
    return _stated(lambda: _run(_judged(config, **given, num_strategies=num_strategies), seal=False))


@flow(name="train", flow_run_name=run_name)
def train(
    symbols: Symbols = "",
    timeframes: Timeframes = "5m",
    strategies: Strategies = "",
    num_strategies: NumberOfStrategies = None,
    config: Config = None,
) -> dict[str, Any] | State[Any]:
    """Search like `experiment`, but leave the hold-out sealed.

    Backtests what is not backtested yet, searches on the folds of the development part, and refits the winner on that
    part. The hold-out is not opened, so no gate is judged: to judge the winner, run `experiment` with the same
    parameters. The run stands in MLflow; an artifact says what was found.
    """
    given = {"symbols": symbols, "timeframes": timeframes, "strategies": strategies}
    return _stated(lambda: _run(_judged(config, **given, num_strategies=num_strategies), seal=True))


@flow(name="monitor", flow_run_name="monitor")
def monitor(retrain: Retrain = False, config: Config = None) -> dict[str, Any] | State[Any]:
    """Hold the exported model's live decisions and trades against what was expected of it; runs every night.

    The run fails where live is worse than luck explains, or factors have shifted; an artifact says which. It can search
    again then; a new winner that passes the gate waits for `tradesieve model export`. Without an exported model, or a
    stored decision, there is nothing to do.
    """
    return _stated(lambda: _monitor(retrain, config))


def _monitor(retrain: bool, config: Mapping[str, Any] | None) -> dict[str, Any]:
    settings, log = read_settings(), get_run_logger()
    try:
        with stored_decisions(settings) as store:
            found = monitor_live(settings, store)
    except BadInput as error:
        log.info("nothing to monitor: %s", error)
        return {}
    text = "\n".join(f"- {alarm}" for alarm in found.alarms) or "Nothing is worse than luck explains."
    create_markdown_artifact(f"# Model {found.model}\n\n{text}", key="monitor")
    if found.alarms and retrain:
        log.info("searching again: %s", "; ".join(found.alarms))
        _run(_judged(config), seal=False)
    require_no_alarm(found)
    return found.as_dict()


def state_folder() -> dict[str, str]:
    """Return the state folder as the output of a step of prefect.yaml, so that `prefect deploy` notes it for every run.

    It is the folder of the command line where `prefect deploy` is called: ``TRADESIEVE_HOME``, or ``./var``.
    """
    return {"folder": str(read_settings().home)}


def assemble(config: Mapping[str, Any] | None, **parameters: Any) -> Experiment:
    """Assemble the experiment of a flow run; a parameter that equals its default counts as not given."""
    defaults = inspect.signature(experiment.fn).parameters
    given = {name: value for name, value in parameters.items() if value != defaults[name].default}
    return assemble_experiment(read_settings(), config=config, **given)


def _judged(config: Mapping[str, Any] | None, **parameters: Any) -> Experiment:
    """Assemble the experiment of a flow run, and refuse what the state folder does not hold."""
    chosen = assemble(config, **parameters)
    check_stored(chosen, read_settings())
    return chosen


def _stated(run: Callable[[], Any]) -> Any:
    """Return what a run returns; an expected failure as a state whose message is one sentence, without a traceback."""
    try:
        return run()
    except TradesieveError as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error), data=error)


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


def _where_to_look(result: Mapping[str, Any], settings: Settings) -> str:
    """Say where MLflow shows a run, with a link where its pages are served, and how to write the report."""
    store, run_id, named = settings.tracking, result["run_id"], f"MLflow run `{result['run_id']}`"
    if settings.mlflow_pages is not None:
        named = f"[{named}]({runs_page(settings.mlflow_pages, experiment_id(store), run_id)})"
    home = f"TRADESIEVE_HOME={shlex.quote(str(settings.home))}"
    return f"{named}. The report as a page: `{home} tradesieve report {result['experiment']} --open`"


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
