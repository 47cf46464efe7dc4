"""The wheel takes one top-level name, and runs the README's first screen beside files that are named like its rooms."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.house.readme_demo import BLOCK, ROOT, example_of, run_demo

pytestmark = pytest.mark.slow

ROOMS = ("market", "features", "strategies", "models", "serving", "trading", "pipelines")
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


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with the wheel, and with this environment's libraries."""
    folder = tmp_path_factory.mktemp("environment")
    succeeds(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    python = folder / "bin" / "python"
    succeeds(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel, folder=folder)
    # Python runs the .pth files of its own site-packages, not those of a folder that one of them names: the editable
    # installation of this project stays out.
    site = succeeds(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder)
    (Path(site.strip()) / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trader's folder, whose files are named like our rooms and cannot be imported."""
    folder = tmp_path_factory.mktemp("trader")
    for room in ROOMS:
        (folder / f"{room}.py").write_text("raise ImportError('a file of the trader')\n")
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


def test_settings_are_those_of_the_current_folder(scripts: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow.yml").write_text("server: {prot: 1}")
    done = run(scripts / "tradesieve", "data", "list", folder=tmp_path)
    assert done.returncode == 2
    assert "unknown key in mlflow.yml, server: 'prot'" in done.stderr


def test_the_example_of_the_readme_is_what_the_demo_prints(scripts: Path, folder: Path) -> None:
    """The first screen of the README: the one run of the demo that the tests make."""
    shown = BLOCK.search((ROOT / "README.md").read_text(encoding="utf-8"))
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
