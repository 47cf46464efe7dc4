"""A process that tracks a run: importing MLflow and creating its database take seconds, while the run computes."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, NamedTuple

from tradesieve.market.errors import Transient
from tradesieve.models.tracking.connection import TrackingStore, connect, experiment_id, is_new
from tradesieve.models.tracking.runs import track_experiment

_PROGRAM = f"from {__name__} import main; main()"


class TrackedRun(NamedTuple):
    """The id of a run, and that of its MLflow experiment."""

    run_id: str
    experiment: str


@contextmanager
def tracking_process(store: TrackingStore) -> Iterator[Callable[..., TrackedRun]]:
    """Prepare the tracking of a run in a process of its own while the block works.

    1. The process imports MLflow. If the store is new, it creates the database in a temporary folder.
    2. When the block tracks its run, the process puts that database in its place, unless another one was created there
       meanwhile, and calls `track_experiment`.

    A block that fails, or never tracks, leaves nothing behind. If the preparation fails, the tracking says why. The
    process ends with this one, however that ends.

    Yields
    ------
    The function `track_experiment` without its first parameter, the store, which returns a TrackedRun. It raises
    Transient if the process dies.
    """
    with tempfile.TemporaryDirectory(prefix="tradesieve-", ignore_cleanup_errors=True) as folder:
        # Not by `multiprocessing`, whose processes run the script of a user again.
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            _send(process, (store, Path(folder) / "mlflow.db" if is_new(store) else None))
            yield lambda *args, **named: _ask(process, (args, named))
        finally:
            process.kill()
            process.communicate()


def main() -> None:
    """Prepare for the store that comes in, track each run that comes in, and send back its ids or the error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    messages: Queue[Any] = Queue()
    Thread(target=_receive, args=(messages,), daemon=True).start()
    store, made = messages.get()
    with suppress(Exception):
        connect(store if made is None else _store_in(made))
        import mlflow.pyfunc  # noqa: F401  what `served_model` needs
    while True:
        args, named = messages.get()
        answers.write(_answer(partial(_track, store, made, args, named)))
        answers.flush()


def _receive(messages: Queue[Any]) -> None:
    """Pass on what comes in, and end this process, whatever it does, when the one that sends ends."""
    with suppress(EOFError):
        while True:
            messages.put(pickle.load(sys.stdin.buffer))
    os._exit(0)


def _ask(process: subprocess.Popen[bytes], call: tuple[tuple[Any, ...], dict[str, Any]]) -> TrackedRun:
    _send(process, call)
    try:
        run, error = pickle.load(process.stdout)  # type: ignore[arg-type]
    except EOFError:
        raise Transient(f"the process that tracks runs in MLflow ended (exit status {process.wait()}): rerun") from None
    if error is not None:
        raise error
    return TrackedRun(*run)


def _send(process: subprocess.Popen[bytes], message: object) -> None:
    # What a process that died does not read is missed by who waits for its answer.
    with suppress(BrokenPipeError):
        pickle.dump(message, process.stdin)  # type: ignore[arg-type]
        process.stdin.flush()  # type: ignore[union-attr]


def _answer(call: Callable[[], tuple[str, str]]) -> bytes:
    try:
        return pickle.dumps((call(), None))
    except Exception as error:
        answer = pickle.dumps((None, error))
        try:
            pickle.loads(answer)
        except Exception:  # an error that cannot be rebuilt from what it says
            return pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer


def _track(store: TrackingStore, made: Path | None, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[str, str]:
    if made is not None and store.database is not None:
        # Whatever goes wrong is left to `connect`, which creates what is missing and says what it cannot.
        with suppress(OSError):
            _put(made, store.database)
    return track_experiment(store, *args, **named), experiment_id(store)


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
