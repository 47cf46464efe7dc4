"""What is committed runs on any machine: no path of somebody's own, no host of somebody's registry, no state."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN_PATH = re.compile(r"(?<![\w.:/}])/(?:" + "|".join(("work", "root", "home", "Users", "mnt/c", "data/dev")) + r")/\w")
REGISTRY = re.compile(
    r"--(?:extra-)?index-url|--find-links|--trusted-host|https?://[^\s\"')]*(?:pypi|/simple\b|artifactory|nexus|devpi)",
    re.IGNORECASE,
)
LARGEST = 1_000_000


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no clone, so nothing is tracked")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def hits(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    return found


def test_no_path_of_one_machine(tracked: list[Path]) -> None:
    assert hits(OWN_PATH, [path for path in tracked if path != Path(__file__)]) == []


def test_no_host_of_one_registry(tracked: list[Path]) -> None:
    assert hits(REGISTRY, [path for path in tracked if path != Path(__file__)]) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (OWN_PATH, 'DATA = "/home/someone/data"'),
        (OWN_PATH, "cd /Users/someone"),
        (OWN_PATH, "see /root/x"),
        (REGISTRY, "--index" + "-url some.host"),
        (REGISTRY, "https" + "://some.host/" + "simple"),
        (REGISTRY, "https" + "://artifactory.some.host/x"),
    ],
)
def test_the_alarm_hears(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


def test_no_state_and_nothing_large(tracked: list[Path]) -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked]
    state = re.compile(r"(^|/)(var|\.venv|__pycache__|mlruns|node_modules)/|\.(pyc|db|pkl|pickle|log)$|(^|/)\.env$")
    assert [name for name in names if state.search(name)] == []
    assert [name for name, path in zip(names, tracked, strict=True) if path.stat().st_size > LARGEST] == []
