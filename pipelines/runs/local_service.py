"""A scoring service of one artifact on this machine, for as long as a block lasts."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tradesieve.market.errors import TradesieveError, Transient
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.access import KEYS_FILE_VARIABLE, KEYS_VARIABLE
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.export import serve_command
from tradesieve.serving.guards import CLOCK_VARIABLE, GUARDS, GUARDS_VARIABLE
from tradesieve.serving.workers import STATE_VARIABLE, WORKERS_VARIABLE

_START_SECONDS = 180.0
_STOP_SECONDS = 15.0


@contextlib.contextmanager
def serve_locally(
    artifact_folder: Path, settings: Settings, *, port: int | None = None, user: str = "paper"
) -> Iterator[str]:
    """Serve an artifact for as long as the block lasts; yield its URL.

    Parameters
    ----------
    port : to listen on, which is free; None: any that is.
    user : who it answers; names its log.

    Raises
    ------
    BadInput : if BentoML is not installed.
    TradesieveError : if the service does not start; quotes the end of its log.
    """
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    log = settings.home / "logs" / f"{user}-service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # It answers this run alone, so it has no keys.
    inherited = {name: value for name, value in os.environ.items() if name not in (KEYS_VARIABLE, KEYS_FILE_VARIABLE)}
    environment = inherited | {
        "TRADESIEVE_HOME": str(settings.home),
        "BENTOML_HOME": str(settings.home / f"bentoml-{user}"),
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "true",
        WORKERS_VARIABLE: "1",
        # It is asked about stored bars, which are of the past.
        CLOCK_VARIABLE: os.environ.get(CLOCK_VARIABLE, "replay"),
    }
    if user == "paper":  # held against research, which has no guards
        environment[GUARDS_VARIABLE] = ",".join(f"{guard}=warn" for guard in GUARDS)
    # Nothing of its state is of use to the next run.
    with (
        _sigterm_as_exit(),
        tempfile.TemporaryDirectory(prefix=f"tradesieve-{user}-") as state,
        open(log, "w") as out,
    ):
        environment[STATE_VARIABLE] = state
        process = subprocess.Popen(
            serve_command(artifact_folder, port=port), env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_ready(url, process, log)
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """End by SIGTERM as an exception does, so that the service is stopped; a handler of the caller's own stays."""
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _wait_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    with ScoringClient(url) as client:
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            with contextlib.suppress(Transient):
                client.wait_ready(1.0)
                return
    tail = " ".join(log.read_text().splitlines()[-3:])
    raise TradesieveError(f"the service did not start: {tail or 'its log is empty'}")
