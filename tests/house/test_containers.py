"""The images and compose.yaml: every command in it exists, and its parts fit each other.

`make containers` builds the images where a builder answers.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tradesieve.pipelines.command_line import tradesieve
from tradesieve.pipelines.stack.configuration import (
    HOST,
    POOL,
    Stack,
    deploy_command,
    prefect_server_command,
    worker_command,
)
from tradesieve.pipelines.stack.ports import Ports

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD": "letters", "TRADESIEVE_KEYS": "score+push:" + 40 * "k"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def commands(service: dict[str, Any]) -> list[list[str]]:
    """Return the commands of a service, those of its shell one by one."""
    words = shlex.split(service.get("command", ""))
    if words[:2] == ["sh", "-c"]:
        return [shlex.split(part.removeprefix("exec ")) for part in words[2].split(" && ")]
    return [words] if words else []


def test_every_command_exists_with_its_options(compose: dict[str, Any], tmp_path: Path) -> None:
    """Those of Prefect are commands that `tradesieve up` runs, and one that is asked."""
    from mlflow.cli import cli

    stack = Stack(tmp_path, Ports(prefect=1, mlflow=2, service=3), None, tmp_path)
    prefect_options = [{*prefect_server_command(stack)}, {*worker_command("w")}, {*deploy_command(stack)}]
    created = subprocess.run(
        [str(Path(sys.executable).with_name("prefect")), "work-pool", "create", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    prefect_options.append({*re.findall(r"--[\w-]+", created.stdout)})
    seen = set()
    for service in compose["services"].values():
        for program, *words in commands(service):
            seen.add(program)
            if program == "prefect":
                asked = {word for word in words if word.startswith("--")}
                assert any(asked <= known for known in prefect_options), words
                continue
            command: click.Command = {"tradesieve": tradesieve, "mlflow": cli}[program]
            while isinstance(command, click.Group):
                name, *words = words
                found = command.get_command(click.Context(command), name)
                assert found is not None, name
                command = found
            command.make_context(program, words)  # refuses what is no option of it
    assert seen == {"mlflow", "prefect", "tradesieve"}


def test_its_parts_fit_each_other(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"database", "mlflow", "prefect", "worker", "service"}
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service["volumes"]:
            assert volume.partition(":")[0] in compose["volumes"], name
        if isinstance(service.get("depends_on"), dict):
            assert all("healthcheck" in services[needed] for needed in service["depends_on"]), name
        (given, *_) = [words for words in commands(service) if "--port" in words] or [[]]
        for published in service.get("ports", ()):
            host, outside, inside = published.split(":")
            assert (host, outside) == (HOST, inside), f"{name} is open to other machines"
            assert given[given.index("--port") + 1] == inside
            assert given[given.index("--host") + 1] == "0.0.0.0", "a container is reached from outside of it"
    text = COMPOSE.read_text(encoding="utf-8")
    for host, port in re.findall(r"(?://|@)([a-z]+):(\d+)", text.replace("127.0.0.1", "")):
        assert host in services
        assert port == "5432" if host == "database" else f":{port}:{port}" in str(services[host]["ports"])
    assert f"--pool {POOL}" in services["worker"]["command"]
    assert set(re.findall(r"\$\{(\w+)", text)) == set(SECRETS), "every secret is asked for"
    assert all(f"${{{name}:?" in text for name in SECRETS)


def test_the_image_has_what_the_commands_take() -> None:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", text)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(extras.split(",")) == {"serving", "prefect", "postgres"} <= set(known)
    copied = re.findall(r"^COPY (\S+) \./", text, re.MULTILINE)
    assert copied == ["requirements.lock"]
    assert (ROOT / copied[0]).is_file()
    assert "var" in (ROOT / ".dockerignore").read_text().split(), "no state, no keys of this machine in an image"
    # The versions without hashes are what pip reads.
    (expression,) = re.findall(r"sed -E '([^']+)' requirements.lock", text)
    done = subprocess.run(
        ["sed", "-E", expression, ROOT / copied[0]], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    lines = [line for line in done if line and not line.lstrip().startswith("#")]
    assert len(lines) > 100
    assert all(re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==\S+( ; .+)?", line) for line in lines)


def test_compose_reads_it() -> None:
    for command in (["docker", "compose"], ["docker-compose"], ["podman-compose"]):
        if shutil.which(command[0]) and not subprocess.run([*command, "version"], capture_output=True).returncode:
            break
    else:
        pytest.skip("no Compose is installed, so compose.yaml is only read as YAML")
    given = subprocess.run(
        [*command, "--file", COMPOSE, "config", "--quiet"],
        capture_output=True, text=True, check=False, env=os.environ | SECRETS,
    )  # fmt: skip
    assert given.returncode == 0, given.stderr


@pytest.mark.skipif("TRADESIEVE_BUILD_IMAGES" not in os.environ, reason="`make containers` builds images")
def test_the_image_is_built_and_its_command_runs() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no builder of images answers: docker is absent, or its daemon does not run")
    built = ["docker", "build", "--quiet", "--file", str(ROOT / "Containerfile"), "--tag", "tradesieve-test", str(ROOT)]
    done = subprocess.run(built, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = ["docker", "run", "--rm", "tradesieve-test", "tradesieve", "doctor", "--json"]
    ran = subprocess.run(run, capture_output=True, text=True, check=False)
    assert '"serving"' in ran.stdout, ran.stderr
