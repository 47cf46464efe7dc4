"""The Prefect flows, run for real on a server of their own: they find what the command line finds, and retry wisely."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import settings_in
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, Refused, Transient
from tradesieve.models.artifact.artifact import Artifact as ModelArtifact
from tradesieve.models.artifact.artifact import release
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.research_trades import load_model_chunk, research_trades
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_trades import generate_trades
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.serving.export import point_to
from tradesieve.serving.in_process import InProcessClient
from tradesieve.strategies.trades import is_closed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server in a folder of its own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
    patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    patch.setenv("DO_NOT_TRACK", "true")
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=600):
        yield
    patch.undo()


@pytest.fixture(scope="module")
def home(prefect: None, make_home: Callable[..., Settings], small_bars: Bars) -> Iterator[Settings]:
    """A home with the bars of two symbols, which the flows read from the environment."""
    settings = make_home()
    settings.bars.append(replace(small_bars[:4000], symbol="BBB"))
    patch = pytest.MonkeyPatch()
    patch.setenv("TRADESIEVE_HOME", str(settings.home))
    patch.setenv("TRADESIEVE_MLFLOW_PAGES", "http://127.0.0.1:5001")
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield settings
    patch.undo()


@pytest.fixture(scope="module")
def config(small_experiment: Any) -> dict[str, Any]:
    """The small experiment as the keys that a deployment is given."""
    return small_experiment.as_dict()


def test_the_trades_flow_makes_what_the_steps_read(home: Settings, small_experiment: Any) -> None:
    from tradesieve.pipelines.flows import trades

    counts = trades(timeframes="15m,1h", num_strategies=3)
    assert set(counts) == {"AAA 15m", "AAA 1h", "BBB 15m", "BBB 1h"}, "every stored symbol by default"
    told: list[str] = []
    (chunk,) = load_chunks(small_experiment, home)
    table = generate_trades(chunk, home, progress=lambda *step: told.append(step[3]))
    assert is_closed(table).sum() == counts["AAA 15m"] > 0
    assert told == [f"AAA 15m: read {len(table)}"]


def test_the_experiment_flow_finds_what_a_run_finds(home: Settings, finished: Any, config: dict[str, Any]) -> None:
    from prefect.artifacts import Artifact

    from tradesieve.pipelines.flows import experiment

    found = experiment(config=config)
    assert found["experiment"] == finished.experiment.hash
    for key in ("gate", "coverage", "n_trials"):
        assert found[key] == finished.result[key], key
    assert run_experiment(finished.experiment, home)["reused"] is True
    table = Artifact.get(f"experiment-{found['experiment']}")
    assert table is not None
    assert isinstance(table.data, str)
    assert (
        f"[MLflow run `{found['run_id']}`](http://127.0.0.1:5001/#/experiments/1/runs/{found['run_id']}" in table.data
    )
    assert f"TRADESIEVE_HOME={home.home} tradesieve report {found['experiment']} --open" in table.data
    assert table.data.count("| hold-out |") == 3, "every trade, the filtered ones, and a random filter"
    assert f"`{finished.result['winner']['name']}`" in table.data
    assert "| 1 |" in table.data.partition("## The best trials")[2]
    assert not re.search(r"\d\.\d{5}", table.data.partition("## Is it luck?")[0]), "numbers are rounded"
    for condition in finished.result["gate"]["conditions"]:
        assert condition["reason"] in table.data
    progress = Artifact.get("progress-search")
    assert progress is not None
    assert progress.data == 100.0


def test_the_train_flow_leaves_the_holdout_sealed(home: Settings, config: dict[str, Any]) -> None:
    from tradesieve.pipelines.flows import train

    openings = len(home.ledger.holdout_openings(["AAA"]))
    other = config | {"plan": config["plan"] | {"seed": 11}}
    found = train(config=other)
    assert found["gate"] is None
    assert len(home.ledger.holdout_openings(["AAA"])) == openings


def test_what_is_wrong_fails_the_flow_once(home: Settings) -> None:
    """No retry can cure a name that does not exist."""
    from tradesieve.pipelines.flows import experiment, trades

    with pytest.raises(BadInput, match="did you mean 'dip_buying'"):
        trades(symbols="AAA", timeframes="15m", strategies="dip_bying")
    with pytest.raises(BadInput, match="no bars of ZZZ at 15m or shorter are stored"):
        experiment(symbols="ZZZ", timeframes="15m")
    with pytest.raises(BadInput, match="unknown key in plan: 'sed': did you mean 'seed'"):
        experiment(config={"plan": {"sed": 1}})


def test_a_symbol_that_is_not_stored_is_judged_before_anything_is_computed(
    home: Settings, small_experiment: Any, folder_state: Callable[[Path], dict[str, str]], caplog: Any
) -> None:
    """In the words of the command line, which are all that the state of the run says."""
    from tradesieve.pipelines.flows import experiment

    unknown = replace(small_experiment, symbols=("AAA", "AAAB"))
    with pytest.raises(BadInput, match="no bars of AAAB at 15m or shorter are stored; did you mean 'AAA'") as said:
        load_chunks(unknown, home)
    before = folder_state(home.home)
    state = experiment(symbols=["AAA", "AAAB"], timeframes="15m", return_state=True)
    assert state.is_failed()
    assert state.message == str(said.value)
    assert folder_state(home.home) == before, "nothing is computed"
    assert "Traceback" not in caplog.text


def test_the_log_of_a_refused_run_ends_with_its_sentence(home: Settings, caplog: Any) -> None:
    """A worker runs flows in Prefect's engine, which raises from a failed state; a fault keeps its traceback."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import run_flow
    from prefect.logging.loggers import flow_run_logger

    from tradesieve.pipelines.flows import trades

    @flow
    def broken() -> None:
        raise ZeroDivisionError("ours")

    def logged(run: Any, parameters: dict[str, Any]) -> list[logging.LogRecord]:
        caplog.clear()
        with get_client(sync_client=True) as client:
            flow_run = client.create_flow_run(run, parameters=parameters)
        with pytest.raises(SystemExit), handle_engine_signals():
            run_flow(run, flow_run=flow_run, error_logger=flow_run_logger(flow_run))
        return [record for record in caplog.records if record.levelno >= logging.ERROR]

    for name in ("prefect.flow_runs", "prefect.engine"):
        logging.getLogger(name).addHandler(caplog.handler)
    try:
        refused = logged(trades, {"symbols": "ZZZ", "timeframes": "15m"})
        unexpected = logged(broken, {})
    finally:
        for name in ("prefect.flow_runs", "prefect.engine"):
            logging.getLogger(name).removeHandler(caplog.handler)
    (sentence,) = {record.getMessage() for record in refused}
    assert sentence.startswith("no bars of ZZZ at 15m or shorter are stored")
    assert not any(record.exc_info for record in refused)
    assert any(record.exc_info for record in unexpected)


