"""The supervisor behind `tradesieve up`: Prefect, its worker, MLflow and the scoring service, all up or all down."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.models.tracking.connection import TrackingStore, experiment_id
from tradesieve.pipelines.stack.processes import MARK, Process, drain, on_signals, sweep

POOL = "tradesieve"
"""The work pool of every deployment in prefect.yaml."""
START_SECONDS = 180.0
"""A cold server on a busy laptop takes a minute."""
WORKER_SECONDS = 60.0
"""How long running flows may go on after the wish to stop."""
STOP_SECONDS = 15.0

_HOST = "127.0.0.1"
_TITLES = {"prefect": "Prefect", "mlflow": "MLflow", "service": "the scoring service"}
_QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


@dataclass(frozen=True)
class Ports:
    """The ports on 127.0.0.1 of the three servers."""

    prefect: int = 4200
    mlflow: int = 5000
    service: int = 3000

    def __post_init__(self) -> None:
        taken: dict[int, str] = {}
        for name in (field.name for field in fields(self)):
            port = getattr(self, name)
            if not 1 <= port <= 65535:
                raise BadInput(f"port {port} of {_TITLES[name]} is not between 1 and 65535")
            if port in taken:
                raise BadInput(f"port {port} is given to both {_TITLES[taken[port]]} and {_TITLES[name]}")
            taken[port] = name


@dataclass(frozen=True)
class Stack:
    """What to start.

    Parameters
    ----------
    home : folder of all state; logs go to its ``logs``.
    ports : where the servers listen.
    service_command : the command that serves the champion on ``ports.service``, or None while there is none.
    root : the project's folder, which holds ``prefect.yaml``.
    experiment : the MLflow experiment that people are pointed to.
    """

    home: Path
    ports: Ports
    service_command: Sequence[str] | None
    root: Path
    experiment: str = "tradesieve"

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", self.home.absolute())
        object.__setattr__(self, "root", self.root.absolute())
        if not (self.root / "prefect.yaml").is_file():
            raise BadInput(f"root {str(self.root)!r} has no prefect.yaml: start from the project's folder")
        if self.service_command is not None and not list(self.service_command):
            raise BadInput("service_command is empty: give the command, or None while there is no champion")


def run_stack(stack: Stack, *, report: Callable[[str], None], stop: threading.Event | None = None) -> None:
    """Start everything, wait until it is wished to stop, and leave no process and no port behind.

    Stops on Ctrl-C, SIGTERM, a closed terminal, or `stop`. Flows that run then have a minute to finish; a second
    Ctrl-C cuts it short, and they are recorded as crashed.

    Parameters
    ----------
    report : takes one line of progress at a time.

    Raises
    ------
    BadInput : if a port is in use, or another stack runs on the same home; nothing was started then.
    TradesieveError : if a process dies, with the end of its log; everything else was stopped.
    """
    _check_ports(stack)
    stop = stop or threading.Event()
    hurry = threading.Event()

    def react() -> None:
        (hurry if stop.is_set() else stop).set()

    with _alone(stack.home), on_signals(react):
        running = _Running(stack, report, stop, hurry)
        try:
            running.start()
            while not stop.wait(0.5):
                running.check()
        except BaseException:
            # Without its server a flow cannot finish, so there is nothing to wait for.
            hurry.set()
            raise
        finally:
            running.end()


class _Stopped(Exception):
    """The wish to stop came while starting."""


class _Running:
    def __init__(
        self, stack: Stack, report: Callable[[str], None], stop: threading.Event, hurry: threading.Event
    ) -> None:
        self.stack, self.report, self.stop, self.hurry = stack, report, stop, hurry
        self.mark = f"{os.getpid()}.{time.time_ns()}"
        self.environment = environment_of(stack, mark=self.mark)
        self.processes: dict[str, Process] = {}

    def start(self) -> None:
        try:
            self._start()
        except _Stopped:
            self.report("stopped before everything was up")

    def _start(self) -> None:
        ports, began = self.stack.ports, time.monotonic()
        prefect, mlflow = f"http://{_HOST}:{ports.prefect}", f"http://{_HOST}:{ports.mlflow}"
        # The servers share no state while they start, so they start side by side.
        self._launch("Prefect server", _prefect("server", "start", "--host", _HOST, "--port", str(ports.prefect)))
        self._launch("MLflow server", _mlflow_command(self.stack))
        if self.stack.service_command is None:
            self.report("no scoring service: there is no champion yet; run an experiment, then start again")
        else:
            self._launch("scoring service", self.stack.service_command)
        self._await("Prefect server", lambda: _status(f"{prefect}/api/health") == 200)
        # The worker creates the pool where it is missing, and the deployments need the pool.
        worker = f"{POOL}-{self.mark}"
        arguments = ("worker", "start", "--pool", POOL, "--type", "process", "--name", worker)
        self._launch("Prefect worker", _prefect(*arguments, "--install-policy", "never"), folder=self.stack.root)
        self._await("Prefect worker", lambda: _is_online(prefect, worker))
        self._finish("deployments", _prefect("--no-prompt", "deploy", "--all"))
        self._await("MLflow server", lambda: _status(f"{mlflow}/health") == 200)
        experiment = experiment_id(TrackingStore(mlflow, None, self.stack.experiment, self.stack.experiment))
        service = f"http://{_HOST}:{ports.service}"
        if self.stack.service_command is not None:
            self._await("scoring service", lambda: _status(f"{service}/readyz") == 200)
        self.report(f"everything is up after {time.monotonic() - began:.0f} s; Ctrl-C stops it")
        self.report(f"flows        {prefect}")
        self.report(f"experiments  {mlflow}/#/experiments/{experiment}/runs")
        if self.stack.service_command is not None:
            self.report(f"service      {service}")

    def check(self) -> None:
        for process in self.processes.values():
            process.check()

    def end(self) -> None:
        """Stop the worker before its server, and kill what is left last of all, also when the report cannot be told."""
        try:
            self._end_in_order()
        finally:
            for process in self.processes.values():
                process.kill()
            sweep(self.mark)
        self.report("everything is stopped")

    def _end_in_order(self) -> None:
        if "Prefect worker" in self.processes:
            self._end_worker(self.processes["Prefect worker"])
        servers = [process for name, process in self.processes.items() if name != "Prefect worker"]
        for process in servers:
            self.report(f"stopping the {process.name}")
            # `mlflow server` dies of SIGTERM without telling the server proper.
            process.terminate(whole_group=process.name == "MLflow server")
        deadline = time.monotonic() + STOP_SECONDS
        for process in servers:
            process.wait(max(0.0, deadline - time.monotonic()))

    def _end_worker(self, worker: Process) -> None:
        flows = worker.children()
        if flows and not self.hurry.is_set():
            self.report(f"waiting up to {WORKER_SECONDS:.0f} s for {len(flows)} running flow(s); Ctrl-C cuts it short")
        # A worker that is told to stop kills its flows, and they look running for ever: so they end before it.
        if not drain(worker, timeout=WORKER_SECONDS, hurry=self.hurry):
            for flow in worker.children():
                self.report("stopping a flow that still runs; Prefect will show it as crashed")
                flow.terminate()
            drain(worker, timeout=STOP_SECONDS, hurry=threading.Event())
        self.report("stopping the Prefect worker")
        worker.terminate()
        worker.wait(STOP_SECONDS)

    def _launch(self, name: str, command: Sequence[str], *, folder: Path | None = None) -> Process:
        self.report(f"starting the {name}")
        process = self._process(name, command, folder=folder or self.stack.home)
        self.processes[name] = process
        return process

    def _process(self, name: str, command: Sequence[str], *, folder: Path) -> Process:
        log = self.stack.home / "logs" / f"{name.lower().replace(' ', '-')}.log"
        return Process(name, command, environment=self.environment, folder=folder, log=log)

    def _finish(self, name: str, command: Sequence[str]) -> None:
        self.report(f"writing the {name}")
        process = self._process(name, command, folder=self.stack.root)
        try:
            while not process.wait(0.2):
                self._check_wish()
        finally:
            process.kill()
        if process.exit_code:
            raise TradesieveError(f"writing the {name} failed; {process.log} ends:\n{process.tail()}")

    def _await(self, name: str, is_ready: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not is_ready():
            self._check_wish()
            if time.monotonic() - began > START_SECONDS:
                process = self.processes[name]
                raise TradesieveError(
                    f"the {name} is not ready after {START_SECONDS:.0f} s; {process.log} ends:\n{process.tail()}"
                )
            time.sleep(0.2)
        self.report(f"the {name} is ready")

    def _check_wish(self) -> None:
        if self.stop.is_set():
            raise _Stopped
        self.check()


def environment_of(stack: Stack, *, mark: str) -> dict[str, str]:
    """Build the environment of every process: state under the home, no telemetry, our own interpreter first."""
    api = f"http://{_HOST}:{stack.ports.prefect}/api"
    # A shell that points at another Prefect server or database must not redirect ours.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    local = "127.0.0.1,localhost"
    return {
        **inherited,
        **_QUIET,
        MARK: mark,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        # A flow run starts in a temporary folder, and finds what it imports all the same.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(stack.root), inherited.get("PYTHONPATH")])),
        "NO_COLOR": "1",
        # A proxy of the company cannot reach our own machine.
        "NO_PROXY": ",".join(filter(None, [inherited.get("NO_PROXY"), local])),
        "no_proxy": ",".join(filter(None, [inherited.get("no_proxy"), local])),
        "TRADESIEVE_HOME": str(stack.home),
        "BENTOML_HOME": str(stack.home / "bentoml"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PREFECT_HOME": str(stack.home / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_UI_API_URL": api,
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }


def _prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def _mlflow_command(stack: Stack) -> list[str]:
    folder = stack.home / "mlflow"
    command = [sys.executable, "-m", "mlflow", "server", "--host", _HOST, "--port", str(stack.ports.mlflow)]
    command += ["--workers", "1", "--allowed-hosts", "localhost:*,127.0.0.1:*"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    # The same artifact root as that of clients that open the database themselves: each reads the other's runs.
    return [*command, "--default-artifact-root", (folder / "artifacts").as_uri(), "--no-serve-artifacts"]


def _check_ports(stack: Stack) -> None:
    for name, title in _TITLES.items():
        port = getattr(stack.ports, name)
        if name == "service" and stack.service_command is None:
            continue
        advice = f"stop what listens there, or choose another port for {title}"
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((_HOST, port)) == 0:
                raise BadInput(f"port {port} is in use: {advice}")
        with socket.socket() as probe:
            # As the servers do: a port whose last connections are still fading is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError as error:
                raise BadInput(f"port {port} cannot be used ({error.strerror}): {advice}") from error


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the home's lock, which the system lets go of however we end."""
    try:
        for folder in (home, home / "mlflow", home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        lock = (home / "up.lock").open("w")
    except OSError as error:
        raise BadInput(f"home {str(home)!r} cannot be written: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                f"another stack runs on home {str(home)!r}: stop it, or set another TRADESIEVE_HOME"
            ) from None
        yield


def _status(url: str) -> int | None:
    import httpx

    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code
    except httpx.HTTPError:
        return None


def _is_online(prefect: str, worker: str) -> bool:
    import httpx

    try:
        answer = httpx.post(f"{prefect}/api/work_pools/{POOL}/workers/filter", json={}, timeout=5, trust_env=False)
        return any(found["name"] == worker and found["status"] == "ONLINE" for found in answer.json())
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False
