"""The client against servers that fail as networks do; against the real one it is tested with the service."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput, TradesieveError, Transient
from tradesieve.serving.client import AsyncScoringClient, RequestRefused, ScoringClient
from tradesieve.serving.responses import Fallback

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
    with ScoringClient(url, timeout=5.0, fallback="raise") as client:
        with pytest.raises(Transient, match=r"cannot be reached.*4 times"):
            client.score(**question(bars_maker("BTC-USD")[400:500]))
        with pytest.raises(Transient, match=r"cannot be reached.*after 0\.2 s"):
            client.wait_ready(0.2)


def blocking(url: str, *, call: str = "model", asked: dict[str, Any] | None = None, **settings: Any) -> Any:
    with ScoringClient(url, **settings) as client:
        return getattr(client, call)(**(asked or {}))


def awaited(url: str, *, call: str = "model", asked: dict[str, Any] | None = None, **settings: Any) -> Any:
    async def ask() -> Any:
        async with AsyncScoringClient(url, **settings) as client:
            return await getattr(client, call)(**(asked or {}))

    return asyncio.run(ask())


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
@pytest.mark.parametrize("ask", [blocking, awaited])
def test_a_server_that_trickles_does_not_hold_a_call_beyond_its_deadline(begun: bytes, ask: Callable[..., Any]) -> None:
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
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(Transient, match=r"Timeout.*1 time"):
            ask(url, timeout=0.5)
        assert thread.is_alive(), "the client gave up, not the server"
        ended.set()


class Scripted(HTTPServer):
    """A server that answers from a list: a status with a body, or None for a connection that is cut."""

    def __init__(self, answers: list[tuple[int, bytes] | None]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers = answers
        self.bodies: list[bytes] = []
        self.request_ids: list[str] = []
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
        self.server.request_ids.append(self.headers["X-Request-ID"])
        answer = self.server.answers.pop(0)
        if answer is None:
            return
        self.send_response(answer[0])
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, *given: object) -> None:
        pass


@pytest.mark.parametrize("ask", [blocking, awaited])
def test_passing_trouble_is_retried_with_the_same_request(
    ask: Callable[..., Any], bars_maker: Callable[..., Bars]
) -> None:
    asked = question(bars_maker("BTC-USD")[400:500])
    with Scripted([None, (503, b"busy"), (200, DECISION)]) as server:
        answer = ask(server.url, call="score", asked=asked, timeout=10.0)
    assert answer.score == 0.6
    assert not isinstance(answer, Fallback)
    assert len(server.bodies) == 3
    assert len(set(server.bodies)) == len(set(server.request_ids)) == 1
    assert server.request_ids[0]


@pytest.mark.parametrize("ask", [blocking, awaited])
@pytest.mark.parametrize(("fallback", "size"), [({}, 0.0), ({"fallback": "refuse"}, 0.0), ({"fallback": "pass"}, 1.0)])
def test_a_service_that_cannot_answer_is_answered_for(
    ask: Callable[..., Any], fallback: dict[str, Any], size: float, bars_maker: Callable[..., Bars]
) -> None:
    asked = question(bars_maker("BTC-USD")[400:500])
    with Scripted([(503, b"busy")] * 4) as server:
        answer = ask(server.url, call="score", asked=asked, timeout=10.0, **fallback)
    assert isinstance(answer, Fallback)
    assert (answer.size, answer.accept, answer.model) == (size, size > 0.0, "")
    assert math.isnan(answer.score)
    (reason,) = answer.reasons
    assert "fallback" in reason
    assert "answers 503, 4 times" in reason


def test_a_fallback_covers_no_refusal_and_is_one_of_three(bars_maker: Callable[..., Bars]) -> None:
    asked = question(bars_maker("BTC-USD")[400:500])
    with Scripted([(422, b"[]")]) as server, pytest.raises(RequestRefused):
        blocking(server.url, call="score", asked=asked, fallback="pass")
    with pytest.raises(BadInput, match="fallback is 'hope', but must be one of refuse, pass, raise"):
        ScoringClient("http://127.0.0.1:1", fallback="hope")  # type: ignore[arg-type]


def test_many_calls_of_one_client_wait_together(bars_maker: Callable[..., Bars]) -> None:
    asked = question(bars_maker("BTC-USD")[400:500])

    async def ask(url: str) -> list[Any]:
        async with AsyncScoringClient(url, timeout=0.6, fallback="raise") as client:
            calls = (client.score(**asked) for _ in range(20))
            return await asyncio.gather(*calls, return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        answers = asyncio.run(ask(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        assert time.monotonic() - began < 5.0, "one deadline, not twenty"
    assert {type(answer) for answer in answers} == {Transient}


def test_what_a_bot_imports_is_light() -> None:
    script = "import sys, tradesieve.serving.client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "numba", "sklearn", "lightgbm", "mlflow", "bentoml", "prefect", "pyarrow", "starlette"}
    assert heavy & set(done.stdout.split()) == set()


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
        ScoringClient(server.url, fallback="raise") as client,
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


def test_the_async_client_sends_lost_bars_again_too(bars_maker: Callable[..., Bars]) -> None:
    bars = bars_maker("BTC-USD")[:60]
    asked = question(bars, bars=None)

    async def ask(url: str) -> Any:
        async with AsyncScoringClient(url, timeout=10.0) as client:
            await client.append_bars(bars)
            return await client.score(**asked)

    with Scripted([appended(bars, 20), lost("no-window"), appended(bars, 20), (200, DECISION)]) as server:
        assert asyncio.run(ask(server.url)).accept
    assert json.loads(server.bodies[2])["replace"] is True


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
