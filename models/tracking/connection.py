"""The store of runs and models, and the connection to it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tradesieve.market.errors import BadInput, Transient

if TYPE_CHECKING:
    from mlflow import MlflowClient

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
"""Variables that MLflow reads while it is imported, where the environment does not set them."""

_EXPERIMENT_TAGS = {
    # The kind of MLflow's lists; in which mode its pages open is up to the address, see `runs_page`.
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": (
        "Runs with the tag `tradesieve.kind` = `experiment` are whole searches: their notes say what was asked, what "
        "was found, and whether it is luck. Their best trials are child runs, with `tradesieve.kind` = `trial`; all "
        "trials stand in the artifact `leaderboard.csv`. Metrics of `out_of_fold` are of the development part, those "
        "of `holdout` of the sealed one."
    ),
}
"""Tags of a new experiment; an older one without them gets them."""


@dataclass(frozen=True)
class TrackingStore:
    """Location of runs and models.

    Parameters
    ----------
    tracking_uri : ``sqlite:////absolute/path/mlflow.db``, another database, or ``http(s)://`` of an MLflow server.
    artifact_root : absolute folder or URI for the artifacts of new runs; required for a database, whose clients would
        write into the current folder; None for a server, which has its own.
    experiment : name of the MLflow experiment.
    registered_model : name of the model under which winners are registered.
    """

    tracking_uri: str
    artifact_root: str | None
    experiment: str
    registered_model: str

    def __post_init__(self) -> None:
        if "://" not in self.tracking_uri or self.tracking_uri.startswith("file:"):
            raise BadInput(f"tracking_uri {self.tracking_uri!r} is neither a database nor an http(s) address")
        if self.database is not None and not self.database.is_absolute():
            raise BadInput(f"tracking_uri {self.tracking_uri!r} holds a relative path: write sqlite:////absolute/path")
        if not self.is_server and self.artifact_root is None:
            raise BadInput(f"artifact_root is missing: {self.tracking_uri!r} does not say where artifacts go")
        if self.artifact_root and "://" not in self.artifact_root and not Path(self.artifact_root).is_absolute():
            raise BadInput(f"artifact_root {self.artifact_root!r} is relative: give an absolute folder")
        for name in ("experiment", "registered_model"):
            if not getattr(self, name).strip():
                raise BadInput(f"{name} is empty: give it a name")

    @property
    def is_server(self) -> bool:
        """Whether the store is an MLflow server."""
        return self.tracking_uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The SQLite file; None for other stores."""
        prefix = "sqlite:///"
        return Path(self.tracking_uri.removeprefix(prefix)) if self.tracking_uri.startswith(prefix) else None

    @property
    def artifact_location(self) -> str | None:
        """The artifact root as a URI."""
        root = self.artifact_root
        return root if root is None or "://" in root else Path(root).as_uri()


def is_new(store: TrackingStore) -> bool:
    """Return whether nothing was ever tracked here, without creating the database."""
    return store.database is not None and not store.database.exists()


def connect(store: TrackingStore) -> MlflowClient:
    """Open a client of the store.

    Raises
    ------
    Transient : if the server does not answer.
    BadInput : if the folder of the database cannot be made.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    if store.is_server:
        _check_answers(store.tracking_uri)
    elif store.database is not None:
        try:
            store.database.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"tracking_uri {store.tracking_uri!r} cannot be used: {error}") from error
    return MlflowClient(tracking_uri=store.tracking_uri, registry_uri=store.tracking_uri)


def experiment_id(store: TrackingStore) -> str:
    """Return the id of the store's MLflow experiment, which is created if missing.

    Raises
    ------
    BadInput : if it was deleted, or keeps its artifacts elsewhere than this store.
    """
    client = connect(store)
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(store.experiment)
    if found is None:
        try:
            return str(client.create_experiment(store.experiment, store.artifact_location, _EXPERIMENT_TAGS))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            # Another process created it first.
            return experiment_id(store)
    if found.lifecycle_stage == "deleted":
        raise BadInput(
            f"MLflow experiment {store.experiment!r} was deleted: "
            f"restore it with `mlflow experiments restore --experiment-id {found.experiment_id}`"
        )
    if store.artifact_location is not None and not _is_below(found.artifact_location, store.artifact_location):
        raise BadInput(
            f"MLflow experiment {store.experiment!r} keeps its artifacts at {found.artifact_location}, not below "
            f"{store.artifact_location}: restore the old home, set tracking_uri to its server, or rename the experiment"
        )
    for name, value in _EXPERIMENT_TAGS.items():
        if name not in found.tags:
            client.set_experiment_tag(found.experiment_id, name, value)
    return str(found.experiment_id)


def runs_page(address: str, experiment: str, run_id: str | None = None) -> str:
    """Return the page with the runs of an experiment, or with one of them.

    Without the parameter at its end, MLflow 3.17 opens every experiment among the traces of language models.

    Parameters
    ----------
    address : of the MLflow server.
    experiment : its id.

    Examples
    --------
    >>> runs_page("http://127.0.0.1:5000", "1")
    'http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning'
    """
    run = "" if run_id is None else f"/{run_id}"
    return f"{address}/#/experiments/{experiment}/runs{run}?workflowType=machine_learning"


def _check_answers(address: str) -> None:
    # MLflow's own client retries a refused connection for minutes before it fails.
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except OSError as error:
        raise Transient(
            f"no MLflow server answers at {address} ({error}): start it with `tradesieve up`, or correct tracking_uri"
        ) from error


def _is_below(location: str, root: str) -> bool:
    return f"{location}/".startswith(f"{root.rstrip('/')}/")
