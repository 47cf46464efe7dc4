"""The wheel takes one top-level name, and runs the README's first screen, its notebook and `tradesieve up` beside files
that are named like its rooms. For research its core is enough, without extras; a bot takes the client's wheel alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
import yaml

from tests.conftest import free_port
from tests.house.dependency_table import pulled_in, requirements_by_extra
from tests.house.linked_environment import make_environment
from tests.house.readme_demo import BLOCK, ROOT, example_of, run_demo
from tests.pipelines.command_runs import frame_of
from tradesieve.market.synthetic import SyntheticMarket
from tradesieve.market.timeframes import parse_timeframe

pytestmark = pytest.mark.slow

ROOMS = ("market", "features", "strategies", "models", "serving", "trading", "pipelines")
README = (ROOT / "README.md").read_text(encoding="utf-8")
_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command away from the checkout, without an index of packages."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**inherited, "PIP_NO_INDEX": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def succeeds(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run a command and return what it printed."""
    done = run(*command, folder=folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The paths that git tracks, relative to the root."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is not a clone, so nothing is tracked")
    return [Path(name) for name in done.stdout.split("\0") if name and os.path.lexists(ROOT / name)]


@pytest.fixture(scope="module")
def source(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the tracked files alone."""
    source = tmp_path_factory.mktemp("source")
    for path in tracked:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, source / path, follow_symlinks=False)
    return source


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of tradesieve."""
    return built(source, tmp_path_factory.mktemp("dist"))


def built(source: Path, dist: Path) -> Path:
    """Build the wheel of a project."""
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", dist)
    succeeds(*pip, source, folder=dist)
    return next(dist.glob("*.whl"))


def environment(wheel: Path, folder: Path, *extras: str) -> Path:
    """Make an environment with the wheel and what it requires with some extras; return the folder of its commands."""
    listed = requirements_by_extra()
    return with_wheel(wheel, folder, *(line for part in ("", *extras) for line in listed[part]))


def with_wheel(wheel: Path, folder: Path, *requirements: str) -> Path:
    """Make an environment with a wheel and with requirements that satisfy it."""
    scripts = make_environment(folder, pulled_in(*requirements))
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python")
    succeeds(*pip, "install", "--no-deps", wheel, folder=folder)
    succeeds(*pip, "check", folder=folder)
    return scripts


def package_of(scripts: Path) -> Path:
    """Return the folder of the package that an environment has installed."""
    return next(scripts.parent.glob("lib/python*/site-packages/tradesieve"))


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with the extras that the demo and `tradesieve up` take."""
    return environment(wheel, tmp_path_factory.mktemp("environment"), "serving", "prefect")


@pytest.fixture(scope="module")
def core(wheel: Path, scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment without any extra."""
    alone = environment(wheel, tmp_path_factory.mktemp("core"))
    # Kernels are kept beside their sources: they are compiled once for both environments.
    shutil.rmtree(package_of(alone))
    (alone.parent / package_of(scripts).relative_to(scripts.parent)).symlink_to(package_of(scripts))
    return alone


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trader's folder, whose files are named like our rooms and cannot be imported."""
    folder = tmp_path_factory.mktemp("trader")
    (folder / "strategies").mkdir()
    for room in ROOMS:
        path = folder / ("strategies/__init__.py" if room == "strategies" else f"{room}.py")
        path.write_text("raise ImportError('a file of the trader')\n")
    return folder


def test_it_has_one_top_level_name_and_everything_below_it(wheel: Path, tracked: list[Path]) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"tradesieve"}
    packed = {name.removeprefix("tradesieve/") for name in names}
    suffixes = {".py", ".html", ".css", ".js", ".jinja"}
    expected = {path.as_posix() for path in tracked if path.parts[0] in ROOMS and path.suffix in suffixes}
    assert expected - packed == set()
    assert "pipelines/prefect.yaml" in packed


def test_it_is_imported_beside_files_that_are_named_like_its_rooms(scripts: Path, folder: Path) -> None:
    python = scripts / "python"
    place = succeeds(python, "-c", "import tradesieve.market as room; print(room.__file__)", folder=folder)
    assert place.startswith(str(scripts.parent))
    for room in ROOMS:
        assert "a file of the trader" in run(python, "-c", f"import {room}", folder=folder).stderr


def test_without_extras_the_rest_is_imported(core: Path, folder: Path) -> None:
    script = (
        "import importlib, pkgutil, tradesieve\n"
        "for each in pkgutil.walk_packages(tradesieve.__path__, 'tradesieve.'):\n"
        "    try:\n        importlib.import_module(each.name)\n"
        "    except ModuleNotFoundError as error:\n        print(each.name, error.name)\n"
    )
    missing = dict(line.split() for line in succeeds(core / "python", "-c", script, folder=folder).splitlines())
    assert missing.pop("tradesieve.pipelines.flows") == "prefect"
    # What runs in the service alone.
    assert missing.pop("tradesieve.serving.service") == "bentoml"
    assert {name.split(".")[1] for name in missing} == {"serving"}


