"""The supervisor with real servers: a start, a flow that runs, a stop that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.pipelines.stack.configuration import Stack, environment_of
from tradesieve.pipelines.stack.ports import Ports
from tradesieve.pipelines.stack.processes import STACK_ID_VARIABLE, Process, kill_stack
from tradesieve.pipelines.stack.supervisor import run_stack

FLOW = """
import os
import time
from pathlib import Path

from prefect import flow

from pipelines.sibling import GREETING


@flow
def toy(seconds: float = 0.0) -> None:
    home = Path(os.environ["TRADESIEVE_HOME"])
    (home / "began").write_text(os.getcwd())
    time.sleep(seconds)
    (home / "done").write_text(GREETING)
"""
PROJECT = """
name: toy
deployments:
  - name: default
    entrypoint: pipelines/flows.py:toy
    work_pool:
      name: tradesieve
"""
SERVICE = """
import http.server, sys

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own, whose flow imports a module beside it."""
    folder = tmp_path_factory.mktemp("project") / "a project"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines" / "__init__.py").write_text("")
    (folder / "pipelines" / "sibling.py").write_text("GREETING = 'hello'\n")
    (folder / "pipelines" / "flows.py").write_text(FLOW)
    (folder / "prefect.yaml").write_text(PROJECT)
    (folder / "service.py").write_text(SERVICE)
    return folder


@pytest.fixture
def ports() -> Ports:
    sockets = [socket.socket() for _ in range(3)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    numbers = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return Ports(*numbers)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield from cleared(tmp_path / "home")


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home that one test leaves to the next, as two starts of the stack do."""
    yield from cleared(tmp_path_factory.mktemp("used") / "home")


def cleared(folder: Path) -> Iterator[Path]:
    yield folder
    for process in processes_of(folder):
        process.kill()


