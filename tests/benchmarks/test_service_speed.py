"""How long a decision of the service takes, beside a bare server and MLflow's with the same booster, in the same run.

One worker, connections kept alive, loopback, a model of 300 trees on the standard factors, all guards and the decision
log on. The servers are asked in turns, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import numpy as np
import pytest
from websockets.sync.client import connect

from tests.conftest import Server, free_port
from tradesieve.features.decisions import Decisions
from tradesieve.features.engine.compute import compute
from tradesieve.features.feature_sets import SETS
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.training_bars import TrainingBars
from tradesieve.models.artifact.training_features import TrainingFeatures
from tradesieve.models.engines.base import Candidate

N_ROUNDS, N_WARM = 1000, 100

BARE = """
import json, sys
import lightgbm, numpy as np
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
booster = lightgbm.Booster(model_file=sys.argv[1])
row = np.random.default_rng(0).normal(size=(1, booster.num_feature()))
def answer(body):
    asked = json.loads(body)
    columns = asked.get("bars")
    if columns is not None:
        for values in columns.values():
            np.array(values)
    return json.dumps({"score": float(booster.predict(row, num_threads=1)[0])})
async def score(request):
    return Response(answer(await request.body()), media_type="application/json")
async def stream(socket):
    await socket.accept()
    while True:
        await socket.send_text(answer(await socket.receive_text()))
async def ready(request):
    return Response("")
routes = [Route("/score", score, methods=["POST"]), Route("/readyz", ready), WebSocketRoute("/ws", stream)]
app = Starlette(routes=routes)
import uvicorn
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
"""


@pytest.fixture(scope="module")
def standard(
    artifact_builder: Callable[..., Artifact],
    bars_maker: Callable[..., Bars],
    decisions_maker: Callable[..., Decisions],
    tmp_path_factory: Any,
) -> Artifact:
    training = {f"{symbol}|5m": TrainingBars.of(bars_maker(symbol)).as_dict() for symbol in ("BTC-USD", "ETH-USD")}
    bars, names = bars_maker("BTC-USD"), tuple(SETS["standard"])
    rows = np.arange(700, len(bars))
    X = compute(bars, decisions_maker(bars, rows, np.where(rows % 2, 1.0, -1.0)), names)
    return artifact_builder(
        tmp_path_factory.mktemp("speed") / "a",
        features=names,
        training_features={"n_rows": len(X), "features": TrainingFeatures.of(X).as_dict(names)},
        candidate=Candidate("lightgbm", "gbdt", {"n_trees": 300}),
        training_bars=training,
    )


@pytest.fixture(scope="module")
def bare(standard: Artifact, tmp_path_factory: Any) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("bare"), free_port()
    (folder / "bare.py").write_text(BARE)
    model = standard.folder / "model" / "model.txt"
    command = [sys.executable, str(folder / "bare.py"), str(model), str(port)]
    server = Server(command, port=port, log=folder / "log", environment={"OMP_NUM_THREADS": "1"}, folder=folder)
    server.wait_ready()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mlflow_server(standard: Artifact, tmp_path_factory: Any) -> Iterator[Server]:
    import lightgbm
    import mlflow.lightgbm

    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    booster = lightgbm.Booster(model_file=standard.folder / "model" / "model.txt")
    mlflow.lightgbm.save_model(booster, folder / "model", pip_requirements=["lightgbm"])
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "--model-uri",
        str(folder / "model"),
        "--port",
        str(port),
    ]
    command += ["--env-manager", "local", "--workers", "1"]
    environment = {
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    server = Server(command, port=port, log=folder / "log", environment=environment, folder=folder)
    server.wait_ready(path="ping")
    yield server
    server.stop()


def alternate(ways: dict[str, Callable[[], object]]) -> dict[str, np.ndarray]:
    """Time calls in turns: microseconds by name."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(N_WARM + N_ROUNDS):
        for name, call in ways.items():
            began = time.perf_counter()
            call()
            if number >= N_WARM:
                taken[name].append((time.perf_counter() - began) * 1e6)
    return {name: np.array(values) for name, values in taken.items()}


def poster(url: str, body: bytes, kind: str = "application/json") -> Callable[[], bytes]:
    pool = httpcore.ConnectionPool()
    headers = [("Content-Type", kind)]

    def call() -> bytes:
        response = pool.request("POST", url, headers=headers, content=body)
        assert response.status == 200, response.content
        return response.content

    return call


