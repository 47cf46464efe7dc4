"""The service under load for minutes: 16 clients, a new model every ten seconds, a worker killed, bad clients beside.

``make soak`` runs it for five minutes, ``make soak SECONDS=60`` for one. A table says what came of it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from tests.serving.test_workers import wait_for, workers_of
from tradesieve.features.decisions import Decisions
from tradesieve.features.feature_sets import SETS
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.engines.base import Candidate
from tradesieve.serving.export import point_to

SECONDS = float(os.environ.get("SOAK_SECONDS") or 300)
RELOAD_SECONDS = 10.0
N_CLIENTS, N_ROWS = 16, 8
STRATEGIES, SYMBOLS = ("breakout(lookback=20)", "reversion(window=10)"), ("BTC-USD", "ETH-USD")
LEAST_PER_SECOND, MOST_SECONDS_OF_A_KILL = 2000, 1.0


def test_clients_are_answered_while_models_change_and_workers_die(
    artifact_builder: Callable[..., Artifact],
    bars_maker: Callable[..., Bars],
    columns_of: Callable[[Bars], dict[str, list]],
    start_server: Callable[..., Any],
    tmp_path: Path,
) -> None:
    models = [
        artifact_builder(
            tmp_path / f"model{seed}",
            features=tuple(SETS["standard"]),
            candidate=Candidate("lightgbm", "gbdt", {"n_trees": 300}),
            seed=seed,
        )
        for seed in (1, 2)
    ]
    pointer = tmp_path / "champion"
    point_to(pointer, models[0].folder)
    server = start_server(pointer, TRADESIEVE_WORKERS="2", TRADESIEVE_SERVICE_STATE=str(tmp_path / "state"))
    wait_for(lambda: len(workers_of(server)) == 2)
    needed = models[0].requirements("5m").bars
    for symbol in SYMBOLS:
        window = bars_maker(symbol)[2500 - needed - N_ROWS : 2500]
        body = {"symbol": symbol, "timeframe": "5m", "bars": columns_of(window)}
        assert httpx.post(f"{server.url}/v1/bars", json=body, timeout=30.0).status_code == 200
    job = {
        "port": int(server.url.rpartition(":")[2]),
        "n_clients": N_CLIENTS,
        "questions": questions(models, bars_maker, needed),
        "end": time.time() + SECONDS,
    }
    clients = subprocess.Popen(
        [sys.executable, "-m", "tests.soak.clients"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert clients.stdin is not None
    clients.stdin.write(json.dumps(job))
    clients.stdin.close()
    stop = threading.Event()
    beside = [threading.Thread(target=bad, args=(job["port"], stop)) for bad in (slow, dead, half) for _ in range(2)]
    for each in beside:
        each.start()
    try:
        measured = change_and_kill(server, pointer, models, job["end"])
    finally:
        stop.set()
        for each in beside:
            each.join()
    assert clients.stdout is not None
    result = json.loads(clients.stdout.read())
    clients.wait()
    report(result, measured)
    assert result["n_wrong"] == 0, result["wrong"]
    assert result["longest"] < MOST_SECONDS_OF_A_KILL
    assert measured["reloads"] > 0
    assert measured["after"] < measured["before"] * 1.15, "memory grows"
    assert result["n"] / SECONDS >= LEAST_PER_SECOND


def questions(models: list[Artifact], bars_maker: Callable[..., Bars], needed: int) -> list[dict[str, Any]]:
    """Make requests, and what each model answers in research: score and size."""
    found = []
    for symbol in SYMBOLS:
        bars = bars_maker(symbol)
        for strategy in STRATEGIES:
            for row in range(2500 - N_ROWS, 2500):
                side = 1.0 if row % 2 else -1.0
                decision, name = Decisions(bars.close_time[[row]], np.array([side])), f"{strategy}|{symbol}|5m"
                window = bars[row - needed + 1 : row + 1]
                answers = {}
                for model in models:
                    score = model.score(window, decision)
                    answers[model.fingerprint] = [float(score[0]), float(model.sizes(score, [name])[0])]
                body = json.dumps({
                    "strategy": strategy, "symbol": symbol, "timeframe": "5m", "side": int(side),
                    "decision_time": int(bars.close_time[row]),
                })  # fmt: skip
                head = "POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                request = f"{head}Content-Length: {len(body)}\r\n\r\n{body}"
                found.append({"request": request, "answers": answers})
    return found


def change_and_kill(server: Any, pointer: Path, models: list[Artifact], end: float) -> dict[str, float]:
    """Turn the pointer every ten seconds, and kill a worker halfway."""
    began, reloads, killed, before = time.time(), 0, False, 0.0
    while (left := end - time.time()) > 0.0:
        time.sleep(min(RELOAD_SECONDS, left))
        if not killed and time.time() - began > (end - began) / 2:
            os.kill(min(workers_of(server)), signal.SIGKILL)
            killed = True
        if end - time.time() < 1.0:
            break
        reloads += 1
        point_to(pointer, models[reloads % 2].folder)
        httpx.post(f"{server.url}/v1/admin/reload", json={}, timeout=30.0).raise_for_status()
        if reloads == 2:  # both models have been loaded
            before = memory(server)
    wait_for(lambda: len(workers_of(server)) == 2)
    return {"reloads": reloads, "killed": killed, "before": before or memory(server), "after": memory(server)}


def memory(server: Any) -> float:
    """Return the resident memory of the largest worker, in MB."""
    return max(psutil.Process(pid).memory_info().rss for pid in workers_of(server)) / 1e6


def slow(port: int, stop: threading.Event) -> None:
    """Send a byte of a request every second."""
    _again(port, stop, [bytes([each]) for each in b"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\n"])


def dead(port: int, stop: threading.Event) -> None:
    """Connect and say nothing."""
    _again(port, stop, [b""] * 30)


def half(port: int, stop: threading.Event) -> None:
    """Send half of a request, wait, and leave."""
    head = (
        b"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    _again(port, stop, [head, b""])


def _again(port: int, stop: threading.Event, pieces: list[bytes]) -> None:
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
                for piece in pieces:
                    connection.sendall(piece)
                    if stop.wait(1.0):
                        return
        except OSError:
            stop.wait(0.1)  # the service has closed it, as it should


def report(result: dict[str, Any], measured: dict[str, float]) -> None:
    rows = {
        "seconds": f"{SECONDS:g}",
        "answers": f"{result['n']:,}",
        "answers a second": f"{result['n'] / SECONDS:,.0f}",
        "p50, p99, longest, ms": " ".join(f"{1000 * result[name]:.1f}" for name in ("p50", "p99", "longest")),
        "wrong": str(result["n_wrong"]),
        "connections lost": str(result["lost"]),
        "models changed": f"{measured['reloads']:.0f}",
        "memory of a worker, MB": f"{measured['before']:.0f} to {measured['after']:.0f}",
        "load of the machine": " ".join(f"{each:.1f}" for each in os.getloadavg()),
    }
    print()
    for name, value in rows.items():
        print(f"{name:24}{value}")
