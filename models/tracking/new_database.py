"""The database of a new store: MLflow takes seconds to create it, so a process of its own does while a run computes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tradesieve.models.tracking.connection import QUIET, TrackingStore, is_new

_PROGRAM = "import sys; from mlflow import MlflowClient; MlflowClient(tracking_uri=sys.argv[1])"


@contextmanager
def database_created_meanwhile(store: TrackingStore) -> Iterator[Callable[[], None]]:
    """Create the database of a new store while the block works; do nothing if there is one, or the store has no file.

    1. A process creates the database in a temporary folder.
    2. Once it is complete, it is put in its place, unless another one was created there meanwhile.

    A block that fails, or never waits, leaves nothing behind. Whatever else goes wrong is left to `connect`, which
    creates what is missing and says what it cannot.

    Yields
    ------
    A function that waits for the database and puts it in its place.
    """
    database = store.database
    if database is None or not is_new(store):
        yield lambda: None
        return
    with tempfile.TemporaryDirectory(prefix="tradesieve-", ignore_cleanup_errors=True) as folder:
        made = Path(folder) / database.name
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, f"sqlite:///{made}"],
            env=QUIET | os.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def wait() -> None:
            if process.wait() == 0:
                with suppress(OSError):
                    _put(made, database)

        try:
            yield wait
        finally:
            process.kill()
            process.wait()


def _put(made: Path, database: Path) -> None:
    """Let `database` appear complete, or raise FileExistsError."""
    database.parent.mkdir(parents=True, exist_ok=True)
    beside = database.with_name(f".{database.name}.{os.getpid()}")
    try:
        shutil.copyfile(made, beside)
        os.link(beside, database)
    finally:
        beside.unlink(missing_ok=True)
