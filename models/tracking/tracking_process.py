"""A process that tracks a run: importing MLflow and creating its database take seconds, while the run computes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor

from tradesieve.models.tracking.connection import TrackingStore, connect, is_new
from tradesieve.models.tracking.runs import track_experiment


@contextmanager
def tracking_process(store: TrackingStore) -> Iterator[Callable[..., str]]:
    """Prepare the tracking of a run in a process of its own while the block works.

    1. The process imports MLflow. If the store is new, it creates the database in a temporary folder.
    2. When the block tracks its run, the process puts that database in its place, unless another one was created there
       meanwhile, and calls `track_experiment`.

    A block that fails, or never tracks, leaves nothing behind. If the preparation fails, the tracking says why.

    Yields
    ------
    The function `track_experiment` without its first parameter, the store.
    """
    with tempfile.TemporaryDirectory(prefix="tradesieve-", ignore_cleanup_errors=True) as folder:
        made = Path(folder) / "mlflow.db" if is_new(store) else None
        executor = ProcessPoolExecutor(max_workers=1)
        executor.submit(_prepare, store, made)

        def track(*args: Any, **named: Any) -> str:
            return str(executor.submit(_track, store, made, args, named).result())

        try:
            yield track
        finally:
            executor.shutdown(kill_workers=True)


def _prepare(store: TrackingStore, made: Path | None) -> None:
    connect(store if made is None else _store_in(made))
    import mlflow.pyfunc  # noqa: F401  what `served_model` needs


def _track(store: TrackingStore, made: Path | None, args: tuple[Any, ...], named: dict[str, Any]) -> str:
    if made is not None and store.database is not None:
        # Whatever goes wrong is left to `connect`, which creates what is missing and says what it cannot.
        with suppress(OSError):
            _put(made, store.database)
    return track_experiment(store, *args, **named)


def _store_in(database: Path) -> TrackingStore:
    return TrackingStore(f"sqlite:///{database}", str(database.parent), experiment="new", registered_model="new")


def _put(made: Path, database: Path) -> None:
    """Let `database` appear complete, or raise FileExistsError."""
    database.parent.mkdir(parents=True, exist_ok=True)
    beside = database.with_name(f".{database.name}.{os.getpid()}")
    try:
        shutil.copyfile(made, beside)
        os.link(beside, database)
    finally:
        beside.unlink(missing_ok=True)
