"""The service as it runs: a real process, real HTTP, real swaps of the model, and everything that can be sent to it."""

from __future__ import annotations

import json
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.serving.wrong_requests import mutated, problem_of
from tradesieve.features.decisions import Decisions
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.export import point_to

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pointer(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("deployed") / "champion"
    point_to(path, artifact.folder)
    return path


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any], pointer: Path) -> Any:
    return start_server(pointer)


@pytest.fixture(scope="module")
def http(server: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10.0, headers={"Content-Type": "application/json"}) as client:
        yield client


def test_a_decision_is_the_models(http: httpx.Client, artifact: Artifact, make_request: Callable[..., dict]) -> None:
    response = http.post("/score", json=make_request())
    assert response.status_code == 200
    decision = response.json()
    assert set(decision) == {"accept", "size", "score", "threshold", "model", "reasons"}
    assert decision["model"] == artifact.fingerprint


def test_its_own_window_answers_alike(
    http: httpx.Client, make_request: Callable[..., dict], bars_maker: Callable[..., Bars], columns_of: Callable
) -> None:
    problem = problem_of(http.post("/score", json=make_request(symbol="ETH-USD", bars=None)))
    assert (problem["status"], problem["type"]) == (409, "urn:tradesieve:no-window")
    window = columns_of(bars_maker("BTC-USD")[380:501])
    body = {"symbol": "BTC-USD", "timeframe": "5m", "bars": window}
    appended = http.post("/bars", json=body)
    assert appended.status_code == 200
    assert appended.json()["last_time"] == window["close_time"][-1]
    assert http.post("/bars", json=body).json()["added"] == 0
    assert http.post("/score", json=make_request(bars=None)).json() == http.post("/score", json=make_request()).json()
    window["close"][-1] = window["low"][-1]
    assert problem_of(http.post("/bars", json=body))["status"] == 409


def test_the_manifest_and_the_usual_addresses(http: httpx.Client, artifact: Artifact) -> None:
    manifest = http.get("/model").json()
    needs = {"5m": {"bars": 100, "others": {}, "results": 0, "terms": ["side"]}}
    assert manifest == {
        **artifact.manifest, "fingerprint": artifact.fingerprint, "lookback": {"5m": 100}, "needs": needs,
        "refused": None,
    }  # fmt: skip
    for path in ("/livez", "/readyz", "/healthz"):
        assert http.get(path).status_code == 200
    assert set(http.get("/").json()) == {
        "/score", "/score/batch", "/stream", "/bars", "/outcomes", "/model", "/admin/reload", "/health", "/livez",
        "/readyz", "/metrics", "/openapi.json",
    }  # fmt: skip
    assert "http" not in http.get("/").text.lower()


@pytest.fixture(scope="module")
def client(server: Any) -> Iterator[ScoringClient]:
    with ScoringClient(server.url, timeout=10.0) as client:
        client.wait_ready(5.0)
        yield client


def question(window: Bars, **changes: Any) -> dict[str, Any]:
    """Make the arguments of ScoringClient.score for the decision at the end of a window."""
    return {
        "strategy": "breakout(lookback=20)",
        "symbol": "BTC-USD",
        "timeframe": "5m",
        "side": 1,
        "decision_time": int(window.close_time[-1]),
        "bars": window,
        **changes,
    }


def test_the_client_asks_and_appends(
    client: ScoringClient, artifact: Artifact, bars_maker: Callable[..., Bars]
) -> None:
    bars = bars_maker("BTC-USD")[400:500]
    decision = client.score(**question(bars))
    assert decision.model == artifact.fingerprint
    assert client.append_bars(bars, replace=True).n_bars == 100
    assert client.append_bars(bars).added == 0
    assert client.score(**question(bars, bars=None)) == decision
    assert client.append_bars(bars[50:], replace=True).n_bars == 50
    assert client.model()["lookback"] == {"5m": 100}


def test_a_problem_reaches_the_client_as_bad_input_that_says_what_to_do(
    client: ScoringClient, bars_maker: Callable[..., Bars]
) -> None:
    bars = bars_maker("BTC-USD")[400:500]
    with pytest.raises(BadInput, match=r"refused with 404.*did you mean 'breakout\(lookback=20\)'"):
        client.score(**question(bars, strategy="breakout(lookback=2)"))
    with pytest.raises(BadInput, match=r"refused with 422: 60 bars were sent.*needs 100; send the last 100"):
        client.score(**question(bars[40:]))
    with pytest.raises(BadInput, match="refused with 409"):
        client.score(**question(bars, symbol="ETH-USD", bars=None))


