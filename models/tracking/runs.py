"""The one door to MLflow: an experiment becomes a run, its candidates child runs, its winner a registered version.

Every call names its run: there is no active run, so threads and processes may track at the same time.
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
    from mlflow.entities import Run

EXPERIMENT_TAG = "tradesieve.experiment"
"""The tag that holds an experiment's hash; only a parent run has it."""
SKIPPED_TAG = "tradesieve.skipped_metrics"
"""The tag that names the metrics which were not finite numbers."""
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
    """Record one experiment as a parent run with a child run a candidate.

    Parameters
    ----------
    result : JSON-like, logged whole as ``result.json`` (a number that is not finite becomes null). Its ``name``,
        ``params`` and ``metrics`` become those of the run; nested ones are flattened with dots.
    children : each with ``name``, ``params``, ``metrics`` and ``tags``, all but the name optional.
    artifact_folder : copied as it is to ``artifact/``; None when there is no winner.
    tables, files : by their name in the run; ``.json`` is added to that of a table. A file is text, such as a page.
    register : make the artifact a new version of the registered model, and that version the champion.
    tags : of the parent; must hold ``tradesieve.experiment``, the hash under which the run is found again.

    Returns
    -------
    The id of the parent run. A metric that is not finite is left out and named in ``tradesieve.skipped_metrics``.

    Raises
    ------
    BadInput : if there is no hash, or nothing to register.
    Any failure half way marks the open runs FAILED and is raised again.
    """
    _check_hash(str(tags.get(EXPERIMENT_TAG, "")))
    if register and artifact_folder is None:
        raise BadInput("register is True, but there is no artifact_folder to register")
    if artifact_folder is not None and not any(Path(artifact_folder).glob("*")):
        raise BadInput(f"artifact_folder {str(artifact_folder)!r} is missing or empty")
    if RESULT_FILE in files:
        raise BadInput(f"files holds {RESULT_FILE!r}, which is the result's own name")
    client = connect(store)
    experiment = experiment_id(store)
    with _run(client, experiment, result, tags=tags) as run_id:
        client.log_text(run_id, json.dumps(json_safe(result), indent=1, allow_nan=False), RESULT_FILE)
        for name, text in files.items():
            client.log_text(run_id, text, name)
        for name, table in tables.items():
            client.log_table(run_id, _frame(table), _with_suffix(name, ".json"))
        if artifact_folder is not None:
            client.log_artifacts(run_id, str(artifact_folder), ARTIFACT_FOLDER)
        for child in children:
            with _run(client, experiment, child, tags={**child.get("tags", {}), _PARENT_TAG: run_id}):
                pass
        version = _create_version(client, store, run_id) if register else None
    if version is not None:
        # Last of all, so that an unfinished run never serves.
        with _failed_on_error(client, run_id):
            client.set_registered_model_alias(store.registered_model, CHAMPION, str(version))
    return run_id


def champion(store: TrackingStore) -> tuple[str, int] | None:
    """Return the run id and the version of the model that is served, or None when there is none yet."""
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


def set_champion(store: TrackingStore, run_id: str) -> int:
    """Serve the artifact of `run_id` from now on, and return its version, which is created where it is missing.

    Raises
    ------
    Unknown : if there is no such run.
    BadInput : if the run did not finish or has no artifact.
    """
    client = connect(store)
    run = _existing_run(client, store, run_id)
    if run.info.status != "FINISHED":
        raise BadInput(f"run {run_id!r} is {run.info.status}: only a finished run can be the champion")
    _check_artifact(client, run_id)
    mine = [v for v in client.search_model_versions(f"run_id = '{run_id}'") if v.name == store.registered_model]
    version = max((int(v.version) for v in mine), default=0) or _create_version(client, store, run_id)
    client.set_registered_model_alias(store.registered_model, CHAMPION, str(version))
    return version


def find_run(store: TrackingStore, experiment_hash: str) -> str | None:
    """Return the latest finished run of an experiment, or None."""
    _check_hash(experiment_hash)
    if is_new(store):
        return None
    runs = _search(connect(store), store, f"tags.`{EXPERIMENT_TAG}` = '{experiment_hash}'", limit=1)
    return runs[0].info.run_id if runs else None


def run_result(store: TrackingStore, run_id: str) -> dict[str, Any]:
    """Read the result that was logged with a run.

    Raises
    ------
    Unknown : if there is no such run.
    BadInput : if the run failed before it had a result.
    """
    client = connect(store)
    _existing_run(client, store, run_id)
    if RESULT_FILE not in (item.path for item in client.list_artifacts(run_id)):
        raise BadInput(f"run {run_id!r} has no {RESULT_FILE}: it is not an experiment, or it failed early")
    with tempfile.TemporaryDirectory() as folder:
        return json.loads(Path(client.download_artifacts(run_id, RESULT_FILE, folder)).read_text())


def download_artifact(store: TrackingStore, run_id: str, destination: Path) -> Path:
    """Copy the artifact of a run to `destination`, which appears whole or not at all.

    Raises
    ------
    Unknown : if there is no such run.
    BadInput : if the run has no artifact, or `destination` is taken.
    """
    if destination.exists():
        raise BadInput(f"destination {str(destination)!r} exists already: remove it or choose another")
    client = connect(store)
    _existing_run(client, store, run_id)
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
        # The first error is the one to tell, also when the store itself is gone.
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


def _existing_run(client: MlflowClient, store: TrackingStore, run_id: str) -> Run:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        recent = _search(client, store, f"tags.`{EXPERIMENT_TAG}` != ''", limit=5)
        raise Unknown("run", run_id, [run.info.run_id for run in recent]) from None


def _search(client: MlflowClient, store: TrackingStore, condition: str, *, limit: int) -> list[Run]:
    experiment = client.get_experiment_by_name(store.experiment)
    if experiment is None:
        return []
    condition = f"{condition} and attributes.status = 'FINISHED'"
    order = ["attributes.start_time DESC"]
    return list(client.search_runs([experiment.experiment_id], condition, max_results=limit, order_by=order))


def _check_artifact(client: MlflowClient, run_id: str) -> None:
    if not client.list_artifacts(run_id, ARTIFACT_FOLDER):
        raise BadInput(f"run {run_id!r} has no artifact: it is one trial of an experiment, or that had no winner")


def _check_hash(experiment_hash: str) -> None:
    if not re.fullmatch(r"[\w.-]+", experiment_hash):
        raise BadInput(f"{EXPERIMENT_TAG} {experiment_hash!r} is not a hash: letters, digits, '.', '_' and '-' only")


def _frame(table: pandas.DataFrame | list[dict]) -> pandas.DataFrame:
    import pandas

    return table if isinstance(table, pandas.DataFrame) else pandas.DataFrame(table)


def _with_suffix(name: str, suffix: str) -> str:
    return name if name.endswith(suffix) else name + suffix
