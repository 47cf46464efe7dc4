"""What the stack consists of: its folders and ports, and the commands and the environment of its processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tradesieve.market.errors import BadInput
from tradesieve.pipelines.stack.ports import Ports
from tradesieve.pipelines.stack.processes import STACK_ID_VARIABLE

HOST = "127.0.0.1"
POOL = "tradesieve"
"""The work pool of every deployment in prefect.yaml."""
DEPLOYMENTS = Path(__file__).parents[1] / "prefect.yaml"

_NO_TELEMETRY = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


@dataclass(frozen=True)
class Stack:
    """What to start.

    Parameters
    ----------
    home : folder of all state; logs go to its ``logs``.
    ports : where the servers listen.
    service_command : the command that serves the champion on ``ports.service``, or None while there is none.
    find_service : looks for that command again, until there is one; None: it is not looked for.
    project : the folder that flows run in, where relative paths of an experiment begin.
    deployments : the ``prefect.yaml`` whose deployments are written.
    experiment : the MLflow experiment whose address is shown.
    """

    home: Path
    ports: Ports
    service_command: Sequence[str] | None
    project: Path
    deployments: Path = DEPLOYMENTS
    experiment: str = "tradesieve"
    find_service: Callable[[], Sequence[str] | None] | None = None

    def __post_init__(self) -> None:
        for name in ("home", "project", "deployments"):
            object.__setattr__(self, name, getattr(self, name).absolute())
        if not self.deployments.is_file():
            raise BadInput(f"{self.deployments}: file not found; it lists the flows that can be started")
        if self.service_command is not None and not list(self.service_command):
            raise BadInput("service_command is empty: give the command, or None while there is no champion")

    @property
    def prefect_url(self) -> str:
        """Address of the Prefect server."""
        return f"http://{HOST}:{self.ports.prefect}"

    @property
    def mlflow_url(self) -> str:
        """Address of the MLflow server."""
        return f"http://{HOST}:{self.ports.mlflow}"

    @property
    def service_url(self) -> str:
        """Address of the scoring service."""
        return f"http://{HOST}:{self.ports.service}"


def prefect_server_command(stack: Stack) -> list[str]:
    """Return the command of the Prefect server."""
    return _prefect("server", "start", "--host", HOST, "--port", str(stack.ports.prefect))


def worker_command(name: str) -> list[str]:
    """Return the command of a worker, which creates the pool where it is missing."""
    return _prefect("worker", "start", "--pool", POOL, "--type", "process", "--name", name, "--install-policy", "never")


def deploy_command(stack: Stack) -> list[str]:
    """Return the command that writes the deployments; it needs the pool."""
    return _prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(stack.deployments))


def mlflow_command(stack: Stack) -> list[str]:
    """Return the command of the MLflow server."""
    folder = stack.home / "mlflow"
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(stack.ports.mlflow)]
    command += ["--workers", "1", "--allowed-hosts", "localhost:*,127.0.0.1:*"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    # The artifact root of clients that open the database without a server: each reads the other's runs.
    return [*command, "--default-artifact-root", (folder / "artifacts").as_uri(), "--no-serve-artifacts"]


def environment_of(stack: Stack, *, stack_id: str) -> dict[str, str]:
    """Build the environment of every process: state under the home, no telemetry, our own interpreter first."""
    api = f"{stack.prefect_url}/api"
    # A shell that points at another Prefect server or database must not redirect ours.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    local = "127.0.0.1,localhost"
    return {
        **inherited,
        **_NO_TELEMETRY,
        STACK_ID_VARIABLE: stack_id,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        # A flow run starts in a temporary folder, and still imports modules of the project.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(stack.project), inherited.get("PYTHONPATH")])),
        "NO_COLOR": "1",
        # A company's proxy cannot reach this machine.
        "NO_PROXY": ",".join(filter(None, [inherited.get("NO_PROXY"), local])),
        "no_proxy": ",".join(filter(None, [inherited.get("no_proxy"), local])),
        "TRADESIEVE_HOME": str(stack.home),
        "BENTOML_HOME": str(stack.home / "bentoml"),
        "TRADESIEVE_MLFLOW_PAGES": stack.mlflow_url,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PREFECT_HOME": str(stack.home / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_UI_API_URL": api,
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        # SQLite refuses a write at once where another one came between; the server answers 503, and clients try again.
        "PREFECT_CLIENT_MAX_RETRIES": "10",
    }


def _prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]
