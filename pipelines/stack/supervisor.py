"""The supervisor behind `tradesieve up`: Prefect, its worker, MLflow and the scoring service, all up or all down."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.market.storage.locks import lock
from tradesieve.models.tracking.connection import TrackingStore, experiment_id, runs_page
from tradesieve.pipelines.stack import configuration
from tradesieve.pipelines.stack.configuration import HOST, POOL, Stack
from tradesieve.pipelines.stack.health import http_status, is_online
from tradesieve.pipelines.stack.ports import TITLES, require_free
from tradesieve.pipelines.stack.processes import Process, drain, kill_stack, on_stop_signals

SERVICE = "scoring service"

START_SECONDS = 180.0
"""A cold server on a busy laptop takes a minute."""
WORKER_SECONDS = 60.0
"""How long running flows may go on after a request to stop."""
STOP_SECONDS = 15.0


def run_stack(
    stack: Stack,
    *,
    report: Callable[[str], None],
    on_up: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> None:
    """Start everything, wait for a request to stop, and leave no process and no port behind.

    Ctrl-C, SIGTERM, a closed terminal and `stop` request it. Running flows then have a minute to finish; a second
    Ctrl-C cuts it short, and they are recorded as crashed.

    Parameters
    ----------
    report : called with one line of progress at a time.
    on_up : called once everything is up.

    Raises
    ------
    BadInput : if a port is in use, or another stack runs on the same home; nothing was started then.
    TradesieveError : if a process dies, with the end of its log; everything else was stopped.
    """
    _require_free_ports(stack)
    stop = stop or threading.Event()
    abort = threading.Event()

    def on_signal() -> None:
        (abort if stop.is_set() else stop).set()

    with _locked(stack.home), on_stop_signals(on_signal):
        supervisor = _Supervisor(stack, report, stop, abort)
        try:
            if supervisor.start():
                on_up()
            while not stop.wait(0.5):
                supervisor.check()
                supervisor.start_new_service()
        except BaseException:
            # Without its server a flow cannot finish, so there is nothing to wait for.
            abort.set()
            raise
        finally:
            supervisor.shut_down()


class _StopRequested(Exception):
    """A request to stop while starting."""


class _Supervisor:
    def __init__(
        self, stack: Stack, report: Callable[[str], None], stop: threading.Event, abort: threading.Event
    ) -> None:
        self.stack, self.report, self.stop, self.abort = stack, report, stop, abort
        self.stack_id = f"{os.getpid()}.{time.time_ns()}"
        self.environment = configuration.environment_of(stack, stack_id=self.stack_id)
        self.processes: dict[str, Process] = {}

    def start(self) -> bool:
        """Start everything; return whether it is up, or was stopped before."""
        began = time.monotonic()
        try:
            self._start_servers()
            self._start_worker()
            self._await_servers()
        except _StopRequested:
            self.report("stopped before everything was up")
            return False
        addresses = self._addresses()
        self.report(f"everything is up after {time.monotonic() - began:.0f} s; Ctrl-C stops it")
        for line in addresses:
            self.report(line)
        return True

    def check(self) -> None:
        for process in self.processes.values():
            process.check()

    def start_new_service(self) -> None:
        """Start the scoring service once the first model is exported."""
        if SERVICE in self.processes or self.stack.find_service is None:
            return
        command = self.stack.find_service()
        if command is not None:
            self._launch(SERVICE, command)
            with suppress(_StopRequested):
                self._await_service()
                self.report(f"service      {self.stack.service_url}")

    def shut_down(self) -> None:
        """Stop the worker before its server, and kill what is left at the end, even if `report` fails."""
        try:
            if "Prefect worker" in self.processes:
                self._stop_worker(self.processes["Prefect worker"])
            self._stop_servers()
        finally:
            for process in self.processes.values():
                process.kill()
            kill_stack(self.stack_id)
        self.report("everything is stopped")

    def _start_servers(self) -> None:
        # They share no state while they start, so they start side by side.
        self._launch("Prefect server", configuration.prefect_server_command(self.stack))
        self._launch("MLflow server", configuration.mlflow_command(self.stack))
        if self.stack.service_command is None:
            later = "; it starts with the first export" if self.stack.find_service else ""
            self.report(f"no scoring service: no model is exported yet{later}")
        else:
            self._launch(SERVICE, self.stack.service_command)

    def _start_worker(self) -> None:
        prefect = self.stack.prefect_url
        self._await("Prefect server", lambda: http_status(f"{prefect}/api/health") == 200)
        name = f"{POOL}-{self.stack_id}"
        self._launch("Prefect worker", configuration.worker_command(name), folder=self.stack.project)
        self._await("Prefect worker", lambda: is_online(prefect, POOL, name))
        self._run("deployments", configuration.deploy_command(self.stack))

    def _await_servers(self) -> None:
        self._await("MLflow server", lambda: http_status(f"{self.stack.mlflow_url}/health") == 200)
        if self.stack.service_command is not None:
            self._await_service()

    def _await_service(self) -> None:
        self._await(SERVICE, lambda: http_status(f"{self.stack.service_url}/readyz") == 200)

    def _addresses(self) -> list[str]:
        stack = self.stack
        experiment = experiment_id(TrackingStore(stack.mlflow_url, None, stack.experiment, stack.experiment))
        lines = [
            f"flows        {stack.prefect_url}",
            f"experiments  {runs_page(stack.mlflow_url, experiment)}",
        ]
        return lines if stack.service_command is None else [*lines, f"service      {stack.service_url}"]

    def _stop_worker(self, worker: Process) -> None:
        flows = worker.children()
        if flows and not self.abort.is_set():
            self.report(f"waiting up to {WORKER_SECONDS:.0f} s for {len(flows)} running flow(s); Ctrl-C cuts it short")
        # A worker that is stopped kills its flows, which Prefect then shows as running for ever: flows end first.
        if not drain(worker, timeout=WORKER_SECONDS, abort=self.abort):
            for flow in worker.children():
                self.report("stopping a flow that still runs; Prefect will show it as crashed")
                flow.terminate()
            drain(worker, timeout=STOP_SECONDS, abort=threading.Event())
        self.report("stopping the Prefect worker")
        worker.terminate()
        worker.wait(STOP_SECONDS)

    def _stop_servers(self) -> None:
        servers = [process for name, process in self.processes.items() if name != "Prefect worker"]
        for process in servers:
            self.report(f"stopping the {process.name}")
            # `mlflow server` dies of SIGTERM without passing it on to the server proper.
            process.terminate(whole_group=process.name == "MLflow server")
        deadline = time.monotonic() + STOP_SECONDS
        for process in servers:
            process.wait(max(0.0, deadline - time.monotonic()))

    def _launch(self, name: str, command: Sequence[str], *, folder: Path | None = None) -> None:
        self.report(f"starting the {name}")
        self.processes[name] = self._process(name, command, folder=folder or self.stack.home)

    def _run(self, name: str, command: Sequence[str]) -> None:
        self.report(f"writing the {name}")
        process = self._process(name, command, folder=self.stack.project)
        try:
            while not process.wait(0.2):
                self._check_stop()
        finally:
            process.kill()
        if process.exit_code:
            raise TradesieveError(f"writing the {name} failed; {process.log} ends:\n{process.tail()}")

    def _process(self, name: str, command: Sequence[str], *, folder: Path) -> Process:
        log = self.stack.home / "logs" / f"{name.lower().replace(' ', '-')}.log"
        return Process(name, command, environment=self.environment, folder=folder, log=log)

    def _await(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            self._check_stop()
            if time.monotonic() > deadline:
                process = self.processes[name]
                raise TradesieveError(
                    f"the {name} is not ready after {START_SECONDS:.0f} s; {process.log} ends:\n{process.tail()}"
                )
            time.sleep(0.2)
        self.report(f"the {name} is ready")

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise _StopRequested
        self.check()


def _require_free_ports(stack: Stack) -> None:
    for name, title in TITLES.items():
        if name == "service" and stack.service_command is None and stack.find_service is None:
            continue
        remedy = f"stop what listens there, or choose another port for {title}"
        require_free(getattr(stack.ports, name), host=HOST, remedy=remedy)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Hold the home's lock, which the system releases however we end."""
    try:
        for folder in (home, home / "mlflow", home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        held = (home / "up.lock").open("w")
    except OSError as error:
        raise BadInput(f"home {str(home)!r} is not writable: {error}") from error
    with held:
        try:
            lock(held.fileno(), wait=False)
        except OSError:
            raise BadInput(
                f"another stack runs on home {str(home)!r}: stop it, or set another TRADESIEVE_HOME"
            ) from None
        yield
