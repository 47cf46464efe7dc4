"""Build the client from the modules of tradesieve that it consists of; there is no copy of them in the repository.

They are packed side by side, so that the client and tradesieve may stand in one environment.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "tradesieve_client"
MODULES = (
    "market.errors",
    "features.requirements",
    "serving.paths",
    "serving.request_ids",
    "serving.deadlines",
    "serving.responses",
    "serving.sent_bars",
    "serving.client_calls",
    "serving.client",
)
NAMES = {f"tradesieve.{module}": f"{PACKAGE}.{module.rpartition('.')[2]}" for module in MODULES}
_IMPORTED = re.compile("|".join(map(re.escape, NAMES)))


class BuildClient(build_py):
    """Adds the modules, under the names that they have here."""

    def run(self) -> None:
        """Write the package."""
        super().run()
        for module in MODULES:
            path = ROOT / f"{module.replace('.', '/')}.py"
            text = _IMPORTED.sub(lambda found: NAMES[found[0]], path.read_text(encoding="utf-8"))
            (Path(self.build_lib) / PACKAGE / path.name).write_text(text, encoding="utf-8")


version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
setup(version=version, packages=[PACKAGE], package_data={PACKAGE: ["py.typed"]}, cmdclass={"build_py": BuildClient})
