"""tradesieve up: everything that runs."""

from __future__ import annotations

import click

from tradesieve.pipelines.console import Console
from tradesieve.pipelines.runs.release import service_command
from tradesieve.pipelines.settings import ROOT, read_settings
from tradesieve.pipelines.stack.supervisor import Ports, Stack, run_stack

_PORT = click.IntRange(1, 65535)


@click.command()
@click.option("--prefect-port", default=4200, show_default=True, type=_PORT, help="Port of the Prefect server.")
@click.option("--mlflow-port", type=_PORT, help="Port of the MLflow UI; mlflow.yml says which one by default.")
@click.option("--service-port", default=3000, show_default=True, type=_PORT, help="Port of the scoring service.")
def up(prefect_port: int, mlflow_port: int | None, service_port: int) -> None:
    """Start Prefect server and worker, the MLflow UI and the scoring service; stop all of it on Ctrl-C.

    \b
        tradesieve up                                      in one shell
        prefect deployment run 'experiment/default'        in another one, in the project's folder
    """
    settings, console = read_settings(), Console(as_json=False)
    ports = Ports(prefect=prefect_port, mlflow=mlflow_port or settings.port, service=service_port)
    service = service_command(settings, host="127.0.0.1", port=ports.service)
    if service is None:
        console.say("no model is exported yet, so the scoring service stays off; see `tradesieve model export`")
    command = "prefect deployment run 'experiment/default'"
    if prefect_port != 4200:
        command = f"PREFECT_API_URL=http://127.0.0.1:{prefect_port}/api {command}"
    console.say(f"once it is up, start an experiment with: {command}")
    run_stack(Stack(settings.home, ports, service, ROOT, settings.experiment), report=console.say)
