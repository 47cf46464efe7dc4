"""Export: a Bento of an artifact with exactly the code that serves it, and the command that serves either."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from tradesieve.features.user_modules import as_python
from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.market.extras import require_extra
from tradesieve.models.artifact.artifact import load_artifact
from tradesieve.models.artifact.manifest import MANIFEST_FILE, read_manifest, require_release, required_packages
from tradesieve.models.artifact.signatures import SIGNATURE_FILE, Keys, installation_keys, signer_of
from tradesieve.serving.access import require_keys

ROOT = Path(__file__).parents[2]
"""The folder that holds the package."""
PACKAGE = "tradesieve"
SERVICE = "tradesieve.serving.service"
BENTO = "tradesieve-service"
"""Name of the Bentos. It is no module's: BentoML takes ``tradesieve:VERSION`` for the installed package."""
KEEP_ALIVE_SECONDS = 75
"""A bot sends a request per bar: after BentoML's default of 5 s, every decision would open a new connection."""

_ALWAYS = (
    "bentoml", "click", "cryptography", "httptools", "prometheus-client", "pyarrow", "pydantic", "sqlalchemy",
    "starlette", "typing-extensions", "uvicorn", "uvloop", "websockets",
)  # fmt: skip


def require_serving() -> None:
    """Check that BentoML is installed.

    Raises
    ------
    BadInput : if it is not; says how to install it.
    """
    require_extra("bentoml", "serving")


def serve_command(target: str | Path, *, port: int, host: str = "127.0.0.1") -> list[str]:
    """Return the command that serves an artifact or a Bento.

    Parameters
    ----------
    target : an artifact's folder, or a link to one (which is watched, not resolved); a Bento's folder, or its tag.
    host : address to bind; one beyond this machine takes keys, see `serving.access`.

    Returns
    -------
    list of str, to be run in any folder. Set `BENTOML_HOME` for each server: servers that share it delete each other's
    files.

    Raises
    ------
    BadInput : if the target is neither an artifact nor a Bento, or BentoML is not installed.
    Refused : if other machines reach `host` and there are no keys.
    """
    require_serving()
    require_keys(host, os.environ)
    # Not resolved: the link may be turned to another artifact later.
    path = Path(os.path.abspath(target))
    command = [sys.executable, "-m", "bentoml", "serve"]
    if (path / MANIFEST_FILE).is_file():
        arguments = {"artifact": path, "keys": installation_keys().folder}
        command += [f"{SERVICE}:TradesieveService", "--working-dir", str(ROOT)]
        for name, value in arguments.items():
            if "," in str(value):
                raise BadInput(f"{value}: BentoML splits arguments at a comma; move the {name} to a path without one")
            command += ["--arg", f"{name}={value}"]
    elif (path / "bento.yaml").is_file():
        command += [str(path)]
    elif isinstance(target, str) and not path.exists() and os.sep not in target:
        command += [target]
    else:
        raise BadInput(f"{target} is neither an artifact (no {MANIFEST_FILE}) nor a Bento (no bento.yaml)")
    return [*command, "--host", host, "--port", str(port), "--timeout-keep-alive", str(KEEP_ALIVE_SECONDS)]


def point_to(pointer: Path, artifact_folder: Path) -> None:
    """Turn a symbolic link to an artifact atomically: readers see the old one or the new one, never none.

    Raises
    ------
    BadInput : if there is no artifact, or `pointer` is not a symbolic link.
    Refused : if the artifact's gate is closed and it was not released with an override.
    """
    require_release(read_manifest(Path(artifact_folder).resolve()))
    turn_link(pointer, artifact_folder)


def turn_link(pointer: Path, artifact_folder: Path) -> None:
    """Turn a symbolic link to an artifact, whether it may be served or not.

    Raises
    ------
    BadInput : if `pointer` is not a symbolic link.
    """
    pointer, target = Path(pointer), Path(artifact_folder).resolve()
    if pointer.exists() and not pointer.is_symlink():
        raise BadInput(f"{pointer} is not a symbolic link; choose another name for the link to the artifact")
    pointer.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{pointer.name}.", dir=pointer.parent))
    try:
        # Relative, so that a state folder may be moved or copied as a whole.
        (draft / "link").symlink_to(os.path.relpath(target, pointer.parent.resolve()))
        (draft / "link").replace(pointer)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def build_bento(artifact_folder: Path, *, bento_home: Path) -> str:
    """Build a Bento of an artifact.

    1. Find the modules that the service imports.
    2. Copy them and the artifact into a temporary folder, with requirements pinned to the versions installed here.
    3. Run `bentoml build` there, unless the Bento of this artifact and this code exists already.

    Nothing is downloaded.

    Parameters
    ----------
    artifact_folder : an artifact, or a pointer to one.
    bento_home : where BentoML keeps Bentos.

    Returns
    -------
    The tag, ``name:version``; the version is a hash of artifact and code.

    Raises
    ------
    BadInput : if the artifact is missing or damaged, or BentoML is not installed.
    Refused : if its gate is closed and it was not released with an override.
    TradesieveError : if BentoML fails, with the end of its output.
    """
    require_serving()
    artifact = load_artifact(artifact_folder)
    require_release(artifact.manifest)
    modules = served_modules(artifact.folder.glob("modules/*.*"))
    digest = hashlib.sha256((artifact.folder / SIGNATURE_FILE).read_bytes())
    for path in modules:
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    tag = f"{BENTO}:{digest.hexdigest()[:16]}"
    if (Path(bento_home) / "bentos" / tag.replace(":", "/") / "bento.yaml").is_file():
        return tag
    with tempfile.TemporaryDirectory(prefix="tradesieve-bento-") as folder:
        stage = Path(folder)
        for path in modules:
            destination = stage / path.relative_to(ROOT)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, destination)
        shutil.copytree(artifact.folder, stage / "artifact")
        Keys(stage / "keys").trust(signer_of(artifact.folder), "signed the artifact of this Bento")
        (stage / "bentofile.yaml").write_text(_bentofile(requirements(artifact.manifest)), encoding="utf-8")
        command = ["build", "--name", BENTO, "--version", tag.partition(":")[2], "--output", "tag", str(stage)]
        _bentoml(command, Path(bento_home), stage)
    return tag


