"""tradesieve up: the servers and the worker."""

from __future__ import annotations

import click

from tradesieve.market.extras import require_extra
from tradesieve.pipelines.commands.shared.options import as_json
from tradesieve.pipelines.console import Console
from tradesieve.pipelines.help_pages import HelpPage
from tradesieve.pipelines.runs.release import service_command
from tradesieve.pipelines.settings import project_folder, read_settings
from tradesieve.pipelines.stack.configuration import Stack
from tradesieve.pipelines.stack.ports import Ports
from tradesieve.pipelines.stack.supervisor import run_stack

_PORT = click.IntRange(1, 65535)


@click.command(cls=HelpPage)
@click.option("--prefect-port", default=4200, show_default=True, type=_PORT, help="Port of the Prefect server.")
@click.option("--mlflow-port", type=_PORT, help="Port of the MLflow UI; the one in mlflow.yml by default.")
@click.option("--service-port", default=3000, show_default=True, type=_PORT, help="Port of the scoring service.")
@as_json
def up(prefect_port: int, mlflow_port: int | None, service_port: int, as_json: bool) -> None:
    """Start Prefect server and worker, the MLflow UI and the scoring service; stop all of it on Ctrl-C.

    With --json, the addresses are printed once everything is up.

    \b
        tradesieve up                                        in one shell
        export PREFECT_API_URL=http://127.0.0.1:4200/api     in another one
        prefect deployment run 'experiment/default'
    """
    require_extra("prefect", "prefect")
    settings, console, project = read_settings(), Console(as_json=as_json), project_folder()
    ports = Ports(prefect=prefect_port, mlflow=mlflow_port or settings.port, service=service_port)

    def find_service() -> list[str] | None:
        return service_command(settings, host="127.0.0.1", port=ports.service)

    service = find_service()
    if service is None:
        console.say("no model is exported yet: the scoring service starts with the first `tradesieve model export`")
    stack = Stack(settings.home, ports, service, project, experiment=settings.experiment, find_service=find_service)
    # Without the address, Prefect asks a temporary server of its own, which knows no deployment.
    command = f"PREFECT_API_URL={stack.prefect_url}/api prefect deployment run 'experiment/default'"
    console.say(f"once it is up, start an experiment from any folder with: {command}")
    addresses = {"prefect": stack.prefect_url, "mlflow": stack.mlflow_url, "service": stack.service_url}
    run_stack(stack, report=console.note if as_json else console.say, on_up=lambda: console.json(addresses))