def test_decisions_beside_bare_servers(
    standard: Artifact,
    bare: Server,
    mlflow_server: Server,
    start_server: Callable[..., Any],
    bars_maker: Callable[..., Bars],
    columns_of: Callable,
    arrow_body: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    service = start_server(standard.folder)
    bars, row = bars_maker("BTC-USD"), 2500
    needed = standard.requirements("5m").bars
    asked = {
        "strategy": "breakout(lookback=20)", "symbol": "BTC-USD", "timeframe": "5m", "side": 1,
        "decision_time": int(bars.close_time[row]),
    }  # fmt: skip
    expected = float(standard.score(bars, Decisions(bars.close_time[[row]], np.array([1.0])))[0])
    append = {"symbol": "BTC-USD", "timeframe": "5m", "bars": columns_of(bars[row - needed + 1 : row + 1])}
    poster(f"{service.url}/v1/bars", json.dumps(append).encode())()
    held = json.dumps(asked).encode()
    ways: dict[str, Callable[[], Any]] = {
        "bars pushed": poster(f"{service.url}/v1/score", held), "bare": poster(f"{bare.url}/score", held),
    }  # fmt: skip
    # An array is its fastest form; a frame takes it longer.
    row_of_features = json.dumps({"inputs": np.random.default_rng(0).normal(size=(1, len(standard.features))).tolist()})
    ways["MLflow"] = poster(f"{mlflow_server.url}/invocations", row_of_features.encode())
    for n_bars in (300, 1000):
        window = bars[row - max(n_bars, needed) + 1 : row + 1]
        body = json.dumps({**asked, "bars": columns_of(window)}).encode()
        ways[f"{len(window)} bars"] = poster(f"{service.url}/v1/score", body)
        ways[f"bare, {len(window)} bars"] = poster(f"{bare.url}/score", body)
        arrow = arrow_body(window, asked)
        kind = "application/vnd.apache.arrow.stream"
        ways[f"{len(window)} bars as Arrow"] = poster(f"{service.url}/v1/score", arrow, kind)
    ws = (service.url.replace("http", "ws") + "/v1/stream", bare.url.replace("http", "ws") + "/ws")
    with connect(ws[0]) as mine, connect(ws[1]) as plain:
        text = held.decode()
        ways["WebSocket"] = lambda: (mine.send(text), mine.recv())[1]
        ways["bare WebSocket"] = lambda: (plain.send(text), plain.recv())[1]
        for name, call in ways.items():
            if "bare" not in name and name != "MLflow":
                assert json.loads(call())["score"] == expected, name
        taken = alternate(ways)
    median = {name: float(np.median(values)) for name, values in taken.items()}
    print(f"\n{'way':24}{'p50 us':>9}{'p99 us':>9}{'to bare':>9}")
    for name, values in taken.items():
        beside = {"bars pushed": "bare", "MLflow": "bare", "WebSocket": "bare WebSocket"}.get(
            name, f"bare, {name.removesuffix(' as Arrow')}"
        )
        ratio = f"{median[name] / median[beside]:9.2f}" if beside in median else ""
        print(f"{name:24}{median[name]:9.0f}{np.percentile(values, 99):9.0f}{ratio}")
    print(f"MLflow takes {median['MLflow'] / median['bars pushed']:.2f} times as long as bars pushed before")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}\n\nwhere the time of a decision goes, mean us:")
    for stage, microseconds in stage_means(service.url).items():
        print(f"{stage:24}{microseconds:9.1f}")


def stage_means(url: str) -> dict[str, float]:
    """Read the mean time of each stage from the service's own metrics; ``whole`` is the decision with its answer."""
    text = httpcore.request("GET", f"{url}/metrics").content.decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("tradesieve_"))
    found = {}
    for name, value in lines.items():
        if name.startswith(("tradesieve_stage_seconds_sum", "tradesieve_score_seconds_sum")) and float(value):
            stage = name.partition('stage="')[2].partition('"')[0] or "whole"
            found[stage] = float(value) / float(lines[name.replace("_sum", "_count")]) * 1e6
    return dict(sorted(found.items(), key=lambda each: each[0] == "whole"))
