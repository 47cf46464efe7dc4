"""Several workers: they answer alike, and what one of them knew survives its end, and the end of them all."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.export import point_to
from tradesieve.serving.workers import read_workers

STRATEGY = "breakout(lookback=20)"
WAIT_SECONDS = 90.0


def question(bars: Bars) -> dict[str, Any]:
    """Make the arguments of ScoringClient.score for a decision on the service's own window."""
    return {
        "strategy": STRATEGY, "symbol": bars.symbol, "timeframe": "5m", "side": 1,
        "decision_time": int(bars.close_time[-1]),
    }  # fmt: skip


def workers_of(server: Any) -> set[int]:
    """Find the processes that answer."""
    found = set()
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            if "_bentoml_impl.worker.service" in child.cmdline():
                found.add(child.pid)
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def answers(url: str, body: dict[str, Any], n: int) -> list[tuple[int, dict[str, Any]]]:
    """Ask over connections of their own, which the workers take in turns."""
    found = []
    for _ in range(n):
        response = httpx.post(f"{url}/v1/score", json=body, timeout=30.0)
        found.append((response.status_code, response.json()))
    return found


@pytest.mark.slow
def test_a_killed_worker_costs_neither_bars_nor_answers_and_a_bad_artifact_no_start(
    artifact: Artifact, start_server: Callable[..., Any], bars_maker: Callable[..., Bars], tmp_path: Path
) -> None:
    pointer, state = tmp_path / "champion", tmp_path / "state"
    served = Path(shutil.copytree(artifact.folder, tmp_path / "served"))
    point_to(pointer, served)
    shared = {"TRADESIEVE_WORKERS": "2", "TRADESIEVE_SERVICE_STATE": str(state)}
    server = start_server(pointer, **shared)
    wait_for(lambda: len(workers_of(server)) == 2)
    bars = bars_maker("BTC-USD")[400:500]
    with ScoringClient(server.url, timeout=WAIT_SECONDS) as client:
        client.append_bars(bars)
        expected = client.score(**question(bars)).model_dump()
        body = question(bars)
        # Whichever worker takes the connection has the window.
        assert answers(server.url, body, 12) == [(200, expected)] * 12

        failures: list[object] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    if client.score(**question(bars)).model_dump() != expected:
                        failures.append("another answer")
                except Exception as error:
                    failures.append(repr(error))

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        try:
            # The artifact is overwritten where it stands, and then a worker dies.
            (served / "model" / "model.txt").write_text("tree\n")
            wait_for(lambda: httpx.get(f"{server.url}/health").json()["status"] == "degraded")
            os.kill(workers_of(server).pop(), signal.SIGKILL)
            wait_for(lambda: "the last good one" in server.text())
        finally:
            stop.set()
            asking.join()
        assert failures == []
        assert answers(server.url, body, 4) == [(200, expected)] * 4
    server.stop()

    # A start of the whole service finds windows and the last good model.
    again = start_server(pointer, **(shared | {"TRADESIEVE_WORKERS": "1"}))
    assert answers(again.url, body, 1) == [(200, expected)]
    assert httpx.get(f"{again.url}/health").json()["status"] == "degraded"
    assert "cut short or altered" in httpx.get(f"{again.url}/v1/model").json()["refused"]
    assert f"the last good one, {artifact.fingerprint}, answers" in again.text()


@pytest.mark.parametrize("text", ["0", "-1", "two", "65", "1.5"])
def test_another_number_of_workers_is_refused(text: str) -> None:
    assert read_workers({}) == 2
    assert read_workers({"TRADESIEVE_WORKERS": "3"}) == 3
    with pytest.raises(BadInput, match="TRADESIEVE_WORKERS"):
        read_workers({"TRADESIEVE_WORKERS": text})
