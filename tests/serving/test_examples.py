"""The examples of asking from other languages, each run against a real service that has keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
KEY = "an-example-of-a-key-that-may-score"
COMMANDS = {
    "ask.sh": ("curl", ["sh"]),
    "ask.py": (sys.executable, [sys.executable]),
    "ask.js": ("node", ["node"]),
    "ask.go": ("go", ["go", "run"]),
}


@pytest.fixture(scope="module")
def url(start_server: Callable[..., Any], artifact: Any) -> str:
    return start_server(artifact.folder, TRADESIEVE_KEYS=f"score:{KEY}").url


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_asks_and_says_why_it_was_refused(
    name: str, url: str, make_request: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    needed, command = COMMANDS[name]
    if shutil.which(needed) is None:
        pytest.skip(f"{needed} is not installed, so {name} is not run")
    asked = make_request()
    (tmp_path / "good.json").write_text(json.dumps(asked))
    (tmp_path / "bad.json").write_text(json.dumps(asked | {"strategy": "breakut(lookback=20)"}))

    def ask(file: str, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {key: value for key, value in os.environ.items() if key != "TRADESIEVE_KEY"}
        environment |= {"GOCACHE": str(tmp_path / "go"), "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
        return subprocess.run(
            [*command, EXAMPLES / name, url, tmp_path / file],
            capture_output=True, text=True, check=False, timeout=120, env=inherited | environment,
        )  # fmt: skip

    answered = ask("good.json", TRADESIEVE_KEY=KEY)
    assert answered.returncode == 0, answered.stderr
    if name == "ask.sh":
        decision = json.loads(answered.stdout)
        said = f"{decision['accept']} {decision['size']:g}"
    else:
        said = answered.stdout.strip()
    accept, size = said.split()
    assert accept.lower() in ("true", "false")
    assert (float(size) > 0) == (accept.lower() == "true")
    refused = ask("bad.json", TRADESIEVE_KEY=KEY)
    assert refused.returncode != 0
    assert "did you mean 'breakout(lookback=20)'" in refused.stdout + refused.stderr
    assert ask("good.json").returncode != 0, "without the key"


def test_the_pages_name_every_example() -> None:
    page = (EXAMPLES.parent / "service.md").read_text(encoding="utf-8")
    assert {path.name for path in EXAMPLES.iterdir()} == set(COMMANDS)
    assert all(f"examples/{name}" in page for name in COMMANDS)