def test_deploying_by_hand_notes_the_state_folder_of_the_command_line(
    prefect: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """prefect.yaml, filled in as `prefect deploy` does, where no TRADESIEVE_HOME is set."""
    import yaml
    from prefect.deployments.steps.core import run_steps
    from prefect.utilities.templating import apply_values

    from tradesieve.pipelines.stack.configuration import DEPLOYMENTS

    monkeypatch.delenv("TRADESIEVE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    written = yaml.safe_load(DEPLOYMENTS.read_text())
    outputs = asyncio.run(run_steps(written["build"]))
    for deployment in written["deployments"]:
        variables = apply_values(deployment["work_pool"]["job_variables"], outputs)
        assert variables["env"]["TRADESIEVE_HOME"] == str(tmp_path / "var")


def test_the_server_refuses_what_the_schema_refuses(prefect: None) -> None:
    """A deployment's page and form explain themselves, and a wrong value never becomes a run."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    from tradesieve.pipelines import flows

    with get_client(sync_client=True) as client:
        for flow in (flows.monitor, flows.trades, flows.experiment, flows.train):
            schema = flow.parameters.model_dump_for_openapi()
            assert all(len(key["description"]) > 40 for key in schema["properties"].values()), flow.name
            assert len(flow.description or "") > 100
            flow_id = client.create_flow(flow)
            deployment = client.create_deployment(flow_id, "default", parameter_openapi_schema=schema)
        for values, said in (
            ({"symbols": 5}, "field 'symbols'"),
            ({"num_strategies": 0}, "0 is less than the minimum of 1"),
            ({"config": {"sybols": ["AAA"]}}, "'sybols' was unexpected"),
            ({"config": {"plan": {"sed": 1}}}, "field 'config.plan'.*'sed' was unexpected"),
            ({"config": {"plan": {"aim": "smoth"}}}, "'smoth' is not one of .'smooth', 'money'"),
        ):
            with pytest.raises(PrefectHTTPStatusError, match=said):
                client.create_flow_run_from_deployment(deployment, parameters=values)
        run = client.create_flow_run_from_deployment(deployment, parameters={"symbols": ["AAA"], "config": None})
        assert run.parameters["symbols"] == ["AAA"]


@pytest.mark.parametrize(
    ("error", "n_calls"), [(Transient("busy"), 3), (BadInput("wrong"), 1), (Refused("no"), 1), (ValueError("ours"), 1)]
)
def test_only_what_passes_is_tried_again(prefect: None, error: Exception, n_calls: int) -> None:
    from prefect import flow, task

    from tradesieve.pipelines.flows import is_transient

    calls = []

    @task(retries=2, retry_delay_seconds=0, retry_condition_fn=is_transient)
    def fail() -> None:
        calls.append(1)
        raise error

    @flow
    def once() -> None:
        fail()

    with pytest.raises(type(error)):
        once()
    assert len(calls) == n_calls


def test_every_task_of_ours_retries_only_what_passes(prefect: None) -> None:
    from tradesieve.pipelines.flows import generate_chunk, is_transient, search_and_judge

    for step in (generate_chunk, search_and_judge):
        assert step.retry_condition_fn is is_transient
        assert step.retries > 0


def test_the_deployments_name_flows_that_exist(prefect: None) -> None:
    """prefect.yaml, read as Prefect reads it."""
    import yaml
    from prefect.flows import load_flow_from_entrypoint

    from tradesieve.pipelines.stack.configuration import DEPLOYMENTS

    deployments = yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]
    names = set()
    for deployment in deployments:
        found = load_flow_from_entrypoint(deployment["entrypoint"])
        assert found.fn.__name__ == deployment["entrypoint"].rpartition(".")[2]
        required = found.parameters.required or []
        assert required == [], "a deployment runs without being asked anything"
        names.add(f"{found.name}/{deployment['name']}")
    assert "experiment/default" in names


def test_the_monitor_runs_every_night_and_needs_no_model(
    prefect: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    from tradesieve.pipelines import flows
    from tradesieve.pipelines.stack.configuration import DEPLOYMENTS

    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path))
    assert flows.monitor() == {}
    deployments = yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]
    (nightly,) = (each for each in deployments if each["entrypoint"].endswith(".monitor"))
    assert nightly["schedules"] == [{"cron": "10 0 * * *", "timezone": "UTC"}]


@pytest.fixture
def losing(
    prefect: None, finished: Any, trained: ModelArtifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A home whose exported model was asked for a week by the client in the process, and every trade lost."""
    # MLflow's records stay behind: they name the place of their files.
    shutil.copytree(finished.settings.home, tmp_path / "home", ignore=shutil.ignore_patterns("mlflow*"))
    settings = settings_in(tmp_path / "home")
    artifact = release(trained, settings.home / "released" / "one", run_id=finished.result["run_id"], override="a test")
    point_to(settings.champion, artifact.folder)
    for name, value in {"HOME": settings.home, "CLOCK": "replay", "GUARDS": "range=warn,side=warn"}.items():
        monkeypatch.setenv(f"TRADESIEVE_{name}", str(value))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    chunk = load_model_chunk(artifact, "AAA", "15m", settings)
    bars, needed = chunk.bars, artifact.requirements("15m").bars
    since = int(bars.close_time[-1]) - 7 * 86_400 * 10**9
    trades = research_trades(artifact, chunk, settings, start_time=since).to_dict("records")
    with InProcessClient(settings.champion, timeout=30.0, fallback="raise") as client:
        for trade in trades:
            known = bars.between(end_time=int(trade["decision_time"]))[-needed:]
            asked = {key: trade[key] for key in ("strategy", "symbol", "timeframe", "side", "decision_time")}
            answer = client.score(**asked, bars=known)
            assert answer.size == trade["size"], "live is research"
        lost = [{**trade, "net_return": -0.05, "size": 1.0} for trade in trades]
        assert client.report_outcomes(lost).stored == len(trades)
    return settings


def test_an_alarm_fails_the_night_and_searches_again_where_it_is_told_to(
    losing: Settings, finished: Any, config: dict[str, Any], caplog: Any
) -> None:
    from prefect.artifacts import Artifact

    from tradesieve.pipelines import flows

    def night(**parameters: Any) -> str:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            state = flows.monitor(**parameters, return_state=True)
        assert state.is_failed()
        assert re.match(r"live differs from what was expected: .*win rate is 0 live", state.message)
        return caplog.text

    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addHandler(caplog.handler)
    try:
        alone, again = night(), night(retrain=True, config=config)
    finally:
        for name in ("prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(name).removeHandler(caplog.handler)
    assert "searching again" not in alone
    assert "search-and-judge" not in alone
    assert "searching again: win rate is 0 live" in again
    assert f"experiment {finished.experiment.hash}" in again
    page = Artifact.get("monitor")
    assert page is not None
    assert "- win rate is 0 live" in str(page.data)
    assert Artifact.get(f"experiment-{finished.experiment.hash}") is not None
