"""Rebuild the example in the README from a real run: `.venv/bin/python tests/house/readme_demo.py`.

`test_wheel.py` holds the README to the same run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```text\n\$ tradesieve demo\n(.*?)```", re.DOTALL)
_SHOWN = ("Without and with the filter", "GATE", "The service was asked")


def example_of(output: str) -> str:
    """Cut out of a demo's output what the README shows: the comparison, the verdict, and live against research."""
    lines = output.splitlines()
    first = next(row for row, line in enumerate(lines) if line.startswith(_SHOWN[0]))
    last = next(row for row in range(first, len(lines)) if not lines[row])
    told = [line.partition(" Journal:")[0] for line in lines[last:] if line.startswith(_SHOWN[1:])]
    return "\n".join([line.rstrip() for line in lines[first:last]] + told) + "\n"


def run_demo(folder: Path, *, scripts: Path = Path(sys.executable).parent) -> str:
    """Run the demo as a user would, and return what it printed.

    Parameters
    ----------
    folder : where it runs, where its state goes, and where Python imports from first.
    scripts : the folder of the command.
    """
    environment = os.environ | {"TRADESIEVE_HOME": str(folder / "var"), "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [str(scripts / "tradesieve"), "demo"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    if done.returncode:
        raise RuntimeError(f"the demo failed: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        example = example_of(run_demo(Path(folder)))
    readme = ROOT / "README.md"
    readme.write_text(BLOCK.sub(lambda _: f"```text\n$ tradesieve demo\n{example}```", readme.read_text()))
    sys.stdout.write(example)
