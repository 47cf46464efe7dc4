"""The export: a Bento with the artifact and only the code it needs, that serves anywhere without this repository."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

import httpx
import pytest

from tradesieve.features.feature_sets import MINIMAL
from tradesieve.market.errors import BadInput, Refused
from tradesieve.models.artifact.artifact import Artifact, release
from tradesieve.serving import export
from tradesieve.serving.champion import load_verified
from tradesieve.serving.export import (
    BENTO,
    PACKAGE,
    ROOT,
    build_bento,
    point_to,
    requirements,
    serve_command,
    served_modules,
)

LEFT_OUT = (
    "market/sources", "market/store", "market/synthetic", "strategies/rules",
    "strategies/simulator", "strategies/statistics", "models/engines", "models/search",
    "models/tracking", "trading", "pipelines", "tests", "serving/export", "serving/client",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bentoml")


@pytest.fixture(scope="module")
def bento(artifact: Artifact, home: Path) -> Path:
    tag = build_bento(artifact.folder, bento_home=home)
    name, version = tag.split(":")
    assert name == BENTO
    return home / "bentos" / name / version


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_it_holds_the_artifact_and_only_the_code_it_needs(bento: Path, artifact: Artifact) -> None:
    source = files_of(bento / "src")
    code = {name for name in source if name.endswith(".py")}
    assert code == {path.relative_to(ROOT).as_posix() for path in served_modules()}
    assert {f"artifact/{name}" for name in files_of(artifact.folder)} <= source
    rest = source - code - {f"artifact/{name}" for name in files_of(artifact.folder)}
    assert rest == {"bentofile.yaml", "keys/trusted"}
    for left_out in LEFT_OUT:
        assert not [name for name in source if name.startswith(left_out)], left_out


@pytest.mark.slow
def test_it_pins_what_it_imports_and_nothing_else(bento: Path) -> None:
    lines = (bento / "env" / "python" / "requirements.txt").read_text().split()
    names = {line.partition("==")[0] for line in lines}
    assert all("==" in line for line in lines)
    assert names == {"bentoml", "click", "cryptography", "httptools", "lightgbm", "numba", "numpy", "prometheus-client",
                     "pyarrow", "pydantic", "sqlalchemy", "starlette", "typing-extensions", "uvicorn", "uvloop",
                     "websockets"}  # fmt: skip


@pytest.mark.slow
def test_its_image_has_the_library_of_lightgbm_and_takes_keys(bento: Path, home: Path) -> None:
    """BentoML's own container file; `make containers` builds it where a builder answers."""
    lines = (bento / "env" / "docker" / "Dockerfile").read_text().splitlines()
    assert any("apt-get install" in line and "libgomp1" in line for line in lines)
    assert all((bento / line.split()[-2]).exists() for line in lines if line.startswith("COPY"))
    if "TRADESIEVE_BUILD_IMAGES" not in os.environ:
        return
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no builder of images answers: docker is absent, or its daemon does not run")
    command = [sys.executable, "-m", "bentoml", "containerize", f"{BENTO}:{bento.name}", "--image-tag", "bento-test"]
    done = subprocess.run(
        command, env={**os.environ, "BENTOML_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ran = subprocess.run(
        ["docker", "run", "--rm", "--env", "BENTOML_HOST=0.0.0.0", "bento-test"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "there are no keys" in ran.stdout + ran.stderr


@pytest.mark.slow
def test_its_requirements_suffice(bento: Path) -> None:
    """Load it where only what the requirements bring along can be imported."""
    lines = (bento / "env" / "python" / "requirements.txt").read_text().split()
    allowed = closure(line.partition("==")[0] for line in lines)
    tops = {
        top
        for top, names in packages_distributions().items()
        if top != PACKAGE and not allowed & {canonical(name) for name in names}
    }
    script = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {tops!r}:\n"
        "            raise ModuleNotFoundError(f'blocked: {name}', name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from tradesieve.serving.service import artifact_pointer, champion, signing_keys\n"
        "champion.start(artifact_pointer(), keys=signing_keys())\n"
        "from tradesieve import market\n"
        "print(market.__file__, champion.scorer.artifact.fingerprint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=bento / "src", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"sklearn", "pandas", "mlflow", "pycaret", "tsfresh"} <= tops
    assert done.stdout.startswith(str(bento / "src"))


def canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def closure(names: Iterable[str]) -> set[str]:
    """List the distributions that come along when `names` are installed."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [canonical(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needed = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        for line in needed:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonical(requirement.name))
    return found


@pytest.mark.slow
def test_the_same_artifact_and_code_are_built_once(artifact: Artifact, bento: Path, home: Path) -> None:
    before = (bento / "bento.yaml").stat().st_mtime_ns
    assert build_bento(artifact.folder, bento_home=home) == f"{BENTO}:{bento.name}"
    assert (bento / "bento.yaml").stat().st_mtime_ns == before


@pytest.mark.slow
def test_it_serves_as_a_process_of_its_own(
    artifact: Artifact, bento: Path, home: Path, start_server: Callable[..., Any], make_request: Callable[..., dict]
) -> None:
    server = start_server(f"{BENTO}:{bento.name}", BENTOML_HOME=str(home))
    response = httpx.post(f"{server.url}/score", json=make_request())
    assert response.status_code == 200, response.text
    assert response.json()["model"] == artifact.fingerprint
    assert httpx.get(f"{server.url}/metrics").status_code == 200

    # Its worker ends with its supervisor, however that ends: nobody answers with a forgotten model.
    os.kill(server.process.pid, signal.SIGKILL)
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            httpx.get(f"{server.url}/livez", timeout=1.0)
            time.sleep(0.1)
        except httpx.TransportError:
            return
    pytest.fail("the worker still answers")


def test_requirements_follow_the_model_and_the_features(artifact: Artifact) -> None:
    manifest = {
        "model": {"format": "skops"},
        "features": [*MINIMAL, "close__tsfresh_c3__lag_1__window_50"],
    }
    names = {line.partition("==")[0] for line in requirements(manifest)}
    assert {"scikit-learn", "skops", "scipy", "tsfresh"} <= names
    assert "lightgbm" not in names


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of our name that exports `factor` lazily, as its own would, and serves with one module."""
    files = {
        "__init__.py": (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from tradesieve.features.factor import factor\n"
            "else:\n    import tradesieve.runtime\n"
        ),
        "runtime.py": "",
        "features/__init__.py": "",
        "features/factor.py": "import tradesieve.kernels",
        "kernels.py": "",
        "serving/__init__.py": "",
        "serving/service.py": (
            "import typing\n"
            "if typing.TYPE_CHECKING:\n    import tradesieve.checked\n"
            "def late():\n    if True:\n        from tradesieve import late\n"
        ),
        "checked.py": "",
        "late.py": "",
    }
    for name, text in files.items():
        path = tmp_path / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(export, "ROOT", tmp_path)
    return tmp_path / PACKAGE


def test_imports_for_type_checkers_do_not_travel(package: Path) -> None:
    served = {path.relative_to(package).as_posix() for path in served_modules()}
    assert served == {"__init__.py", "runtime.py", "serving/__init__.py", "serving/service.py", "late.py"}


def test_a_lazy_export_travels_with_who_imports_it(package: Path, tmp_path: Path) -> None:
    own = tmp_path / "my_factors.py"
    own.write_text("from tradesieve import factor")
    served = {path.relative_to(package).as_posix() for path in served_modules([own])}
    assert {"features/__init__.py", "features/factor.py", "kernels.py"} <= served


def test_no_artifact_is_no_bento(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not an artifact"):
        build_bento(tmp_path, bento_home=tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_the_command_watches_a_pointer_and_listens_here_only(artifact: Artifact, tmp_path: Path) -> None:
    pointer = tmp_path / "champion"
    point_to(pointer, artifact.folder)
    command = serve_command(pointer, port=3111)
    assert command[:4] == [sys.executable, "-m", "bentoml", "serve"]
    assert f"artifact={pointer}" in command
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "3111"
    assert serve_command(f"{BENTO}:abc", port=1)[4] == f"{BENTO}:abc"
    with pytest.raises(BadInput, match="neither an artifact"):
        serve_command(tmp_path, port=1)
    with pytest.raises(BadInput, match="neither an artifact"):
        serve_command("no/such/folder", port=1)


def test_a_copied_state_folder_serves_its_own_model(artifact: Artifact, tmp_path: Path) -> None:
    released = Path(shutil.copytree(artifact.folder, tmp_path / "var" / "released" / "run"))
    point_to(tmp_path / "var" / "serving" / "champion", released)
    copied = Path(shutil.copytree(tmp_path / "var", tmp_path / "elsewhere" / "var", symlinks=True))
    assert (copied / "serving" / "champion").resolve() == copied / "released" / "run"
    (tmp_path / "var").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "serving" / "champion").resolve() == tmp_path / "moved" / "released" / "run"


def test_a_pointer_is_turned_only_to_artifacts(artifact: Artifact, tmp_path: Path) -> None:
    pointer = tmp_path / "champion"
    with pytest.raises(BadInput, match="not an artifact"):
        point_to(pointer, tmp_path)
    point_to(pointer, artifact.folder)
    point_to(pointer, artifact.folder)
    assert pointer.resolve() == artifact.folder
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="is not a symbolic link"):
        point_to(tmp_path / "folder", artifact.folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["champion", "folder"]


def test_a_closed_gate_is_neither_exported_nor_deployed_nor_served(
    artifact_builder: Callable[..., Artifact], tmp_path: Path
) -> None:
    kept = artifact_builder(tmp_path / "kept", gate={"open": False, "conditions": []})
    with pytest.raises(Refused, match="gate is closed"):
        build_bento(kept.folder, bento_home=tmp_path / "home")
    with pytest.raises(Refused, match="gate is closed"):
        point_to(tmp_path / "champion", kept.folder)
    with pytest.raises(Refused, match="gate is closed"):
        load_verified(kept.folder)
    released = release(kept, tmp_path / "released", run_id="r", override="a rehearsal")
    assert load_verified(released.folder).fingerprint == released.fingerprint
