"""Rebuild the table of installations in CONTRIBUTING.md: `.venv/bin/python -m tests.house.installation_table`.

Each is a new environment, made by uv with the versions of requirements.lock where it lists them; whatever is missing in
uv's cache is downloaded. Sizes are of the files, before Python and numba write their caches.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.house.dependency_table import CONTRIBUTING, requirements_by_extra
from tests.house.readme_demo import ROOT

TABLE = re.compile(r"\| installation \|.*?(?=\n\n)", re.DOTALL)
_HEAD = """\
| installation | packages | MB |
|---|--:|--:|"""


def installations() -> dict[str, str]:
    """Name what is installed, with what pip is given: the client, the core, and the core with extras."""
    extras = [name for name in requirements_by_extra() if name not in ("", "dev")]
    named = {"`./clients/python`": str(ROOT / "clients" / "python"), "`.`": str(ROOT)}
    named |= {f"`.[{name}]`": f"{ROOT}[{name}]" for name in extras}
    return named | {"all of these extras": f"{ROOT}[{','.join(extras)}]", "`.[dev]`, as the lock": f"{ROOT}[dev]"}


def measure(what: str, folder: Path) -> tuple[int, float]:
    """Install it into a new environment; return the number of packages and their megabytes."""
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin" / "python")
    constraint = ("--constraint", str(ROOT / "requirements.lock"))
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *constraint, what], check=True)
    subprocess.run([uv, "pip", "check", "--quiet", "--python", python], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    n_bytes = sum(path.stat().st_size for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return len([*site.glob("*.dist-info")]), n_bytes / 1e6


def table() -> str:
    """Measure every installation."""
    rows = []
    for name, what in installations().items():
        with tempfile.TemporaryDirectory() as folder:
            n_packages, megabytes = measure(what, Path(folder) / "environment")
        rows.append(f"| {name} | {n_packages} | {megabytes:,.0f} |")
    return "\n".join([_HEAD, *rows])


if __name__ == "__main__":
    made = table()
    CONTRIBUTING.write_text(TABLE.sub(lambda _: made, CONTRIBUTING.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{made}\n\nPython {platform.python_version()} on {platform.system()}, {platform.machine()}\n")
