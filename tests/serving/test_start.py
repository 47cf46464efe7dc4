"""How a service starts: not at all without a verified model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.signed import reseal
from tradesieve.models.artifact.artifact import Artifact

pytestmark = pytest.mark.slow


def test_it_refuses_to_start_on_another_answer(
    artifact: Artifact, tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    bad = Path(shutil.copytree(artifact.folder, tmp_path / "bad"))
    with np.load(bad / "golden.npz") as file:
        columns = {name: file[name] for name in file.files}
    columns["scores"][0] = np.nextafter(columns["scores"][0], 1.0)
    np.savez(bad / "golden.npz", **columns)
    reseal(bad)
    server = start_server(bad, wait=False)
    assert server.process.wait(180) != 0
    assert "golden vector 0" in server.text()
    assert "score is" in server.text()
    assert "Traceback" not in server.text()


def test_it_refuses_to_start_on_one_other_byte(
    artifact: Artifact, tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    """Each byte of each file: tests/models/artifact/test_signatures.py."""
    bad = Path(shutil.copytree(artifact.folder, tmp_path / "bad"))
    content = bytearray((bad / "manifest.json").read_bytes())
    content[content.index(b"BTC-USD")] ^= 0x01
    (bad / "manifest.json").write_bytes(content)
    server = start_server(bad, wait=False)
    assert server.process.wait(180) != 0
    assert f"{bad} has been changed since it was signed: export the model again" in server.text()
    assert "Traceback" not in server.text()
