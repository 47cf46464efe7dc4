"""MLflow runs: an experiment becomes a run, its best trials child runs, its winner a version of the registered model.

Every call names its run; none is the active run, so threads and processes may track at the same time.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.json_values import json_safe
from tradesieve.models.tracking.connection import TrackingStore, connect, experiment_id, is_new
from tradesieve.models.tracking.run_records import TrackedDataset, failed_on_error, open_run
from tradesieve.models.tracking.served_model import MODEL_NAME, log_model

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from mlflow import MlflowClient

EXPERIMENT_TAG = "tradesieve.experiment"
"""The tag with an experiment's hash; only a parent run has it."""
GATE_TAG = "tradesieve.gate"
"""The tag that says whether the gate is ``open``, ``closed`` or ``sealed``."""
KIND_TAG = "tradesieve.kind"
"""The tag that tells a whole ``experiment`` from a ``trial``, whatever order a list is in."""
CHAMPION = "champion"
"""The alias of the version that passed the gate last."""
SERVED = "served"
"""The alias of the version that is served; its tag `OVERRIDE_TAG` says why, where the gate was closed."""
OVERRIDE_TAG = "tradesieve.override"
ARTIFACT_FOLDER = "artifact"
RESULT_FILE = "result.json"


def track_experiment(
    store: TrackingStore,
    result: Mapping[str, Any],
    *,
    children: Sequence[Mapping[str, Any]],
    artifact_folder: Path | None,
    tables: Mapping[str, pandas.DataFrame | list[dict]],
    files: Mapping[str, str],
    register: bool,
    tags: Mapping[str, Any],
    datasets: Sequence[TrackedDataset] = (),
    example: np.ndarray | None = None,
) -> str:
    """Record an experiment as a parent run with one child run for each trial.

    The champion moves last of all, so that an unfinished run is never served. A failure half way marks the open runs
    FAILED and is raised again.

    Parameters
    ----------
    result : logged whole as ``result.json``, with null for numbers that are not finite. Its ``name``, ``params`` and
        ``metrics`` become those of the run, and its ``steps`` metrics with a value for each step; nested ones are
        flattened with dots. ``start_time`` and ``end_time``, seconds since 1970, are those of the run; without them it
        starts now and ends when all is recorded.
    children : each with ``name``, ``params``, ``metrics``, ``steps``, ``start_time``, ``end_time`` and ``tags``, all
        but the name optional.
    artifact_folder : logged as ``artifact/``; None when there is no winner.
    tables, files : by their name in the run; a table is logged as CSV, its name gets the suffix ``.csv``. A file is
        text.
    register : make the artifact a new version of the registered model, and that version the champion.
    tags : of the parent; must hold ``tradesieve.experiment``, the experiment's hash.
    datasets : what was read: by the parent, and the first one by the children too.
    example : float64 (n_rows, n_features), rows of the artifact's features. With it, the artifact is logged as an
        MLflow model too, see `served_model`, and that is what is registered.

    Returns
    -------
    The id of the parent run. A metric that is not finite is left out and named in ``tradesieve.skipped_metrics``.

    Raises
    ------
    BadInput : if there is no hash, or nothing to register.
    Transient : if the server does not answer.
    """
    _check(artifact_folder, files, register, tags)
    client = connect(store)
    experiment = experiment_id(store)
    parent_tags = {KIND_TAG: "experiment", **tags}
    with open_run(client, experiment, result, tags=parent_tags, datasets=datasets) as run_id:
        _log_files(client, run_id, result, tables, files, artifact_folder)
        model = None
        if artifact_folder is not None and example is not None:
            own = {name: str(tags[name]) for name in (EXPERIMENT_TAG, GATE_TAG) if name in tags}
            model = log_model(
                client, experiment=experiment, run_id=run_id, artifact_folder=artifact_folder, example=example, tags=own
            )
        for child in children:
            child_tags = {KIND_TAG: "trial", **child.get("tags", {})}
            with open_run(client, experiment, child, tags=child_tags, datasets=datasets[:1], parent=run_id):
                pass
        version = _create_version(client, store, run_id, model) if register else None
    if version is not None:
        with failed_on_error(client, run_id):
            client.set_registered_model_alias(store.registered_model, CHAMPION, str(version))
    return run_id


def _check(artifact_folder: Path | None, files: Mapping[str, str], register: bool, tags: Mapping[str, Any]) -> None:
    experiment = str(tags.get(EXPERIMENT_TAG, ""))
    if not re.fullmatch(r"[\w.-]+", experiment):
        raise BadInput(f"{EXPERIMENT_TAG} {experiment!r} is not a hash: letters, digits, '.', '_' and '-' only")
    if register and artifact_folder is None:
        raise BadInput("register is True, but there is no artifact_folder to register")
    if artifact_folder is not None and not any(Path(artifact_folder).glob("*")):
        raise BadInput(f"artifact_folder {str(artifact_folder)!r} is missing or empty")
    if RESULT_FILE in files:
        raise BadInput(f"files holds {RESULT_FILE!r}, which is reserved for the result")


