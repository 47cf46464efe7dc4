"""The wheel takes one top-level name, and runs the README's first screen and its notebook beside files that are named
like its rooms; for research its core is enough, without the extras."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

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
def wheel(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the tracked files alone."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for path in tracked:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, source / path, follow_symlinks=False)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", dist)
    succeeds(*pip, source, folder=dist)
    return next(dist.glob("*.whl"))


def environment(wheel: Path, folder: Path, *extras: str) -> Path:
    """Make an environment with the wheel and what it requires with some extras; return the folder of its commands."""
    listed = requirements_by_extra()
    scripts = make_environment(folder, pulled_in(*(line for part in ("", *extras) for line in listed[part])))
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
    served = ("champion", "connections", "endpoints", "metrics", "service")
    assert missing.pop("tradesieve.pipelines.flows") == "prefect"
    assert set(missing) == {f"tradesieve.serving.{name}" for name in served}
    assert set(missing.values()) == {"bentoml", "httptools", "prometheus_client"}


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


def test_the_example_of_the_readme_is_what_the_demo_prints(scripts: Path, folder: Path) -> None:
    """The first screen of the README: the one run of the demo that the tests make."""
    shown = BLOCK.search(README)
    assert shown is not None, "the README has no block that begins with `$ tradesieve demo`"
    printed = example_of(run_demo(folder, scripts=scripts))
    # Another processor may round the last bits of a model otherwise: words must be equal, numbers nearly.
    assert _words(shown[1]) == _words(printed)
    mine, theirs = _numbers(shown[1]), _numbers(printed)
    assert theirs == pytest.approx(mine, rel=0.02, abs=0.1), printed


def _words(text: str) -> list[str]:
    return re.sub(r"[\s┏┓┗┛┡┩└┘━─┃│╇┴┳┻╋┼%]+", " ", _NUMBER.sub("#", text)).split()


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in _NUMBER.findall(text)]
