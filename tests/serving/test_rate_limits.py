"""Rate limits: each key has its own, a batch counts as its candidates, the stream as its messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.serving.test_openapi import Loaded
from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.access import read_access
from tradesieve.serving.connections import read_connections
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.rate_limits import RateLimit, read_rate_limit

FIRST, SECOND = "f" * 30, "g" * 30


@pytest.fixture
def client(artifact: Artifact) -> Callable[[int], TestClient]:
    """A function that makes a client of a service that lets each key send so many requests in an hour."""

    def make(count: int, *, keys: bool = True) -> TestClient:
        application = build_application(Loaded(artifact), Metrics())
        if keys:
            application.state.access = read_access({"TRADESIEVE_KEYS": f"admin:{FIRST},score:{SECOND}"})
        application.state.rate_limit = RateLimit(count, 3600.0)
        return TestClient(application, base_url="http://127.0.0.1", client=("127.0.0.1", 5000))

    return make


def bearer(key: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {key}"}


def test_a_key_beyond_its_limit_is_told_when_to_come_back_and_others_are_answered(
    client: Callable[..., TestClient], make_request: Callable[..., dict]
) -> None:
    limited = client(3)
    for scheme in ("Bearer", "bearer", "BEARER "):  # the same key
        assert limited.post("/v1/score", json=make_request(), headers=bearer(FIRST, scheme)).status_code == 200
    refused = limited.get("/v1/model", headers=bearer(FIRST))
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert 1190 <= int(refused.headers["retry-after"]) <= 1200
    assert refused.json()["type"] == "urn:tradesieve:too-many"
    assert FIRST not in refused.text
    assert limited.post("/v1/score", json=make_request(), headers=bearer(SECOND)).status_code == 200
    assert limited.post("/v1/score", json=make_request()).status_code == 401
    for _ in range(5):
        assert limited.get("/health").status_code == 200


def test_a_batch_counts_as_its_candidates_and_a_stream_as_its_messages(
    client: Callable[..., TestClient], make_request: Callable[..., dict]
) -> None:
    limited, request = client(5, keys=False), make_request()
    assert limited.post("/v1/score/batch", json={"candidates": [request] * 3}).status_code == 200
    assert limited.post("/v1/score/batch", json={"candidates": [request] * 3}).status_code == 429
    streaming: Any = client(3, keys=False)
    with streaming.websocket_connect("ws://127.0.0.1/v1/stream") as stream:  # to open it is a request too
        statuses = []
        for _ in range(3):
            stream.send_text(json.dumps(request))
            statuses.append(json.loads(stream.receive_text()).get("status", 200))
        assert statuses == [200, 200, 429]


@given(st.integers(1, 20), st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(1, 30)), max_size=60))
def test_no_more_than_the_count_at_once_and_the_same_again_in_each_period(
    count: int, asked: list[tuple[float, int]]
) -> None:
    time, allowed = 0.0, []
    limit = RateLimit(count, 2.0, now=lambda: time)
    for pause, n_requests in asked:
        time += pause
        seconds = limit.wait(b"key", n_requests)
        if not seconds:
            allowed.append((time, min(n_requests, count)))
            continue
        time += seconds * (1 + 1e-9) + 1e-9
        assert limit.wait(b"key", n_requests) == 0.0, "the time to wait is enough"
        allowed.append((time, min(n_requests, count)))
    for first, (start, _) in enumerate(allowed):
        for last in range(first, len(allowed)):
            sent = sum(n for _, n in allowed[first : last + 1])
            assert sent <= count * (1 + (allowed[last][0] - start) / 2.0) + 1e-6


def test_settings_are_read_and_refused_by_name() -> None:
    assert read_rate_limit({}) is None
    for text, waits in (("1/second", 1.0), ("1/minute", 60.0), (" 1/hour", 3600.0)):
        limit = read_rate_limit({"TRADESIEVE_RATE_LIMIT": text})
        assert limit is not None
        assert limit.wait(b"") == 0.0
        assert 0.9 * waits < limit.wait(b"") <= waits
    for text in ("0/second", "5", "5/day", "-1/second", "1.5/second", "nonsense"):
        with pytest.raises(BadInput, match="COUNT/second"):
            read_rate_limit({"TRADESIEVE_RATE_LIMIT": text})
    assert read_connections({}) == 500
    assert read_connections({"TRADESIEVE_CONNECTIONS": "7"}) == 7
    for text in ("0", "x", "-1", "100001"):
        with pytest.raises(BadInput, match="from 1 to 100000"):
            read_connections({"TRADESIEVE_CONNECTIONS": text})