def processes_of(home: Path) -> list[psutil.Process]:
    """Find every process of this home, however it was started and whoever its parent is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("TRADESIEVE_HOME") == str(home):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def toy_stack(home: Path, ports: Ports, service_command: list[str] | None, root: Path) -> Stack:
    return Stack(home, ports, service_command, root, root / "prefect.yaml")


def is_held(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], object], seconds: float, what: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def start(home: Path, root: Path, ports: Ports, *, ignore_interrupts: bool = False) -> tuple[subprocess.Popen, Path]:
    """Run the supervisor as its users do, in a process of its own."""
    script = home.parent / "up.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from tradesieve.pipelines.stack.configuration import Stack
        from tradesieve.pipelines.stack.ports import Ports
        from tradesieve.pipelines.stack.supervisor import run_stack

        service = [sys.executable, {str(root / "service.py")!r}, "{ports.service}"]
        root, exported = Path({str(root)!r}), Path({str(home.parent / "exported")!r})
        find = lambda: service if exported.exists() else None
        stack = Stack(Path({str(home)!r}), {ports!r}, None, root, root / "prefect.yaml", find_service=find)
        run_stack(stack, report=lambda line: print(line, flush=True))
        """)
    )
    output = home.parent / "report.txt"
    before = signal.getsignal(signal.SIGINT)
    # A shell's background job ignores SIGINT, and what it starts inherits that.
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignore_interrupts else signal.default_int_handler)
    try:
        with output.open("w") as report:
            environment = {**os.environ, "PYTHONPATH": os.getcwd(), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
            process = subprocess.Popen([sys.executable, str(script)], stdout=report, stderr=report, env=environment)
    finally:
        signal.signal(signal.SIGINT, before)
    return process, output


def run_toy(home: Path, root: Path, ports: Ports, *arguments: str) -> str:
    """Ask for a run with the Prefect command, and return its id."""
    stack = toy_stack(home, ports, None, root)
    command = [sys.executable, "-m", "prefect", "deployment", "run", "toy/default", *arguments]
    environment = {**environment_of(stack, stack_id="test"), "TRADESIEVE_HOME": ""}
    subprocess.run(command, env=environment, cwd=home, check=True, capture_output=True)
    runs = httpx.post(f"http://127.0.0.1:{ports.prefect}/api/flow_runs/filter", json={}).json()
    return max(runs, key=lambda run: run["created"])["id"]


def state_of(ports: Ports, run: str) -> str:
    return httpx.get(f"http://127.0.0.1:{ports.prefect}/api/flow_runs/{run}").json()["state"]["type"]


@pytest.mark.slow
def test_the_stack_runs_a_flow_and_leaves_nothing_behind(used_home, root, ports):
    home = used_home
    process, output = start(home, root, ports, ignore_interrupts=True)
    wait_for(lambda: "everything is up" in output.read_text() or process.poll() is not None, 300, output.read_text)
    assert process.poll() is None, output.read_text()
    # The first export starts the service.
    assert not is_held(ports.service)
    (home.parent / "exported").write_text("")
    wait_for(lambda: "service  " in output.read_text(), 60, output.read_text)
    assert is_held(ports.service)
    text = output.read_text()
    assert f"http://127.0.0.1:{ports.mlflow}/#/experiments/1/runs" in text
    assert {path.name for path in (home / "prefect").iterdir()} >= {"prefect.db"}
    question = f"http://127.0.0.1:{ports.mlflow}/api/2.0/mlflow/experiments/get?experiment_id=1"
    assert httpx.get(question).json()["experiment"]["name"] == "tradesieve"
    assert httpx.get(question, headers={"Host": "evil.example"}).status_code == 403

    # The same home and the same ports are refused while it runs.
    with pytest.raises(BadInput, match=f"port {ports.prefect} is in use"):
        run_stack(toy_stack(home, ports, None, root), report=print)
    with pytest.raises(BadInput, match="another stack runs"):
        run_stack(toy_stack(home, Ports(1024, 1025, 1026), None, root), report=print)

    first = run_toy(home, root, ports)
    wait_for(lambda: state_of(ports, first) in ("COMPLETED", "FAILED", "CRASHED"), 60, lambda: state_of(ports, first))
    worker_log = (home / "logs" / "prefect-worker.log").read_text()
    assert state_of(ports, first) == "COMPLETED", worker_log
    assert (home / "done").read_text() == "hello"
    assert (home / "began").read_text() == str(root)

    # A flow that runs when the wish to stop comes may finish.
    (home / "began").unlink()
    (home / "done").unlink()
    run_toy(home, root, ports, "--param", "seconds=4")
    wait_for((home / "began").exists, 60, output.read_text)
    assert not (home / "done").exists()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, output.read_text()
    assert (home / "done").exists()
    assert "waiting up to 60 s for 1 running flow" in output.read_text()
    assert processes_of(home) == []
    assert [port for port in (ports.prefect, ports.mlflow, ports.service) if is_held(port)] == []


@pytest.mark.slow
def test_a_dying_process_is_named_and_stops_the_rest(used_home, root, ports):
    """Also a second start on the same home; a flow that runs then is stopped with the rest."""
    home = used_home
    (home / "began").unlink(missing_ok=True)
    lines: list[str] = []
    stack = toy_stack(home, ports, [sys.executable, str(root / "service.py"), str(ports.service)], root)

    def kill_the_service() -> None:
        wait_for(lambda: any("everything is up" in line for line in lines), 300, lambda: "\n".join(lines))
        run_toy(home, root, ports, "--param", "seconds=600")
        wait_for((home / "began").exists, 60, lambda: "\n".join(lines))
        for process in processes_of(home):
            if "service.py" in " ".join(process.cmdline()):
                process.kill()

    killer = threading.Thread(target=kill_the_service)
    killer.start()
    with pytest.raises(TradesieveError, match="scoring service died with exit code -9"):
        run_stack(stack, report=lines.append)
    killer.join()
    assert any("crashed" in line for line in lines)
    assert lines[-1] == "everything is stopped"
    assert processes_of(home) == []
    assert [port for port in (ports.prefect, ports.mlflow, ports.service) if is_held(port)] == []


@pytest.mark.slow
def test_a_process_that_cannot_start_shows_the_end_of_its_log(home, root, ports):
    command = [sys.executable, "-c", "raise SystemExit('the golden vectors disagree')"]
    with pytest.raises(TradesieveError, match=r"(?s)scoring service died with exit code 1.*golden vectors disagree"):
        run_stack(toy_stack(home, ports, command, root), report=lambda line: None)
    assert processes_of(home) == []


@pytest.mark.slow
def test_the_wish_to_stop_is_heard_while_starting(home, root, ports):
    stop = threading.Event()
    threading.Timer(2.0, stop.set).start()
    lines: list[str] = []
    began = time.monotonic()
    run_stack(toy_stack(home, ports, None, root), report=lines.append, stop=stop)
    assert time.monotonic() - began < 30
    assert any("no model is exported yet" in line for line in lines)
    assert "stopped before everything was up" in lines
    assert processes_of(home) == []
    assert (home / "mlflow").is_dir()


@pytest.mark.slow
def test_a_report_that_nobody_reads_leaves_nothing_behind(home, root, ports):
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) > 2:
            raise BrokenPipeError("the reader has left")

    with pytest.raises(BrokenPipeError):
        run_stack(toy_stack(home, ports, None, root), report=report)
    assert lines[0] == "starting the Prefect server"
    assert processes_of(home) == []


