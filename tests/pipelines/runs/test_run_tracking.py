"""MLflow holds the run of an experiment: result, files, trials, model and champion."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipelines.tracked_runs import finished_runs
from tradesieve.models.artifact.artifact import load_artifact
from tradesieve.models.tracking.connection import connect
from tradesieve.models.tracking.runs import champion
from tradesieve.pipelines.experiment_files import experiment_from_yaml
from tradesieve.pipelines.reports.run_report import report_html
from tradesieve.pipelines.runs.experiment_run import run_experiment
from tradesieve.pipelines.runs.finished_runs import find_run
from tradesieve.pipelines.settings import Settings


@dataclass(frozen=True)
class Tracked:
    """A run of the small experiment that was tracked with two child runs."""

    client: Any
    settings: Settings
    result: dict[str, Any]
    run: Any
    children: list[Any]
    began: float
    ended: float


@pytest.fixture(scope="module")
def tracked(finished: Any, make_home: Callable[..., Settings]) -> Tracked:
    """The small experiment, resumed from its checkpoints in another home, and tracked there."""
    settings = replace(make_home(), child_runs=2)
    for folder in ("experiments", "trades", "factors"):
        shutil.copytree(finished.settings.home / folder, settings.home / folder, dirs_exist_ok=True)
    (stored,) = settings.home.glob("experiments/*/*/result.json")
    stored.unlink()
    began = time.time()
    result = run_experiment(finished.experiment, settings, source="prefect quiet-otter")
    ended = time.time()
    client = connect(settings.tracking)
    run = client.get_run(result["run_id"])
    condition = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    children = client.search_runs([run.info.experiment_id], condition, order_by=["metrics.rank ASC"])
    return Tracked(client, settings, result, run, children, began, ended)


def text_of(tracked: Tracked, name: str, folder: Path) -> str:
    return Path(tracked.client.download_artifacts(tracked.run.info.run_id, name, str(folder))).read_text()


def test_mlflow_holds_the_run(finished: Any, tmp_path: Path) -> None:
    store, run_id = finished.settings.tracking, finished.result["run_id"]
    assert finished_runs(store, finished.experiment.hash) == [run_id]
    client = connect(store)
    logged = json.loads(Path(client.download_artifacts(run_id, "result.json", str(tmp_path))).read_text())
    for key in ("experiment", "baseline", "filtered", "gate", "leaderboard", "n_trials"):
        assert logged[key] == finished.result[key], key
    files = {item.path for item in client.list_artifacts(run_id)}
    assert {"result.json", "experiment.yaml", "leaderboard.csv", "gate.csv", "report.html", "artifact"} <= files
    kept = experiment_from_yaml(Path(client.download_artifacts(run_id, "experiment.yaml", str(tmp_path))))
    assert kept == finished.experiment
    experiment = client.get_experiment_by_name(store.experiment).experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert len(children) == 4
    assert {child.data.params["engine"] for child in children} == {"lightgbm"}
    assert (champion(store) is not None) == finished.result["gate"]["open"]


def test_parent_and_children_are_told_apart(tracked: Tracked, tmp_path: Path) -> None:
    tags = tracked.run.data.tags
    assert tags["tradesieve.kind"] == "experiment"
    assert tags["tradesieve.gate"] == "closed"
    assert tags["mlflow.source.name"] == "prefect quiet-otter"
    assert [child.data.tags["tradesieve.kind"] for child in tracked.children] == ["trial"] * 2
    assert [child.info.run_name[:4] for child in tracked.children] == ["#01 ", "#02 "]
    assert all("tradesieve.experiment" not in child.data.tags for child in tracked.children)
    rows = list(csv.DictReader(io.StringIO(text_of(tracked, "leaderboard.csv", tmp_path))))
    assert [row["candidate"] for row in rows] == [row["candidate"] for row in tracked.result["leaderboard"]]
    assert len(rows) == 4, "the trials without a run of their own stand in the table"
    experiment = tracked.client.get_experiment(tracked.run.info.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_filter_on_a_parameter_keeps_the_children(tracked: Tracked) -> None:
    parent = tracked.run.data.params
    winner = tracked.result["leaderboard"][0]
    assert parent["symbols"] == "AAA"
    assert parent["label"] == "won"
    assert parent["engines.lightgbm"] == "4"
    assert parent["strategies"].split(" ") == tracked.result["data"]["strategies"]
    assert parent["n_strategies"] == "3"
    assert parent["candidate"] == winner["candidate"]
    for child in tracked.children:
        assert child.data.params.keys() >= parent.keys() - winner["parameters"]["estimator"].keys()
        assert child.data.params["experiment"] == tracked.result["experiment"]
    found = tracked.client.search_runs(
        [tracked.run.info.experiment_id], "params.`label` = 'won' and params.`gate.confidence` = '0.95'"
    )
    assert len(found) == 3


def test_durations_are_those_of_the_run(tracked: Tracked) -> None:
    info = tracked.run.info
    assert tracked.began - 0.01 <= info.start_time / 1000 <= tracked.began + 2.0
    assert info.start_time / 1000 + tracked.result["seconds"] - 0.1 <= info.end_time / 1000 <= tracked.ended + 0.01
    for child in tracked.children:
        seconds = child.data.metrics["system.seconds"]
        assert seconds > 0
        assert (child.info.end_time - child.info.start_time) / 1000 == pytest.approx(seconds, abs=0.002)


def test_the_first_metrics_say_how_good_and_whether_luck(tracked: Tracked) -> None:
    metrics, result = tracked.run.data.metrics, tracked.result
    assert sorted(metrics)[:3] == ["fitness", "gate_failed", "gate_open"]
    assert metrics["fitness"] == result["leaderboard"][0]["fitness"] == tracked.children[0].data.metrics["fitness"]
    assert metrics["gate_open"] == 0.0
    conditions = {condition["name"]: condition for condition in result["gate"]["conditions"]}
    assert metrics["gate_failed"] == sum(not condition["passed"] for condition in conditions.values())
    assert metrics["luck.p_value"] == conditions["beats_random_filter"]["value"]
    assert metrics["holdout.sortino"] == result["filtered"]["holdout"]["sortino"]
    assert metrics["holdout.unfiltered.sortino"] == result["baseline"]["holdout"]["sortino"]
    assert metrics["holdout.sortino_lower"] <= metrics["holdout.sortino"] <= metrics["holdout.sortino_upper"]
    assert metrics["holdout.sortino_lower"] == pytest.approx(conditions["sortino_above_zero"]["value"])
    low, added, high = (metrics[f"holdout.added_sharpe{end}"] for end in ("_lower", "", "_upper"))
    assert low <= added <= high
    assert metrics["out_of_fold.sortino"] == tracked.children[0].data.metrics["out_of_fold.sortino"]


def test_metrics_of_folds_have_steps(tracked: Tracked) -> None:
    client, board = tracked.client, tracked.result["leaderboard"]
    for run, row in zip([tracked.run, *tracked.children], [board[0], *board], strict=False):
        kept = client.get_metric_history(run.info.run_id, "per_fold.n_trades")
        assert [metric.step for metric in kept] == [0, 1, 2]
        assert sum(metric.value for metric in kept) == row["n_trades"]
        thresholds = client.get_metric_history(run.info.run_id, "per_fold.threshold")
        chosen = row["parameters"]["application_by_fold"]
        assert [metric.value for metric in thresholds] == [one["parameters"]["threshold"] for one in chosen]


def test_datasets_have_the_fingerprints_of_the_parts(tracked: Tracked) -> None:
    inputs = tracked.run.inputs.dataset_inputs
    assert {one.tags[0].value for one in inputs} == {"development", "holdout"}
    manifest = load_artifact(Path(tracked.result["artifact"])).manifest
    digests = {one.tags[0].value: one.dataset.digest for one in inputs}
    assert digests["development"] == manifest["dataset"] != digests["holdout"]
    for child in tracked.children:
        (one,) = child.inputs.dataset_inputs
        assert one.dataset.digest == digests["development"]


def test_the_note_says_what_was_asked_found_and_whether_luck(tracked: Tracked) -> None:
    note = tracked.run.data.tags["mlflow.note.content"]
    assert [line for line in note.splitlines() if line.startswith("## ")] == ["## Asked", "## Found", "## Is it luck?"]
    assert f"The winner is `{tracked.result['winner']['name']}`" in note
    assert "The gate is **closed**" in note
    for condition in tracked.result["gate"]["conditions"]:
        assert condition["reason"] in note
    digits = [cell for line in note.splitlines() if line.startswith("| hold-out") for cell in line.split("|")]
    assert max(len(cell.strip()) for cell in digits) < 15, "numbers are rounded"


def test_the_page_is_the_report_with_every_figure(tracked: Tracked, tmp_path: Path) -> None:
    page = text_of(tracked, "report.html", tmp_path)
    figures = (
        "deflation", "capital", "drawdown", "months", "intervals", "importance", "shap", "threshold", "calibration",
        "scores", "conditions-map",
    )  # fmt: skip
    for name in figures:
        assert f'<script type="application/json" id="{name}">' in page, name
    run = find_run(tracked.settings, "last")
    again = report_html(run.result, run.parts, run.evidence, seed=run.experiment.plan.seed)
    assert page == again, "as `tradesieve report` writes it"
    features = list(csv.DictReader(io.StringIO(text_of(tracked, "features.csv", tmp_path))))
    read = {row["feature"] for row in features}
    assert read <= set(tracked.result["data"]["model_features"])
    assert sum(float(row["shap"]) for row in features) == pytest.approx(1.0)


def test_the_winner_is_a_model_that_mlflow_serves(tracked: Tracked) -> None:
    """The application that `mlflow models serve` starts answers for its example as the artifact does."""
    import mlflow.pyfunc
    from mlflow.pyfunc.scoring_server import init
    from starlette.testclient import TestClient

    (output,) = tracked.run.outputs.model_outputs
    logged = tracked.client.get_logged_model(output.model_id)
    assert logged.status == "READY"
    folder = Path(logged.artifact_location.removeprefix("file://"))
    model = mlflow.pyfunc.load_model(str(folder))
    artifact = load_artifact(Path(tracked.result["artifact"]))
    names = [feature.name for feature in artifact.features]
    assert model.metadata.signature.inputs.input_names() == [*names, "instance"]
    example = model.metadata.load_input_example(str(folder))
    assert example.columns.tolist() == names
    scores = artifact.model.predict(example.to_numpy())
    question = (folder / "serving_input_example.json").read_text()
    headers = {"Content-Type": "application/json"}
    response = TestClient(init(model)).post("/invocations", content=question, headers=headers)
    assert response.status_code == 200, response.text
    answers = response.json()["predictions"]
    assert [answer["score"] for answer in answers] == scores.tolist(), "bit for bit"
    instances = artifact.manifest["instances"][: len(example)]
    sized = model.predict(example.assign(instance=instances))["size"]
    np.testing.assert_array_equal(sized, artifact.sizes(scores, instances))