def counts(http: httpx.Client) -> dict[str, float]:
    response = http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_metrics_count_what_happens(http: httpx.Client, artifact: Artifact, make_request: Callable[..., dict]) -> None:
    before = counts(http)
    accepted = sum(http.post("/score", json=make_request(row)).json()["accept"] for row in range(300, 320))
    http.post("/score", json={})
    http.get("/nowhere/else")
    after = counts(http)

    def more(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    assert more('tradesieve_decisions_total{outcome="accept"}') == accepted
    assert more('tradesieve_decisions_total{outcome="refuse"}') == 20 - accepted
    assert more('tradesieve_requests_total{endpoint="/score",status="200"}') == 20
    assert more('tradesieve_requests_total{endpoint="/score",status="422"}') == 1
    assert more('tradesieve_requests_total{endpoint="other",status="404"}') == 1
    assert more("tradesieve_score_seconds_count") == 21
    assert after['tradesieve_score_seconds_bucket{le="+Inf"}'] == after["tradesieve_score_seconds_count"]
    assert after[f'tradesieve_model_info{{fingerprint="{artifact.fingerprint}"}}'] == 1


def test_metrics_are_what_prometheus_reads(http: httpx.Client) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    families = {family.name: family.type for family in text_string_to_metric_families(http.get("/metrics").text)}
    assert families["tradesieve_score_seconds"] == "histogram"
    assert families["tradesieve_decisions"] == "counter"


def test_no_request_adds_a_file_of_metrics(server: Any, http: httpx.Client) -> None:
    """BentoML's own keep a series, and files, for every path that was ever requested."""
    folder = server.log.parent / "bentoml" / "prometheus_multiproc_dir"
    before = {path.name for path in folder.iterdir()}
    assert {name.rpartition("_")[0] for name in before} == {"counter", "histogram"}
    http.get("/somewhere/else")
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/score", 405), ("PUT", "/score", 405), ("DELETE", "/bars", 405), ("POST", "/model", 405),
        ("OPTIONS", "/score", 405), ("PATCH", "/model", 405), ("POST", "/metrics", 405), ("PROPFIND", "/score", 405),
        ("POST", "/livez", 405), ("GET", "/scores", 404), ("POST", "/score/", 404), ("GET", "/../etc/passwd", 404),
        ("GET", "/static_content/index.css", 404), ("POST", "/%00%ff", 404), ("GET", "/" + "x" * 3000, 404),
    ],
)  # fmt: skip
def test_wrong_methods_and_addresses(http: httpx.Client, method: str, path: str, status: int) -> None:
    response = http.request(method, path)
    assert problem_of(response)["status"] == status
    if status == 405:
        assert response.headers["allow"] == ("POST" if path in ("/score", "/bars") else "GET")


