"""The rooms import only to their left, none of them wakes a vendor, and each vendor has one door."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("market", "features", "strategies", "models", "serving", "trading", "pipelines")
VENDORS = ("mlflow", "prefect", "bentoml", "pycaret", "tsfresh", "lightgbm", "sklearn", "plotly", "jinja2")
DOORS = {
    "mlflow": ("models/tracking/",),
    "prefect": ("pipelines/flows.py",),
    "bentoml": ("serving/",),
    "prometheus_client": ("serving/metrics.py",),
    "pycaret": ("models/engines/pycaret.py",),
    "tsfresh": ("features/",),
    "lightgbm": (
        "models/engines/lightgbm.py",
        "models/feature_selection/trees.py",
        "models/fitted/model.py",
        "models/fitted/single_row.py",
        "serving/champion.py",
    ),
    "sklearn": ("models/",),
    "skfolio": ("strategies/allocation/skfolio_methods.py",),
    "plotly": ("pipelines/reports/figures/plotly_figures.py",),
    "jinja2": ("pipelines/reports/html.py",),
}
"""Vendor: the files that may import it, within a function or not."""
AWAKE = {"tradesieve.serving.service": {"bentoml"}, "tradesieve.pipelines.flows": {"prefect"}}
"""Modules that are nothing without their vendor, and that no other module imports at its head."""


def modules(room: str) -> list[str]:
    """Name every module of a room."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / room).rglob("*.py"))]
    return [".".join(("tradesieve", *path.parts)).removesuffix(".__init__") for path in paths]


def loaded_by(names: list[str]) -> set[str]:
    """Import modules in a fresh interpreter; give the vendors that came along."""
    script = (
        "import importlib, json, sys\n"
        f"for name in {names!r}:\n    importlib.import_module(name)\n"
        f"print(json.dumps([vendor for vendor in {VENDORS!r} if vendor in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "importing says nothing"
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_contract_of_the_rooms_is_kept() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    assert f"{len(contracts)} kept, 0 broken" in done.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_wakes_no_vendor(room: str) -> None:
    """All of its modules together, but for those that are nothing without theirs."""
    assert loaded_by([name for name in modules(room) if name not in AWAKE]) == set()


def test_a_room_alone_is_light() -> None:
    """The name of a room, and nothing that it holds."""
    script = (
        f"import sys\nfor room in {ROOMS!r}: __import__(f'tradesieve.{{room}}')\n"
        "print(len(sys.modules), 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"


@pytest.mark.slow
@pytest.mark.parametrize("name", AWAKE)
def test_the_alarm_hears_a_vendor(name: str) -> None:
    assert AWAKE[name] <= loaded_by([name])


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the modules that a file imports, within functions too, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def test_each_vendor_has_one_door() -> None:
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            for module, line in imports(path):
                vendor = module.partition(".")[0]
                if vendor in DOORS and not place.startswith(DOORS[vendor]):
                    found.append(f"{place}:{line} imports {vendor}")
    assert found == []


def test_the_bot_asks_the_service() -> None:
    """The room of trading imports no model."""
    imported = {name for path in (ROOT / "trading").rglob("*.py") for name, _ in imports(path)}
    rooms = {name.split(".")[1] for name in imported if name.startswith("tradesieve.")}
    assert rooms == {"trading", "serving", "strategies", "market"}
