"""make, where Python 3.11 is missing: a sentence that says what to install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.house.readme_demo import ROOT


def test_without_its_python_make_says_what_to_install(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make is not None
    found = subprocess.run(
        [make, "setup", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode != 0
    assert found.stdout.startswith("python3.11 was not found: install Python 3.11"), found.stdout + found.stderr
    assert not (tmp_path / "venv").exists()
