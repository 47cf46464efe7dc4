"""A child process with a group and a log of its own, and the certainty that nothing of it stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from tradesieve.market.errors import TradesieveError

MARK = "TRADESIEVE_STACK"
"""The environment variable that every process of a stack inherits, also one that left its group and its parent."""


class Process:
    """A running command; its output goes to `log`, whose predecessor is kept as ``*.previous.log``.

    Parameters
    ----------
    name : what people call it.
    command : the program and its arguments.
    environment : all of its environment variables.
    folder : its working directory.
    log : the file that takes its output and its errors.

    Raises
    ------
    TradesieveError : if the command cannot be started.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        with log.open("wb") as output:
            try:
                # A group of its own: Ctrl-C in the terminal reaches us alone, and we choose the order of stopping.
                self._popen = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    cwd=folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise TradesieveError(f"{name} cannot be started: {error}") from error

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._popen.poll()

    def tail(self, n_lines: int = 15) -> str:
        """Return the last lines of the log."""
        lines = self.log.read_text(errors="replace").rstrip().splitlines()
        return "\n".join(lines[-n_lines:]) or "(it wrote nothing)"

    def check(self) -> None:
        """Raise a TradesieveError with the end of the log if the process is no longer there."""
        if self.exit_code is not None:
            raise TradesieveError(f"{self.name} died with exit code {self.exit_code}; {self.log} ends:\n{self.tail()}")

    def children(self) -> list[psutil.Process]:
        """List the processes that it started itself and that still run."""
        try:
            return [child for child in psutil.Process(self._popen.pid).children() if not _is_gone(child)]
        except psutil.NoSuchProcess:
            return []

    def terminate(self, *, whole_group: bool = False) -> None:
        """Ask it to stop: the process, or everything in its group where it does not tell its own children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if whole_group:
                os.killpg(self._popen.pid, signal.SIGTERM)
            elif self.exit_code is None:
                self._popen.terminate()

    def wait(self, timeout: float) -> bool:
        """Wait for the process to end, and say whether it did."""
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill what is left of its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()


def drain(process: Process, *, timeout: float, hurry: threading.Event) -> bool:
    """Wait until `process` has no children, and say whether that came about before `timeout` or `hurry`."""
    deadline = time.monotonic() + timeout
    while process.children():
        if hurry.wait(0.2) or time.monotonic() > deadline:
            return False
    return True


def sweep(mark: str) -> int:
    """Kill every process that carries `mark` in its environment, wait until they are gone, and return their number."""
    left = [process for process in psutil.process_iter() if _carries(process, mark)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return len(left)


@contextlib.contextmanager
def on_signals(react: Callable[[], None]) -> Iterator[None]:
    """Call `react` on Ctrl-C, SIGTERM and a closed terminal; outside the main thread there is nothing to catch.

    A handler also undoes an inherited "ignore SIGINT" (a shell's background jobs have it) for the children, and
    a Prefect worker that ignores SIGINT never stops.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        # Under nohup a closed terminal means nothing.
        caught.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: react()) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _carries(process: psutil.Process, mark: str) -> bool:
    # A dead process that nobody has collected has no environment any more, another user's is not ours.
    try:
        return process.pid != os.getpid() and process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False


def _is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