def _log_files(
    client: MlflowClient,
    run_id: str,
    result: Mapping[str, Any],
    tables: Mapping[str, pandas.DataFrame | list[dict]],
    files: Mapping[str, str],
    artifact_folder: Path | None,
) -> None:
    client.log_text(run_id, json.dumps(json_safe(result), indent=1, allow_nan=False), RESULT_FILE)
    for name, text in files.items():
        client.log_text(run_id, text, name)
    for name, table in tables.items():
        client.log_text(run_id, _frame(table).to_csv(index=False), _with_suffix(name, ".csv"))
    if artifact_folder is not None:
        client.log_artifacts(run_id, str(artifact_folder), ARTIFACT_FOLDER)


def champion(store: TrackingStore) -> tuple[str, int] | None:
    """Return run id and version of the champion, the model that passed the gate last; None when there is none yet."""
    if is_new(store):
        return None
    client = connect(store)
    from mlflow.exceptions import MlflowException

    try:
        version = client.get_model_version_by_alias(store.registered_model, CHAMPION)
    except MlflowException as error:
        # A missing model is one code, a missing alias the other.
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return str(version.run_id), int(version.version)


def download_artifact(store: TrackingStore, run_id: str, destination: Path) -> Path:
    """Copy the artifact of a run to `destination`, completely or not at all.

    Raises
    ------
    Unknown : if there is no such run.
    BadInput : if the run has no artifact, or `destination` exists.
    """
    if destination.exists():
        raise BadInput(f"destination {str(destination)!r} exists already: remove it or choose another")
    client = connect(store)
    _check_run(client, store, run_id)
    _check_artifact(client, run_id)
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Beside its destination, because a rename is atomic only within one file system.
    folder = tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}-")
    try:
        Path(client.download_artifacts(run_id, ARTIFACT_FOLDER, folder)).rename(destination)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return destination


def mark_served(store: TrackingStore, run_id: str, *, override: str | None) -> int:
    """Give the alias `SERVED` to the version of a run, which is registered if it was not: its gate may be closed.

    Parameters
    ----------
    override : why a closed gate was overridden; None if it was open.

    Returns
    -------
    The version.

    Raises
    ------
    Unknown : if there is no such run.
    Transient : if the server does not answer.
    """
    client = connect(store)
    _check_run(client, store, run_id)
    known = client.search_model_versions(f"name = '{store.registered_model}' and run_id = '{run_id}'")
    if known:
        version = max(int(each.version) for each in known)
    else:
        outputs = client.get_run(run_id).outputs
        logged = outputs.model_outputs if outputs else []
        version = _create_version(client, store, run_id, logged[0].model_id if logged else None)
    if override is not None:
        client.set_model_version_tag(store.registered_model, str(version), OVERRIDE_TAG, override)
    client.set_registered_model_alias(store.registered_model, SERVED, str(version))
    return version


def _create_version(client: MlflowClient, store: TrackingStore, run_id: str, model: str | None) -> int:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(store.registered_model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # A source relative to the run is accepted by a database and by a server, and outlives a move of the artifacts.
    source = f"runs:/{run_id}/{ARTIFACT_FOLDER if model is None else MODEL_NAME}"
    return int(client.create_model_version(store.registered_model, source, run_id, model_id=model).version)


def _check_run(client: MlflowClient, store: TrackingStore, run_id: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise Unknown("run", run_id, _recent_runs(client, store)) from None


def _recent_runs(client: MlflowClient, store: TrackingStore, limit: int = 5) -> list[str]:
    experiment = client.get_experiment_by_name(store.experiment)
    if experiment is None:
        return []
    condition = f"tags.`{EXPERIMENT_TAG}` != '' and attributes.status = 'FINISHED'"
    order = ["attributes.start_time DESC"]
    runs = client.search_runs([experiment.experiment_id], condition, max_results=limit, order_by=order)
    return [run.info.run_id for run in runs]


def _check_artifact(client: MlflowClient, run_id: str) -> None:
    if not client.list_artifacts(run_id, ARTIFACT_FOLDER):
        raise BadInput(
            f"run {run_id!r} has no artifact: it is a single trial, its experiment had no winner, or the winner is of "
            "an engine in an environment of its own (autogluon, mljar, tpot), which cannot be exported"
        )


def _frame(table: pandas.DataFrame | list[dict]) -> pandas.DataFrame:
    import pandas

    return table if isinstance(table, pandas.DataFrame) else pandas.DataFrame(table)


def _with_suffix(name: str, suffix: str) -> str:
    return name if name.endswith(suffix) else name + suffix