def served_modules(own: Iterable[Path] = ()) -> list[Path]:
    """List our files that the service imports, directly or indirectly, at its start or later.

    Parameters
    ----------
    own : the user's modules, which may import more of ours.
    """
    found: set[Path] = set()
    waiting = [ROOT / PACKAGE / "serving" / "service.py", *(imported for path in own for imported in _imports(path))]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [parent for parent in _packages_of(path) if parent not in found]
        waiting += [imported for imported in _imports(path) if imported not in found]
    return sorted(found)


def requirements(manifest: dict[str, object]) -> list[str]:
    """Pin the packages that serving an artifact imports, at the versions installed here."""
    return [f"{package}=={version(package)}" for package in sorted({*_ALWAYS, *required_packages(manifest)})]


def _imports(path: Path) -> Iterator[Path]:
    """Find our files that a file imports when it runs."""
    for name in _ImportedNames.of(path).runtime:
        for candidate in (name, _lazy_origin(name)):
            found = _file_of(candidate)
            if found is not None:
                yield found


def _lazy_origin(name: str) -> str:
    """Return where a package's lazy export comes from: the package imports it for type checkers alone."""
    package, _, attribute = name.rpartition(".")
    path = _file_of(package)
    if path is None or path.name != "__init__.py":
        return ""
    exports = _ImportedNames.of(path).type_checking
    return next((origin for origin in exports if origin.rpartition(".")[2] == attribute), "")


def _file_of(name: str) -> Path | None:
    """Return the file of one of our modules, or of the module that holds a function or a class of ours."""
    if name.partition(".")[0] != PACKAGE:
        return None
    module = ROOT.joinpath(*name.split("."))
    bases = [module] if module.parent == ROOT else [module, module.parent]
    files = (path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py"))
    return next((path for path in files if path.is_file()), None)


class _ImportedNames(ast.NodeVisitor):
    """The absolute names that a file imports, anywhere in it: when it runs, and under `if TYPE_CHECKING`."""

    def __init__(self) -> None:
        self.runtime: list[str] = []
        self.type_checking: list[str] = []
        self._names = self.runtime

    @classmethod
    def of(cls, path: Path) -> _ImportedNames:
        visitor = cls()
        visitor.visit(ast.parse(as_python(path.read_text(encoding="utf-8"), path)))
        return visitor

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)
            return
        self._names = self.type_checking
        for child in node.body:
            self.visit(child)
        self._names = self.runtime
        for child in node.orelse:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        self._names += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            self._names += [f"{node.module}.{alias.name}" for alias in node.names]


def _packages_of(path: Path) -> Iterator[Path]:
    for folder in path.parents:
        if folder == ROOT:
            return
        if (folder / "__init__.py").is_file():
            yield folder / "__init__.py"


def _bentofile(packages: list[str]) -> str:
    listed = "".join(f"    - {package}\n" for package in packages)
    major_minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"service: {SERVICE}:TradesieveService\n"
        'include: ["**"]\n'
        "description: Decides whether a rule's trade should be taken.\n"
        f'docker:\n  python_version: "{major_minor}"\n'
        # LightGBM is parallel by it.
        "  system_packages: [libgomp1]\n"
        f"python:\n  lock_packages: false\n  packages:\n{listed}"
    )


def _bentoml(arguments: list[str], home: Path, folder: Path) -> None:
    """Run BentoML in a process of its own: a build changes the working directory, import path and stores."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {
        "BENTOML_HOME": str(home.resolve()),
        "BENTOML_DO_NOT_TRACK": "True",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        output = (done.stderr or done.stdout).strip().splitlines()
        raise TradesieveError(f"bentoml {arguments[0]} failed: {' '.join(output[-3:])}")
