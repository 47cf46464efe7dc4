"""The MLflow door on a real SQLite store."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from tradesieve.market.errors import BadInput, Transient, Unknown
from tradesieve.models.json_values import json_safe
from tradesieve.models.tracking.connection import connect
from tradesieve.models.tracking.run_records import SKIPPED_TAG
from tradesieve.models.tracking.runs import (
    OVERRIDE_TAG,
    SERVED,
    TrackingStore,
    champion,
    download_artifact,
    experiment_id,
    mark_served,
    track_experiment,
)
from tradesieve.models.tracking.serialisation import params_of, split_metrics
from tradesieve.models.tracking.tracking_process import tracking_process

EMPTY_RUN: dict[str, Any] = {"children": [], "artifact_folder": None, "tables": {}, "files": {}, "register": False}


def store_at(home: Path) -> TrackingStore:
    return TrackingStore(
        tracking_uri=f"sqlite:///{home}/mlflow/mlflow.db",
        artifact_root=str(home / "mlflow" / "artifacts"),
        experiment="tradesieve",
        registered_model="tradesieve",
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TrackingStore:
    store = store_at(tmp_path_factory.mktemp("home"))
    with tracking_process(store) as track_there:
        run = track_there({"name": "first of the store"}, **EMPTY_RUN, tags={"tradesieve.experiment": "0"})
    assert connect(store).get_run(run.run_id).info.experiment_id == run.experiment
    assert {path.name for path in store.database.parent.iterdir()} == {store.database.name, "artifacts"}
    return store


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "native").mkdir(parents=True)
    (folder / "model.json").write_text('{"format": "lightgbm"}')
    (folder / "native" / "model.txt").write_text("tree")
    return folder


def client_of(store: TrackingStore):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store.tracking_uri, registry_uri=store.tracking_uri)


def finished_runs(store: TrackingStore, experiment: str) -> list[str]:
    """The finished runs of an experiment, latest first."""
    condition = f"tags.`tradesieve.experiment` = '{experiment}' and attributes.status = 'FINISHED'"
    return [run.info.run_id for run in client_of(store).search_runs([experiment_id(store)], condition)]


def logged_result(store: TrackingStore, run_id: str, folder: Path) -> dict:
    return json.loads(Path(client_of(store).download_artifacts(run_id, "result.json", str(folder))).read_text())


def track(store: TrackingStore, experiment: str, **changes: object) -> str:
    result = {"name": f"experiment {experiment}", "params": {"seed": 7}, "metrics": {"sortino": 1.25}}
    return track_experiment(store, result, **EMPTY_RUN | {"tags": {"tradesieve.experiment": experiment}} | changes)


def test_mlflow_uses_a_database_that_was_created_meanwhile_as_it_is(store, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.store.db import utils

    # Called for a database that lacks a table or a migration.
    monkeypatch.setattr(utils, "_initialize_tables", lambda engine: pytest.fail("MLflow created the tables again"))
    assert client_of(store).get_experiment(experiment_id(store)).name == store.experiment


def test_an_experiment_is_recorded_whole_and_nowhere_else(store, artifact, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    result = {
        "name": "first",
        "params": {"seed": 7, "engine": {"name": "lightgbm", "leaves": [7, 15]}},
        "metrics": {"baseline": {"sortino": -0.5}, "filtered": {"sortino": np.float64(1.5), "profit_factor": math.nan}},
        "curve": np.array([1.0, math.inf]),
    }
    run_id = track_experiment(
        store,
        result,
        children=[
            {"name": f"candidate {i}", "params": {"leaves": i}, "metrics": {"sortino": i / 10, "sharpe": None}}
            for i in range(3)
        ],
        artifact_folder=artifact,
        tables={"leaderboard": [{"candidate": "a", "sortino": 1.5}, {"candidate": "b", "sortino": None}]},
        files={"experiment.yaml": "seed: 7\n", "equity.html": "<!doctype html>\n"},
        register=True,
        tags={"tradesieve.experiment": "0a1b"},
    )
    client = client_of(store)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert run.data.params == {"seed": "7", "engine.name": "lightgbm", "engine.leaves": "[7, 15]"}
    assert run.data.metrics == {"baseline.sortino": -0.5, "filtered.sortino": 1.5}
    assert run.data.tags[SKIPPED_TAG] == "filtered.profit_factor"
    names = {item.path for item in client.list_artifacts(run_id)}
    assert names == {"artifact", "equity.html", "experiment.yaml", "leaderboard.csv", "result.json"}
    table = Path(client.download_artifacts(run_id, "leaderboard.csv", str(tmp_path))).read_text()
    assert table == "candidate,sortino\na,1.5\nb,\n"
    assert logged_result(store, run_id, tmp_path)["curve"] == [1.0, None]

    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert {child.info.run_name: child.data.metrics for child in children} == {
        f"candidate {i}": {"sortino": i / 10} for i in range(3)
    }
    assert {child.data.tags[SKIPPED_TAG] for child in children} == {"sharpe"}
    assert {child.info.status for child in children} == {"FINISHED"}

    assert champion(store) == (run_id, 1)
    copy = download_artifact(store, run_id, tmp_path / "deep" / "copy")
    assert (copy / "native" / "model.txt").read_text() == "tree"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["copy"]
    assert list(here.iterdir()) == []


def test_the_registered_version_resolves_to_the_artifact(store, artifact, tmp_path):
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    run_id = track(store, "resolves", artifact_folder=artifact, register=True)
    address = client_of(store).get_model_version_download_uri("tradesieve", str(champion(store)[1]))
    assert address == f"runs:/{run_id}/artifact"
    repository = get_artifact_repository(address, tracking_uri=store.tracking_uri)
    assert (Path(repository.download_artifacts("", str(tmp_path))) / "model.json").exists()


def test_a_finished_experiment_is_found_again_and_a_failed_one_is_not(store, tmp_path):
    run_id = track(store, "found")
    assert finished_runs(store, "found") == [run_id]
    assert finished_runs(store, "foun") == []
    with pytest.raises(BadInput, match="'x' is 'many'"):
        track(store, "failed", children=[{"name": "good"}, {"name": "bad", "metrics": {"x": "many"}}])
    assert finished_runs(store, "failed") == []
    client = client_of(store)
    runs = client.search_runs([experiment_id(store)], "tags.`tradesieve.experiment` = 'failed'")
    assert [run.info.status for run in runs] == ["FAILED"]


def test_a_failing_candidate_is_marked_too(store):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="Invalid"):
        track(store, "halfway", children=[{"name": "bad name", "params": {"a?b": 1}}])
    client = client_of(store)
    runs = client.search_runs([experiment_id(store)], "attributes.run_name = 'bad name'")
    assert [run.info.status for run in runs] == ["FAILED"]


def test_the_champion_moves_to_what_is_registered_and_to_nothing_else(store, artifact):
    first = track(store, "champion.1", artifact_folder=artifact, register=True)
    version = champion(store)[1]
    track(store, "champion.2", artifact_folder=artifact)
    assert champion(store) == (first, version)
    third = track(store, "champion.3", artifact_folder=artifact, register=True)
    assert champion(store) == (third, version + 1)


def test_what_is_served_is_in_the_registry_whatever_its_gate_said(store, artifact):
    tags = {"tradesieve.experiment": "served"}
    common = {"children": [], "artifact_folder": artifact, "tables": {}, "files": {}, "tags": tags}
    passed = track_experiment(store, {"name": "passed"}, **common, register=True)
    closed = track_experiment(store, {"name": "closed"}, **common, register=False)
    client, before = connect(store), champion(store)
    assert before is not None
    overridden = mark_served(store, closed, override="to watch it")
    served = client.get_model_version_by_alias(store.registered_model, SERVED)
    assert (served.run_id, int(served.version)) == (closed, overridden)
    assert served.tags[OVERRIDE_TAG] == "to watch it"
    assert champion(store) == before
    assert mark_served(store, closed, override="to watch it") == overridden  # not registered twice
    assert mark_served(store, passed, override=None) == before[1]
    assert client.get_model_version_by_alias(store.registered_model, SERVED).run_id == passed
    with pytest.raises(Unknown, match="run"):
        mark_served(store, "f" * 32, override=None)


def test_questions_about_what_is_not_there(store, artifact, tmp_path):
    run_id = track(store, "bare")
    missing = run_id[:-1] + ("0" if run_id[-1] != "0" else "1")
    with pytest.raises(Unknown, match=f"{missing}.*{run_id}"):
        download_artifact(store, missing, tmp_path / "a")
    with pytest.raises(BadInput, match="no artifact"):
        download_artifact(store, run_id, tmp_path / "a")
    with pytest.raises(BadInput, match="exists already"):
        download_artifact(store, run_id, tmp_path)
    assert list(tmp_path.iterdir()) == [artifact]


def test_a_fresh_home_has_no_champion_and_stays_untouched(tmp_path):
    fresh = store_at(tmp_path)
    assert champion(fresh) is None
    assert list(tmp_path.iterdir()) == []


def test_arguments_are_checked_at_the_door(store, artifact, tmp_path):
    with pytest.raises(BadInput, match="is not a hash"):
        track(store, "a' or 1=1")
    with pytest.raises(BadInput, match=r"tradesieve\.experiment"):
        track(store, "x", tags={})
    with pytest.raises(BadInput, match="no artifact_folder"):
        track(store, "x", register=True)
    with pytest.raises(BadInput, match="missing or empty"):
        track(store, "x", artifact_folder=tmp_path / "none")
    with pytest.raises(BadInput, match=r"result\.json"):
        track(store, "x", files={"result.json": "{}"})


@pytest.mark.parametrize(
    ("uri", "root", "message"),
    [
        ("var/mlflow.db", "/a", "neither"),
        ("file:///a", "/a", "neither"),
        ("sqlite:///var/mlflow.db", "/a", "relative"),
        ("sqlite:////var/mlflow.db", None, "artifact_root is missing"),
        ("sqlite:////var/mlflow.db", "artifacts", "relative"),
    ],
)
def test_a_store_that_would_write_somewhere_else_is_refused(uri, root, message):
    with pytest.raises(BadInput, match=message):
        TrackingStore(uri, root, "tradesieve", "tradesieve")


def test_a_home_that_moved_is_noticed(store, tmp_path):
    track(store, "moved")
    elsewhere = TrackingStore(store.tracking_uri, str(tmp_path), "tradesieve", "tradesieve")
    with pytest.raises(BadInput, match="keeps its artifacts at"):
        track(elsewhere, "moved")


def test_a_deleted_experiment_says_how_to_bring_it_back(store):
    other = TrackingStore(store.tracking_uri, store.artifact_root, "deleted", "tradesieve")
    client_of(store).delete_experiment(experiment_id(other))
    with pytest.raises(BadInput, match="mlflow experiments restore"):
        track(other, "x")


def test_threads_track_at_the_same_time(store):
    def one(i: int) -> str:
        children = [{"name": f"{i}.{j}", "metrics": {"value": float(i)}} for j in range(5)]
        return track(store, f"thread.{i}", children=children)

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(one, range(4)))
    client = client_of(store)
    for i, run_id in enumerate(runs):
        children = client.search_runs([experiment_id(store)], f"tags.`mlflow.parentRunId` = '{run_id}'")
        assert {child.info.run_name for child in children} == {f"{i}.{j}" for j in range(5)}
        assert {child.data.metrics["value"] for child in children} == {float(i)}


def test_more_params_than_one_batch_holds(store):
    run_id = track(store, "wide", children=[{"name": "wide", "params": {f"p{i}": i for i in range(250)}}])
    children = client_of(store).search_runs([experiment_id(store)], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert len(children[0].data.params) == 250


def test_values_become_what_a_run_can_hold():
    finite, skipped = split_metrics({"a": {"b": np.int64(3), "c": -math.inf}, "open": True, "d": None})
    assert finite == {"a.b": 3.0, "open": 1.0}
    assert skipped == ["a.c", "d"]
    assert params_of({"a": {"b": None, "c": (1, 2)}}) == {"a.b": "None", "a.c": "[1, 2]"}
    assert json_safe({1: (math.nan, Path("x"), np.bool_(True))}) == {"1": [None, "x", True]}
    with pytest.raises(BadInput, match="Timestamp"):
        json_safe({"at": pandas.Timestamp("2026-01-01")})


def test_an_absent_server_is_named_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(Transient, match="tradesieve up"):
            champion(TrackingStore(address, None, "tradesieve", "tradesieve"))
    assert time.monotonic() - started < 5


@pytest.mark.slow
def test_a_server_and_its_database_show_the_same(artifact, tmp_path):
    """An experiment tracked over HTTP is read from the database, and the other way round."""
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    direct = store_at(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", direct.tracking_uri, "--default-artifact-root", direct.artifact_location]
    command += ["--no-serve-artifacts"]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, **quiet}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
        remote = TrackingStore(address, None, "tradesieve", "tradesieve")
        run_id = track(remote, "http", artifact_folder=artifact, register=True, children=[{"name": "child"}])
        assert champion(remote) == champion(direct) == (run_id, 1)
        assert finished_runs(direct, "http") == finished_runs(remote, "http") == [run_id]
        assert (download_artifact(direct, run_id, tmp_path / "one") / "model.json").exists()
        second = track(direct, "direct", artifact_folder=artifact, register=True)
        assert champion(remote) == (second, 2)
        assert (download_artifact(remote, second, tmp_path / "two") / "model.json").exists()
        assert logged_result(remote, second, tmp_path) == logged_result(direct, second, tmp_path)
        with pytest.raises(Unknown, match="nothing"):
            download_artifact(remote, "nothing", tmp_path / "three")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert not (tmp_path / "mlruns").exists()
