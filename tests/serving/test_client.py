"""The client against servers that fail as networks do; against the real one it is tested with the service."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, TradesieveError, Transient
from tradesieve.serving.client import RequestRefused, ScoringClient

STRATEGY = "breakout(lookback=20)"
DECISION = b'{"accept":true,"size":1.0,"score":0.6,"threshold":0.5,"model":"m","reasons":[]}'


def question(window: Bars, **changes: Any) -> dict[str, Any]:
    return {
        "strategy": STRATEGY,
        "symbol": "BTC-USD",
        "timeframe": "5m",
        "side": 1,
        "decision_time": int(window.close_time[-1]),
        "bars": window,
        **changes,
    }


@pytest.mark.parametrize(("url", "timeout"), [("localhost:3000", 1.0), ("", 1.0), ("http://x", 0.0), ("http://x", -1)])
def test_its_own_arguments_are_checked(url: str, timeout: float) -> None:
    with pytest.raises(BadInput):
        ScoringClient(url, timeout)


def test_nobody_there_is_transient(bars_maker: Callable[..., Bars]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with ScoringClient(url, timeout=5.0) as client:
        with pytest.raises(Transient, match=r"cannot be reached.*4 times"):
            client.score(**question(bars_maker("BTC-USD")[400:500]))
        with pytest.raises(Transient, match=r"cannot be reached.*after 0\.2 s"):
            client.wait_ready(0.2)


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_server_that_trickles_does_not_hold_a_call_beyond_its_deadline(begun: bytes) -> None:
    ended = threading.Event()

    def trickle(connection: socket.socket) -> None:
        with connection:
            connection.sendall(begun)
            for _ in range(600):  # a minute
                if ended.wait(0.1):
                    return
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: trickle(listening.accept()[0]), daemon=True)
        thread.start()
        with ScoringClient(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.5) as client:
            with pytest.raises(Transient, match=r"Timeout.*1 time"):
                client.model()
            assert thread.is_alive(), "the client gave up, not the server"
        ended.set()


class Scripted(HTTPServer):
    """A server that answers from a list: a status with a body, or None for a connection that is cut."""

    def __init__(self, answers: list[tuple[int, bytes] | None]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers = answers
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Scripted:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *given: object) -> None:
        self.shutdown()
        self.server_close()


class Answering(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.answers.pop(0)
        if answer is None:
            return
        self.send_response(answer[0])
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, *given: object) -> None:
        pass


def test_passing_trouble_is_retried_with_the_same_request(bars_maker: Callable[..., Bars]) -> None:
    asked = question(bars_maker("BTC-USD")[400:500])
    with Scripted([None, (503, b"busy"), (200, DECISION)]) as server, ScoringClient(server.url) as client:
        assert client.score(**asked).score == 0.6
    assert len(server.bodies) == 3
    assert len(set(server.bodies)) == 1


def test_what_is_not_said_is_absent_and_what_there_is_none_of_is_null(bars_maker: Callable[..., Bars]) -> None:
    """JSON has no NaN; and a model that needs a term has to know whether it was forgotten."""
    bars = bars_maker("BTC-USD")[400:405]
    asked = question(bars)
    other = bars_maker("ETH-USD")[400:402]
    with Scripted([(200, DECISION)] * 3) as server, ScoringClient(server.url) as client:
        client.score(**asked)
        client.score(**asked, stop=float("nan"), target=np.float64(7.5), agreeing=0.0, results=[])
        client.score(**asked, results=np.array([0.25, -0.5]), others={"ETH-USD": other, "SPY": None})
    plain, given, beside = (json.loads(body) for body in server.bodies)
    assert set(plain) == {"strategy", "symbol", "timeframe", "side", "decision_time", "bars"}
    assert given == plain | {"stop": None, "target": 7.5, "agreeing": 0.0, "results": []}
    assert beside["results"] == [0.25, -0.5]
    assert beside["others"]["SPY"] is None
    assert beside["others"]["ETH-USD"]["close"] == other.close.tolist()
    assert "stop" not in beside


def test_lasting_trouble_is_transient(bars_maker: Callable[..., Bars]) -> None:
    asked = question(bars_maker("BTC-USD")[400:500])
    with (
        Scripted([(503, b"busy")] * 4) as server,
        ScoringClient(server.url) as client,
        pytest.raises(Transient, match="answers 503, 4 times"),
    ):
        client.score(**asked)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((400, b"plain text"), BadInput, "plain text"),
        ((422, b"[]"), BadInput, "422"),
        ((500, b'{"detail": "d", "hint": "h"}'), TradesieveError, "failed with 500: d; h"),
        ((200, b"<html>"), TradesieveError, "not a tradesieve service"),
        ((200, b"{}"), TradesieveError, "not a tradesieve service"),
    ],
)
def test_other_answers_are_not_retried(
    answer: tuple[int, bytes], error: type[Exception], message: str, bars_maker: Callable[..., Bars]
) -> None:
    asked = question(bars_maker("BTC-USD")[400:500])
    with (
        Scripted([answer]) as server,
        ScoringClient(server.url) as client,
        pytest.raises(error, match=message) as caught,
    ):
        client.score(**asked)
    assert not isinstance(caught.value, Transient)
    assert server.answers == []


def appended(bars: Bars, needed: int) -> tuple[int, bytes]:
    counted = {"added": 1, "known": 0, "dropped": 0, "n_bars": len(bars), "needed": needed, "last_time": 0}
    return 200, json.dumps({"symbol": bars.symbol, "timeframe": "5m", **counted}).encode()


def lost(kind: str) -> tuple[int, bytes]:
    return 409, json.dumps({"type": f"urn:tradesieve:{kind}", "detail": "d", "hint": "h"}).encode()


@pytest.mark.parametrize("kind", ["no-window", "too-few-bars", "stale-window"])
def test_bars_that_the_service_lost_are_sent_again(kind: str, bars_maker: Callable[..., Bars]) -> None:
    bars = bars_maker("BTC-USD")[:60]
    asked = question(bars, bars=None)
    answers = [appended(bars, 20), appended(bars, 20), lost(kind), appended(bars, 20), (200, DECISION)]
    with Scripted(answers) as server, ScoringClient(server.url, timeout=10.0) as client:
        client.append_bars(bars[:50])
        client.append_bars(bars[48:])
        assert client.score(**asked).accept
    assert not server.answers
    again = json.loads(server.bodies[3])
    assert again["replace"] is True
    assert again["bars"]["close_time"] == bars.close_time[-28:].tolist()
    assert again["bars"]["close"] == bars.close[-28:].tolist()
    assert server.bodies[4] == server.bodies[2]


def test_a_409_that_bars_do_not_answer_is_refused(bars_maker: Callable[..., Bars]) -> None:
    bars = bars_maker("BTC-USD")[:60]
    asked = question(bars, bars=None)
    with Scripted([lost("no-window")]) as server, ScoringClient(server.url, timeout=10.0) as client:
        with pytest.raises(RequestRefused, match="409") as caught:
            client.score(**asked)
        assert (caught.value.status, caught.value.kind) == (409, "no-window")
    answers = [appended(bars, 20), lost("no-window"), appended(bars, 20), lost("no-window")]
    with Scripted(answers) as server, ScoringClient(server.url, timeout=10.0) as client:
        client.append_bars(bars)
        with pytest.raises(RequestRefused, match="409"):
            client.score(**asked)
    assert not server.answers
    answers = [appended(bars, 20), lost("conflicting-bars")]
    with Scripted(answers) as server, ScoringClient(server.url, timeout=10.0) as client:
        client.append_bars(bars)
        with pytest.raises(RequestRefused, match="409"):
            client.append_bars(bars)
