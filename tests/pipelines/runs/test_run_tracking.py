"""MLflow holds the run of an experiment: result, files, trials and champion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.pipelines.tracked_runs import finished_runs
from tradesieve.models.tracking.connection import connect
from tradesieve.models.tracking.runs import champion
from tradesieve.pipelines.experiment import experiment_from_yaml


def test_mlflow_holds_the_run(finished: Any, tmp_path: Path) -> None:
    store, run_id = finished.settings.tracking, finished.result["run_id"]
    assert finished_runs(store, finished.experiment.hash) == [run_id]
    client = connect(store)
    logged = json.loads(Path(client.download_artifacts(run_id, "result.json", str(tmp_path))).read_text())
    for key in ("experiment", "baseline", "filtered", "gate", "leaderboard", "n_trials"):
        assert logged[key] == finished.result[key], key
    files = {item.path for item in client.list_artifacts(run_id)}
    assert {"result.json", "experiment.yaml", "leaderboard.json", "gate.json", "equity.html", "artifact"} <= files
    kept = experiment_from_yaml(Path(client.download_artifacts(run_id, "experiment.yaml", str(tmp_path))))
    assert kept == finished.experiment
    experiment = client.get_experiment_by_name(store.experiment).experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert len(children) == 4
    assert {child.data.params["engine"] for child in children} == {"lightgbm"}
    assert (champion(store) is not None) == finished.result["gate"]["open"]