@pytest.mark.parametrize(
    ("command", "library", "extra"),
    [
        ("demo", "bentoml", "serving"),
        ("up", "prefect", "prefect"),
        ("data fetch --exchange kraken --symbol BTC-USD --timeframe 1m --from 2024-01-01", "ccxt", "exchanges"),
        ("data import postgresql://me@host/db --symbol A --timeframe 1m --table a", "psycopg", "postgres"),
    ],
)
def test_a_command_that_lacks_its_extra_says_the_word(
    core: Path, folder: Path, tmp_path: Path, command: str, library: str, extra: str
) -> None:
    done = run(core / "tradesieve", *command.split(), folder=folder, TRADESIEVE_HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"tradesieve: {library} is not installed: pip install 'tradesieve[{extra}]'\n"


def test_the_notebook_of_the_readme_runs_without_extras(core: Path, folder: Path) -> None:
    (block,) = re.findall(r"```python\n(import tradesieve as ts\n.*?)```", README, re.DOTALL)
    assert len(block.splitlines()) <= 30
    market = SyntheticMarket(edge=0.2, reversion=0.06, n_days=90, timeframe=parse_timeframe("15m"))
    frame_of(market.generate("OTHER")[0]).to_parquet(folder / "frame.parquet")
    last = "import json\nprint(json.dumps([run.experiment, run.is_open, len(known), len(trades)]))\n"
    (folder / "notebook.py").write_text(f"import pandas\nframe = pandas.read_parquet('frame.parquet')\n{block}\n{last}")
    home = {"TRADESIEVE_HOME": str(folder / "notebook")}
    printed = succeeds(core / "python", "notebook.py", folder=folder, **home)
    experiment, is_open, n_known, n_trades = json.loads(printed.splitlines()[-1])
    assert is_open in (True, False)
    assert n_known == n_trades > 100
    succeeds(core / "tradesieve", "report", experiment, "--output", "told.html", folder=folder, **home)
    assert (folder / "told.html").read_bytes() == (folder / "report.html").read_bytes()


def test_settings_are_those_of_the_current_folder(scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow.yml").write_text("server: {prot: 1}")
    done = run(scripts / "tradesieve", "data", "list", folder=tmp_path)
    assert done.returncode == 2
    assert "unknown key in mlflow.yml, server: 'prot'" in done.stderr


@pytest.fixture(scope="module")
def printed(scripts: Path, folder: Path) -> str:
    """What the demo prints: the one run of it that the tests make."""
    return run_demo(folder, scripts=scripts)


def test_the_example_of_the_readme_is_what_the_demo_prints(printed: str) -> None:
    """The first screen of the README."""
    shown = BLOCK.search(README)
    assert shown is not None, "the README has no block that begins with `$ tradesieve demo`"
    found = example_of(printed)
    # Another processor may round the last bits of a model otherwise: words must be equal, numbers nearly.
    assert _words(shown[1]) == _words(found)
    mine, theirs = _numbers(shown[1]), _numbers(found)
    assert theirs == pytest.approx(mine, rel=0.02, abs=0.1), found


@pytest.fixture(scope="module")
def up(scripts: Path, folder: Path, printed: str) -> Iterator[dict[str, str]]:
    """The addresses of `tradesieve up` in the trader's folder, whose service serves the champion of the demo."""
    ports = {name: free_port() for name in ("prefect", "mlflow", "service")}
    given = [part for name, port in ports.items() for part in (f"--{name}-port", str(port))]
    log, addresses = folder / "up.txt", folder / "up.json"
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("w") as err, addresses.open("w") as out:
        running = subprocess.Popen(
            [str(scripts / "tradesieve"), "up", "--json", *given],
            cwd=folder,
            env=inherited | {"TRADESIEVE_HOME": str(folder / "var")},
            stdout=out,
            stderr=err,
        )
    try:
        end = time.monotonic() + 240.0
        while not addresses.read_text().endswith("}\n"):
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        yield json.loads(addresses.read_text())
    finally:
        running.terminate()
        code = running.wait(90.0)
    assert code == 0, log.read_text()


def test_up_writes_the_deployments_of_the_package(up: dict[str, str]) -> None:
    found = httpx.post(f"{up['prefect']}/api/deployments/filter", json={}).json()
    listed = yaml.safe_load((ROOT / "pipelines" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert {each["entrypoint"] for each in found} == {each["entrypoint"] for each in listed}


def test_the_client_alone_asks_the_service(source: Path, up: dict[str, str], tmp_path: Path) -> None:
    """Its wheel, in an environment with what it requires and nothing else, from columns of plain numbers."""
    project = tomllib.loads((source / "clients" / "python" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wheel = built(source / "clients" / "python", tmp_path)
    python = with_wheel(wheel, tmp_path / "bot", *project["dependencies"]) / "python"
    script = """
import json, sys
from tradesieve_client import BadInput, Client

packages = {name.partition(".")[0] for name in sys.modules}
with Client(sys.argv[1], timeout=10.0) as client:
    model = client.model()
    strategy, symbol, timeframe = model["instances"][0].split("|")
    needed = client.requirements(timeframe).bars
    price = [100.0 + row % 7 for row in range(needed)]
    bars = {"close_time": [(row + 1) * 900 * 10**9 for row in range(needed)], "open": price, "close": price}
    bars |= {"high": [each + 1.0 for each in price], "low": [each - 1.0 for each in price], "volume": [5.0] * needed}
    asked = dict(symbol=symbol, timeframe=timeframe, side=1, decision_time=bars["close_time"][-1], bars=bars)
    try:
        client.score(strategy="no_such_rule", **asked)
    except BadInput as error:
        refused = str(error)
    decision = client.score(strategy=strategy, **asked)
print(json.dumps([sorted(packages), model["fingerprint"] == decision.model, refused]))
"""
    loaded, same, refused = json.loads(succeeds(python, "-c", script, up["service"], folder=tmp_path))
    heavy = {"tradesieve", "numpy", "pandas", "numba", "sklearn", "lightgbm", "mlflow", "bentoml", "prefect"}
    assert heavy & set(loaded) == set()
    assert same
    assert "no_such_rule" in refused


def _words(text: str) -> list[str]:
    return re.sub(r"[\s┏┓┗┛┡┩└┘━─┃│╇┴┳┻╋┼%]+", " ", _NUMBER.sub("#", text)).split()


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in _NUMBER.findall(text)]
