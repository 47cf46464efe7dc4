"""Child processes in groups of their own, with logs, and the clean-up that leaves none of them behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from tradesieve.market.errors import TradesieveError

STACK_ID_VARIABLE = "TRADESIEVE_STACK"
"""The environment variable that every process of a stack inherits, even one that left its group and its parent."""


class Process:
    """A running command. Its output goes to `log`; the log of the run before is kept as ``*.previous.log``.

    Parameters
    ----------
    name : for messages.
    command : the program and its arguments.
    environment : all of its environment variables.
    folder : its working directory.
    log : file for standard output and standard error.

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
                # In a group of its own: Ctrl-C in the terminal reaches only us, and we choose the order of stopping.
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
        return "\n".join(lines[-n_lines:]) or "(the log is empty)"

    def check(self) -> None:
        """Raise a TradesieveError with the end of the log if the process has exited."""
        if self.exit_code is not None:
            raise TradesieveError(f"{self.name} died with exit code {self.exit_code}; {self.log} ends:\n{self.tail()}")

    def children(self) -> list[psutil.Process]:
        """List its direct children that still run."""
        try:
            return [child for child in psutil.Process(self._popen.pid).children() if not _is_gone(child)]
        except psutil.NoSuchProcess:
            return []

    def terminate(self, *, whole_group: bool = False) -> None:
        """Send SIGTERM to the process, or to its whole group where it does not pass the signal on to its children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if whole_group:
                os.killpg(self._popen.pid, signal.SIGTERM)
            elif self.exit_code is None:
                self._popen.terminate()

    def wait(self, timeout: float) -> bool:
        """Wait for the process to exit; return whether it did."""
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill what is left of its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()


def drain(process: Process, *, timeout: float, abort: threading.Event) -> bool:
    """Wait until `process` has no children; return False at the `timeout` or when `abort` is set."""
    deadline = time.monotonic() + timeout
    while process.children():
        if abort.wait(0.2) or time.monotonic() > deadline:
            return False
    return True


def kill_stack(stack_id: str) -> int:
    """Kill every process that inherited `stack_id`, wait until they are gone, and return their number."""
    found = [process for process in psutil.process_iter() if _belongs_to(process, stack_id)]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=5)
    return len(found)


@contextlib.contextmanager
def on_stop_signals(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` on Ctrl-C, SIGTERM and a closed terminal. Only the main thread can catch signals.

    A handler also undoes an inherited "ignore SIGINT" (a shell's background jobs have it) for the children: a Prefect
    worker that ignores SIGINT never stops.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        # Under nohup a closed terminal is ignored.
        caught.append(signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: callback()) for number in caught}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _belongs_to(process: psutil.Process, stack_id: str) -> bool:
    # A zombie has no environment any more, and another user's process is not ours.
    try:
        return process.pid != os.getpid() and process.environ().get(STACK_ID_VARIABLE) == stack_id
    except (psutil.Error, OSError):
        return False


def _is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
