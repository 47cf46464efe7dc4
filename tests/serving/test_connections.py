"""Slow, dead and half-sending clients hold nobody up: real sockets against the application under uvicorn."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from tests.serving.test_openapi import Loaded
from tradesieve.market.bars import Bars
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving import endpoints
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.connections import BoundedConnection
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.problem_details import MOST_HEADER_BYTES

HEAD = b"POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


class Impatient(BoundedConnection):
    """Waits for tenths of seconds."""

    request_seconds = 0.6
    stall_seconds = 0.3


@pytest.fixture(scope="module")
def url(artifact: Artifact) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, socket.socket() as listening:
        patch.setattr(endpoints, "_BODY_SECONDS", 0.2)
        listening.bind(("127.0.0.1", 0))
        listening.listen(500)
        application = build_application(Loaded(artifact), Metrics())
        config = uvicorn.Config(
            application, http=Impatient, log_config=None, lifespan="off", ws_ping_interval=0.3, ws_ping_timeout=0.3
        )
        server = uvicorn.Server(config)
        running = threading.Thread(target=server.run, args=([listening],), daemon=True)
        running.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        running.join()


def opened(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30)


def rest(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    received = b""
    try:
        while chunk := connection.recv(1 << 16):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def problem_in(received: bytes) -> dict[str, Any]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    return json.loads(body)


@pytest.mark.parametrize("sent", [HEAD, b"POST", HEAD + b"X: " + b"y" * 1000])
def test_headers_that_never_end_are_answered_and_closed(url: str, sent: bytes) -> None:
    with opened(url) as connection:
        connection.sendall(sent)
        assert problem_in(rest(connection))["status"] == 408


def test_headers_that_trickle_do_not_begin_the_time_anew(url: str) -> None:
    with opened(url) as connection:
        connection.sendall(HEAD)
        began = time.monotonic()
        connection.settimeout(0.05)
        received = b""
        while not received:
            assert time.monotonic() < began + 30, "it waits for ever"
            try:
                connection.sendall(b"x")
                received = connection.recv(1 << 16)
            except TimeoutError:
                continue
        assert problem_in(received)["type"] == "urn:tradesieve:too-slow"


def test_a_connection_without_a_request_is_closed(url: str) -> None:
    with opened(url) as connection:
        assert rest(connection) == b""


def test_half_a_body_is_a_problem(url: str) -> None:
    with opened(url) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        problem = problem_in(rest(connection))
        assert (problem["status"], problem["type"]) == (408, "urn:tradesieve:too-slow")
        assert "send the whole request" in problem["hint"]


def test_an_answer_before_the_body_does_not_leave_the_connection_open(url: str) -> None:
    with opened(url) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 1000\r\n\r\n{")  # fmt: skip
        received = rest(connection)
        assert b"404" in received.partition(b"\r\n")[0]


def test_whoever_does_not_read_is_left(url: str) -> None:
    with opened(url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(request * 1_000_000)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"X: " + b"y" * MOST_HEADER_BYTES, 431),
        (HEAD + b"X: " + b"y" * MOST_HEADER_BYTES + b"\r\n\r\n", 431),
        (HEAD + b"X: y\r\n" * MOST_HEADER_BYTES, 431),
        (b"\x00\x01", 400),
    ],
)
def test_headers_have_a_limit_and_nonsense_is_a_problem(url: str, sent: bytes, status: int) -> None:
    with opened(url) as connection:
        connection.sendall(sent)
        received = rest(connection)
        assert f" {status} ".encode() in received.partition(b"\r\n")[0]
        assert b"application/problem+json" in received


@pytest.mark.parametrize("n_bytes", [1, 2, 9])
def test_half_a_message_on_the_stream_holds_nobody_up_and_is_left(
    url: str, n_bytes: int, make_request: Callable[..., dict], bars_maker: Callable[..., Bars]
) -> None:
    with opened(url) as connection:
        connection.sendall(
            b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")
        connection.sendall(b"\x81\xfe\x7f\xff\x00\x00\x00\x00{"[:n_bytes])
        with ScoringClient(url, timeout=30.0) as client:
            client.score(**make_request() | {"bars": bars_maker("BTC-USD")[400:501]})
        rest(connection)  # ends, since no ping is answered


def test_no_more_than_so_many_connections_are_open(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Impatient, "most_connections", 3)
    with opened(url) as first, opened(url) as second, opened(url) as third:
        with opened(url) as fourth:
            received = rest(fourth)
        assert received.startswith(b"HTTP/1.1 503")
        assert "3 connections are open" in problem_in(received)["detail"]
        for connection in (first, second, third):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert rest(connection).startswith(b"HTTP/1.1 200")
    with opened(url) as again:
        again.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert rest(again).startswith(b"HTTP/1.1 200")


def test_slow_and_dead_clients_hold_nobody_up(
    url: str, make_request: Callable[..., dict], bars_maker: Callable[..., Bars]
) -> None:
    asked = make_request() | {"bars": bars_maker("BTC-USD")[400:501]}
    slow = [opened(url) for _ in range(200)]
    for number, connection in enumerate(slow):
        connection.sendall((b"", b"POST", HEAD, HEAD + b"Content-Length: 1000\r\n\r\n{")[number % 4])
    with ScoringClient(url, timeout=30.0) as client:
        expected = client.score(**asked)
        for connection in slow:
            rest(connection)
            connection.close()
        assert client.score(**asked) == expected
