"""The service that a run starts for itself ends with it, whatever ends the run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SCRIPT = """
import sys
from pathlib import Path
from tradesieve.pipelines.runs.local_service import serve_locally
from tradesieve.pipelines.settings import read_settings

with serve_locally(Path(sys.argv[1]), read_settings()):
    pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_sigterm_stops_the_service_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it starts: an artifact is not read before BentoML is imported."""
    monkeypatch.setenv("TRADESIEVE_HOME", str(tmp_path / "home"))
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "manifest.json").write_text("{}")
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, str(artifact)])
    try:
        started: list[psutil.Process] = []
        end = time.monotonic() + 60.0
        while not started and run.poll() is None and time.monotonic() < end:
            started = psutil.Process(run.pid).children(recursive=True)
            time.sleep(0.02)
        assert started, "the service was started"
        run.send_signal(signal.SIGTERM)
        assert run.wait(30.0) == 128 + signal.SIGTERM
    finally:
        run.kill()
    _, alive = psutil.wait_procs(started, timeout=5.0)
    assert not alive
