"""MLflow runs: an experiment becomes a run, its trials child runs, its winner a version of the registered model.

Every call names its run; none is the active run, so threads and processes may track at the same time.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.models.json_values import json_safe
from tradesieve.models.tracking.connection import TrackingStore, connect, experiment_id, is_new
from tradesieve.models.tracking.serialisation import params_of, split_metrics

if TYPE_CHECKING:
    import pandas
    from mlflow import MlflowClient

EXPERIMENT_TAG = "tradesieve.experiment"
"""The tag with an experiment's hash; only a parent run has it."""
SKIPPED_TAG = "tradesieve.skipped_metrics"
"""The tag with the names of the metrics that are not finite."""
CHAMPION = "champion"
"""The alias of the version that is served."""
ARTIFACT_FOLDER = "artifact"
RESULT_FILE = "result.json"
_PARENT_TAG = "mlflow.parentRunId"


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
) -> str:
    """Record an experiment as a parent run with one child run for each trial.

    The champion moves last of all, so that an unfinished run is never served. A failure half way marks the open runs
    FAILED and is raised again.

    Parameters
    ----------
    result : logged whole as ``result.json``, with null for numbers that are not finite. Its ``name``, ``params`` and
        ``metrics`` become those of the run; nested ones are flattened with dots.
    children : each with ``name``, ``params``, ``metrics`` and ``tags``, all but the name optional.
    artifact_folder : logged as ``artifact/``; None when there is no winner.
    tables, files : by their name in the run; the name of a table gets the suffix ``.json``. A file is text.
    register : make the artifact a new version of the registered model, and that version the champion.
    tags : of the parent; must hold ``tradesieve.experiment``, the experiment's hash.

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
    with _run(client, experiment, result, tags=tags) as run_id:
        _log_files(client, run_id, result, tables, files, artifact_folder)
        for child in children:
            with _run(client, experiment, child, tags={**child.get("tags", {}), _PARENT_TAG: run_id}):
                pass
        version = _create_version(client, store, run_id) if register else None
    if version is not None:
        with _failed_on_error(client, run_id):
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
        client.log_table(run_id, _frame(table), _with_suffix(name, ".json"))
    if artifact_folder is not None:
        client.log_artifacts(run_id, str(artifact_folder), ARTIFACT_FOLDER)


def champion(store: TrackingStore) -> tuple[str, int] | None:
    """Return run id and version of the champion, the model that is served; None when there is none yet."""
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


@contextlib.contextmanager
def _run(
    client: MlflowClient, experiment: str, content: Mapping[str, Any], *, tags: Mapping[str, Any]
) -> Iterator[str]:
    from mlflow.entities import Metric, Param, RunTag

    metrics, skipped = split_metrics(content.get("metrics", {}))
    params = params_of(content.get("params", {}))
    every_tag = {**tags, **({SKIPPED_TAG: ", ".join(skipped)} if skipped else {})}
    run_id = client.create_run(experiment, run_name=content.get("name")).info.run_id
    with _failed_on_error(client, run_id):
        now = int(time.time() * 1000)
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            params=[Param(name, value) for name, value in params.items()],
            tags=[RunTag(name, str(value)) for name, value in every_tag.items()],
        )
        yield run_id
        client.set_terminated(run_id, "FINISHED")


@contextlib.contextmanager
def _failed_on_error(client: MlflowClient, run_id: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        # The first error is the one to raise, also when the store itself is gone.
        with contextlib.suppress(Exception):
            client.set_terminated(run_id, "FAILED")
        raise


def _create_version(client: MlflowClient, store: TrackingStore, run_id: str) -> int:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(store.registered_model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # A source relative to the run is accepted by a database and by a server, and outlives a move of the artifacts.
    source = f"runs:/{run_id}/{ARTIFACT_FOLDER}"
    return int(client.create_model_version(store.registered_model, source, run_id).version)


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
        raise BadInput(f"run {run_id!r} has no artifact: it is a single trial, or its experiment had no winner")


def _frame(table: pandas.DataFrame | list[dict]) -> pandas.DataFrame:
    import pandas

    return table if isinstance(table, pandas.DataFrame) else pandas.DataFrame(table)


def _with_suffix(name: str, suffix: str) -> str:
    return name if name.endswith(suffix) else name + suffix