def test_a_port_in_use_is_refused_before_anything_starts(home, root, ports):
    for name in ("prefect", "mlflow", "service"):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", getattr(ports, name)))
            taken.listen()
            with pytest.raises(BadInput, match=f"port {getattr(ports, name)} is in use.*another port"):
                run_stack(toy_stack(home, ports, ["true"], root), report=print)
    assert not home.exists()


def test_what_cannot_be_a_stack_is_refused(home, root, ports):
    with pytest.raises(BadInput, match=r"prefect\.yaml: file not found"):
        Stack(home, ports, None, root, root / "pipelines" / "prefect.yaml")
    with pytest.raises(BadInput, match="service_command is empty"):
        Stack(home, ports, [], root)
    with pytest.raises(BadInput, match="given to both Prefect and the scoring service"):
        Ports(prefect=4200, service=4200)
    with pytest.raises(BadInput, match="port 0 of MLflow"):
        Ports(mlflow=0)


def test_the_environment_keeps_everything_at_home(home, root, monkeypatch):
    monkeypatch.setenv("PREFECT_API_KEY", "of another server")
    monkeypatch.setenv("NO_PROXY", "example.org")
    environment = environment_of(toy_stack(home, Ports(prefect=4201), None, root), stack_id="m")
    assert "PREFECT_API_KEY" not in environment
    assert environment["PREFECT_API_URL"] == environment["PREFECT_UI_API_URL"] == "http://127.0.0.1:4201/api"
    assert environment["PREFECT_HOME"] == str(home / "prefect")
    assert environment["TRADESIEVE_MLFLOW_PAGES"] == "http://127.0.0.1:5000"
    assert environment["BENTOML_HOME"] == str(home / "bentoml")
    assert environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))
    quiet = ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "BENTOML_DO_NOT_TRACK")
    assert {environment[name].lower() for name in quiet} == {"true"}
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_the_stack_is_killed_even_where_it_left_its_group_and_its_parent(tmp_path):
    escape = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
    )
    environment = {**os.environ, STACK_ID_VARIABLE: "escape", "TRADESIEVE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", escape]
    process = Process("escape", command, environment=environment, folder=tmp_path, log=tmp_path / "escape.log")
    assert process.wait(10)
    process.kill()
    assert len(processes_of(tmp_path)) == 1
    assert kill_stack("another") == 0
    assert kill_stack("escape") == 1
    assert processes_of(tmp_path) == []


def test_a_log_keeps_its_predecessor(tmp_path):
    for word in ("one", "two"):
        command = [sys.executable, "-c", f"print('{word}')"]
        log = tmp_path / "logs" / "echo.log"
        process = Process("echo", command, environment=os.environ, folder=tmp_path, log=log)
        assert process.wait(10)
    assert process.tail() == "two"
    assert (tmp_path / "logs" / "echo.previous.log").read_text() == "one\n"
    with pytest.raises(TradesieveError, match=r"(?s)echo died with exit code 0.*two"):
        process.check()
    with pytest.raises(TradesieveError, match="cannot be started"):
        Process("none", ["/none"], environment=os.environ, folder=tmp_path, log=log)
