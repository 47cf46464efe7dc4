"""How a service starts: not at all without a verified model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.manifest import MANIFEST_FILE, file_checksum, manifest_text

pytestmark = pytest.mark.slow


def test_it_refuses_to_start_on_another_answer(
    artifact: Artifact, tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    bad = Path(shutil.copytree(artifact.folder, tmp_path / "bad"))
    with np.load(bad / "golden.npz") as file:
        columns = {name: file[name] for name in file.files}
    columns["scores"][0] = np.nextafter(columns["scores"][0], 1.0)
    np.savez(bad / "golden.npz", **columns)
    manifest = json.loads((bad / MANIFEST_FILE).read_text())
    manifest["files"]["golden.npz"] = file_checksum(bad / "golden.npz")
    (bad / MANIFEST_FILE).write_text(manifest_text(manifest))
    server = start_server(bad, wait=False)
    assert server.process.wait(180) != 0
    assert "golden vector 0" in server.text()
    assert "score is" in server.text()
    assert "Traceback" not in server.text()
