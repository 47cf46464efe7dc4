"""The ways to ask besides one JSON request: batches, the stream, Arrow; what each refuses, and whom. And the reload."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.serving.test_openapi import Loaded
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.access import Access, read_access
from tradesieve.serving.arrow_bodies import MEDIA_TYPE as ARROW
from tradesieve.serving.champion import Champion
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics

STREAM = "ws://127.0.0.1/v1/stream"
KEYS = {name: name * 12 for name in ("score", "push1", "admin")}


@pytest.fixture
def application(artifact: Artifact) -> Any:
    return build_application(Loaded(artifact), Metrics())


@pytest.fixture
def client(application: Any) -> TestClient:
    return TestClient(application, base_url="http://127.0.0.1", client=("127.0.0.1", 5000))


def keyed(application: Any) -> Access:
    application.state.access = read_access(
        {"TRADESIEVE_KEYS": f"score:{KEYS['score']},score+push:{KEYS['push1']},admin:{KEYS['admin']}"}
    )
    return application.state.access


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


def problem(response: httpx.Response) -> tuple[int, str, str]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    found = response.json()
    return found["status"], found["type"].rpartition(":")[2], found["detail"]


def test_one_bad_candidate_of_a_batch_harms_no_other(client: TestClient, make_request: Callable[..., dict]) -> None:
    good, bad = make_request(), make_request(strategy="breakout(lookback=2)")
    answers = client.post("/v1/score/batch", json={"candidates": [good, bad, good]}).json()["answers"]
    assert answers[0] == {"decision": client.post("/v1/score", json=good).json(), "problem": None} == answers[2]
    assert answers[1]["decision"] is None
    assert (answers[1]["problem"]["status"], answers[1]["problem"]["type"]) == (404, "urn:tradesieve:unknown-name")


def test_what_a_batch_may_not_be(client: TestClient, make_request: Callable[..., dict]) -> None:
    good = make_request()
    alone = {**good, "bars": None}
    shared = {"symbol": "BTC-USD", "timeframe": "5m", "bars": good["bars"]}

    def refused(**body: Any) -> tuple[int, str, str]:
        return problem(client.post("/v1/score/batch", json=body))

    assert refused(candidates=[])[:2] == (422, "invalid-value")
    assert refused(candidates=[alone] * 257)[:2] == (422, "invalid-value")
    assert "again" in refused(candidates=[alone], shared=[shared, shared])[2]
    assert refused(candidates=[alone], shared=[{**shared, "symbol": "XYZ-ABC"}])[:2] == (404, "unknown-name")
    broken = {**shared, "bars": {**good["bars"], "close": good["bars"]["close"][:-1]}}
    assert "shared[0].bars.close" in refused(candidates=[alone], shared=[broken])[2]
    answer = client.post("/v1/score/batch", json={"candidates": [alone], "shared": [shared]})
    assert answer.json()["answers"][0]["decision"]["score"] == client.post("/v1/score", json=good).json()["score"]


def test_the_stream_answers_in_order_and_a_problem_does_not_end_it(
    client: TestClient, make_request: Callable[..., dict]
) -> None:
    good = make_request()
    append = {"symbol": "BTC-USD", "timeframe": "5m", "bars": good["bars"]}
    with client.websocket_connect(STREAM) as stream:
        for sent in ({**good, "bars": None}, {"strategy": 1}, append, {**good, "bars": None}, good):
            stream.send_text(json.dumps(sent))
        stream.send_bytes(b"{")
        stream.send_text("x" * 1_000_000)
        lost, wrong, appended, held, given, malformed, large = (json.loads(stream.receive_text()) for _ in range(7))
    assert (lost["status"], lost["type"]) == (409, "urn:tradesieve:no-window")
    assert [wrong["status"], malformed["status"], large["status"]] == [422, 400, 413]
    assert appended["n_bars"] == 100
    assert held == given == client.post("/v1/score", json=good).json()
    assert 'endpoint="/stream",status="200"' in client.get("/metrics").text


def test_the_stream_keeps_to_roles_and_to_this_machine(
    application: Any, client: TestClient, make_request: Callable[..., dict]
) -> None:
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM, headers=headers):
            pass
    keyed(application)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(STREAM):
        pass
    append = {"symbol": "BTC-USD", "timeframe": "5m", "bars": make_request()["bars"]}
    for name, status in (("score", 403), ("push1", None), ("admin", None)):
        with client.websocket_connect(STREAM, headers=bearer(name)) as stream:
            stream.send_text(json.dumps(append))
            assert json.loads(stream.receive_text()).get("status") == status


def test_arrow_says_the_same_as_json(
    client: TestClient, make_request: Callable[..., dict], arrow_body: Callable[..., bytes], bars_maker: Callable
) -> None:
    window, good = bars_maker("BTC-USD")[401:501], make_request()
    rest = {key: value for key, value in good.items() if key != "bars"}

    def post(path: str, content: bytes) -> httpx.Response:
        return client.post(path, content=content, headers={"Content-Type": ARROW})

    assert post("/v1/score", arrow_body(window, rest)).json() == client.post("/v1/score", json=good).json()
    append = arrow_body(window, {"symbol": "BTC-USD", "timeframe": "5m"})
    assert post("/v1/bars", append).json()["n_bars"] == 100
    assert client.post("/v1/score", json={**rest, "bars": None}).status_code == 200
    assert problem(post("/v1/score", b"nonsense"))[:2] == (400, "malformed-arrow")
    for compression in ("zstd", "lz4"):
        assert "compressed" in problem(post("/v1/score", arrow_body(window, rest, compression=compression)))[2]
    assert problem(post("/v1/score", arrow_body(window, good)))[0] == 422
    assert problem(post("/v1/score", arrow_body(window[50:], rest)))[:2] == (422, "too-few-bars")
    assert problem(post("/v1/score/batch", arrow_body(window, rest)))[:2] == (415, "wrong-type")
    nan = window.close.copy()
    nan[3] = np.nan
    broken = Unchecked({**{name: getattr(window, name) for name in good["bars"]}, "close": nan})
    assert problem(post("/v1/score", arrow_body(broken, rest)))[2] == "bars.close has nan"
    floats = Unchecked({**{name: getattr(window, name) for name in good["bars"]}, "close": nan.astype("float32")})
    assert problem(post("/v1/score", arrow_body(floats, rest)))[2] == "bars.close is float"


class Unchecked:
    """Columns that are no bars."""

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        self.__dict__.update(columns)


def test_damaged_arrow_is_refused_and_never_a_500(
    client: TestClient, make_request: Callable[..., dict], arrow_body: Callable[..., bytes], bars_maker: Callable
) -> None:
    rest = {key: value for key, value in make_request().items() if key != "bars"}
    body = arrow_body(bars_maker("BTC-USD")[401:501], rest)
    chance, seen = np.random.default_rng(3), set()
    for _ in range(300):
        damaged = bytearray(body)
        for place in chance.integers(0, 1600, 3):
            damaged[place] = chance.integers(256)
        response = client.post("/v1/score", content=bytes(damaged), headers={"Content-Type": ARROW})
        seen.add(response.status_code)
    assert seen <= {200, 400, 404, 422}
    assert {400, 422} <= seen


@pytest.mark.parametrize("trusted", [True, False])
def test_a_reload_swaps_at_once_and_keeps_the_old_one_from_a_bad_one(
    trusted: bool, artifact: Artifact, artifact_builder: Callable[..., Artifact], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(artifact.folder, tmp_path / "served"))
    pointer = tmp_path / "champion"
    pointer.symlink_to(folder)
    champion = Champion(Metrics())
    champion._watch = lambda parent: None  # type: ignore[method-assign] # the reload alone swaps
    champion.start(pointer)
    application = build_application(champion, Metrics())
    keyed(application)
    client = TestClient(application, base_url="http://127.0.0.1")
    assert problem(client.post("/v1/admin/reload", json={}, headers=bearer("push1")))[:2] == (403, "no-right")
    same = {"model": artifact.fingerprint, "before": artifact.fingerprint, "refused": None}
    assert client.post("/v1/admin/reload", json={}, headers=bearer("admin")).json() == same
    other = artifact_builder(tmp_path / "other", seed=9)
    if not trusted:
        (other.folder / "model" / "model.txt").write_text("tree\n")
    pointer.unlink()
    pointer.symlink_to(other.folder)
    after = client.post("/v1/admin/reload", json={}, headers=bearer("admin")).json()
    assert after["model"] == (other.fingerprint if trusted else artifact.fingerprint)
    assert (after["refused"] is None) == trusted
    assert client.get("/health").json()["status"] == ("ok" if trusted else "degraded")