def test_only_json_is_read_since_a_web_page_may_send_other_types(
    http: httpx.Client, make_request: Callable[..., dict]
) -> None:
    body = json.dumps(make_request())
    for kind in ("application/json", "Application/JSON; charset=utf-8"):
        assert http.post("/score", content=body, headers={"Content-Type": kind}).status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "nonsense", ""):
        for path in ("/score", "/bars"):
            problem = problem_of(http.post(path, content=body, headers={"Content-Type": kind}))
            assert problem["type"] == "urn:tradesieve:wrong-type"
            assert "Content-Type: application/json" in problem["hint"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\x00", b"[" * 50_000, b"\x1f\x8b\x08", b'{"strategy": 1'])
@pytest.mark.parametrize("path", ["/score", "/bars"])
def test_what_is_no_json_is_a_400(http: httpx.Client, path: str, body: bytes) -> None:
    assert problem_of(http.post(path, content=body))["type"] == "urn:tradesieve:malformed-json"


@pytest.mark.parametrize("path", ["/score", "/bars"])
def test_a_body_that_is_too_large_is_a_413(http: httpx.Client, path: str) -> None:
    problem = problem_of(http.post(path, content=b" " * 600_000))
    assert problem["status"] == 413
    assert "100" in problem["hint"]

    def endless() -> Iterator[bytes]:
        for _ in range(60):
            yield b" " * 10_000

    assert problem_of(http.post(path, content=endless()))["status"] == 413


def test_broken_connections_harm_nobody(server: Any, http: httpx.Client, make_request: Callable[..., dict]) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    for sent in (
        b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x00\x01\x02",
        b"POST /score HTTP/1.1\r\n" + b"X: " + b"y" * 100_000,
    ):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(sent)
    assert http.post("/score", json=make_request()).status_code == 200


def test_two_thousand_wrong_requests_and_never_a_500(
    server: Any, http: httpx.Client, make_request: Callable[..., dict]
) -> None:
    chance = random.Random(20260131)
    score = make_request()
    rows = [dict(zip(score["bars"], row, strict=True)) for row in zip(*score["bars"].values(), strict=True)]
    append = {"symbol": "ETH-USD", "timeframe": "5m", "bars": score["bars"], "replace": True}
    seen: dict[int, int] = {}
    for number in range(2000):
        path, content = ("/bars", append) if number % 4 == 0 else ("/score", score)
        if number % 7 == 0:
            content = {**content, "bars": rows}
        changed = mutated(content, chance)
        body = json.dumps(changed).encode()
        if number % 11 == 0:  # the text itself: cut, doubled, or with other bytes in it
            position = chance.randrange(len(body))
            cut = (body[:position], body + body, body[:position] + b"\xfe" + body[position + 1 :])
            body = chance.choice(cut)
        response = http.post(path, content=body)
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        if response.status_code != 200:
            problem_of(response)
        else:
            assert "NaN" not in response.text
    assert seen.keys() <= {200, 400, 404, 409, 413, 422}, seen
    # Most of it is refused, for more than one reason; a change that leaves a good request is answered.
    assert seen[422] > 800
    assert seen[400] > 50
    assert seen[404] > 20
    assert "Traceback" not in server.text()


def test_huge_and_tiny_prices_are_scored_or_refused(http: httpx.Client, make_request: Callable[..., dict]) -> None:
    for price in (5e-324, 1e-300, 1e300, 1.7976931348623157e308):
        content = make_request()
        for name in ("open", "high", "low", "close"):
            content["bars"][name] = [price] * 100
        response = http.post("/score", json=content)
        assert response.status_code == 200, response.text
        assert 0 <= response.json()["score"] <= 1


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_bad_newcomer_is_refused_and_the_champion_goes_on(
    server: Any,
    http: httpx.Client,
    artifact: Artifact,
    pointer: Path,
    tmp_path: Path,
    make_request: Callable[..., dict],
) -> None:
    expected = http.post("/score", json=make_request()).json()
    refusals = counts(http)["tradesieve_model_refusals_total"]
    bad = Path(shutil.copytree(artifact.folder, tmp_path / "bad"))
    (bad / "model" / "model.txt").write_text("tree\n")
    link = tmp_path / "link"
    link.symlink_to(bad)
    link.replace(pointer)
    wait_for(lambda: counts(http)["tradesieve_model_refusals_total"] > refusals)
    assert http.post("/score", json=make_request()).json() == expected
    assert "refused the artifact" in server.text()
    assert http.get("/health").json()["status"] == "degraded"
    assert "model.txt is cut short or altered" in http.get("/model").json()["refused"]
    pointer.unlink()  # a pointer that leads nowhere
    wait_for(lambda: counts(http)["tradesieve_model_refusals_total"] > refusals + 1)
    assert http.post("/score", json=make_request()).json() == expected
    point_to(pointer, artifact.folder)
    time.sleep(1.2)
    assert http.get("/readyz").status_code == 200
    assert http.get("/health").json() == {"status": "ok", "model": artifact.fingerprint}
    assert counts(http)["tradesieve_model_swaps_total"] == 0


def test_a_new_champion_takes_over_without_dropping_a_request(
    server: Any,
    http: httpx.Client,
    artifact: Artifact,
    artifact_builder: Callable[..., Artifact],
    pointer: Path,
    tmp_path: Path,
    make_request: Callable[..., dict],
    bars_maker: Callable[..., Bars],
) -> None:
    point_to(pointer, artifact.folder)
    other = artifact_builder(tmp_path / "second", seed=5)
    bars, rows = bars_maker("BTC-USD"), list(range(300, 308))
    truth = {
        (model.fingerprint, row): float(model.score(bars, Decisions(bars.close_time[[row]], np.array([1.0])))[0])
        for model in (artifact, other)
        for row in rows
    }
    bodies = {row: json.dumps(make_request(row)).encode() for row in rows}
    held = {"symbol": "BTC-USD", "timeframe": "5m", "bars": make_request()["bars"], "replace": True}
    assert http.post("/bars", json=held).status_code == 200
    stop, failures, served = threading.Event(), [], set()

    def ask(offset: int) -> None:
        with httpx.Client(base_url=server.url, timeout=10.0, headers=http.headers) as client:
            number = offset
            while not stop.is_set():
                row = rows[number % len(rows)]
                number += 1
                try:
                    response = client.post("/score", content=bodies[row])
                    answer = response.json()
                    if response.status_code != 200 or answer["score"] != truth[answer["model"], row]:
                        failures.append((response.status_code, answer))
                    served.add(answer.get("model"))
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    failures.append(repr(error))

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    try:
        for model in (other, artifact, other, artifact):
            point_to(pointer, model.folder)
            wait_for(lambda wanted=model: http.get("/model").json()["fingerprint"] == wanted.fingerprint)  # type: ignore[misc]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert served == {artifact.fingerprint, other.fingerprint}
    assert counts(http)["tradesieve_model_swaps_total"] == 4
    # The service's own windows outlive a swap.
    assert http.post("/score", json=make_request(bars=None)).status_code == 200
