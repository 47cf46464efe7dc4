"""A service that answers anything, and fails when it is told to, over real HTTP; and a bot that runs against it."""

from __future__ import annotations

import http.server
import json
import socket
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tradesieve.market.instruments import Instrument
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.responses import Requirements
from tradesieve.strategies.strategy import Strategy
from tradesieve.trading.bot import Bot
from tradesieve.trading.brokers.paper import PaperBroker
from tradesieve.trading.feed import ReplayFeed
from tradesieve.trading.journal import Journal

INSTRUMENT = Instrument("BTC-USD")
LOOKBACK = 5
RuleFactory = Callable[..., Strategy]


def opinion(strategy: str, decision_time: int) -> tuple[float, float]:
    """Give the score and the size of a decision: anything, as long as both sides of a comparison know it."""
    score = zlib.crc32(f"{strategy} {decision_time}".encode()) / 2**32
    return score, float(score > 0.4) * round(score, 3)


class Service(http.server.ThreadingHTTPServer):
    """Answers as the scoring service does, until `fails_after` requests were answered; then it does `failure`."""

    daemon_threads = True

    def __init__(self, fails_after: int = 10**9, failure: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[dict[str, Any]] = []
        self.fails_after, self.failure = fails_after, failure
        self.changes: dict[str, Any] = {}
        """What it answers instead."""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet, or each answer waits 40 ms for the acknowledgement of its head.
    wbufsize = -1
    server: Service

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(question)
        if len(self.server.asked) > self.server.fails_after:
            self.fail(self.server.failure)
            return
        score, size = opinion(question["strategy"], question["decision_time"])
        answer = {"accept": size > 0, "size": size, "score": score, "threshold": 0.4, "model": "m" * 16, "reasons": []}
        self.send(200, json.dumps(answer | self.server.changes).encode())

    def fail(self, failure: str) -> None:
        detail = {"status": 0, "title": "t", "detail": "the detail", "hint": "the hint"}
        if failure == "unknown":
            detail["type"], failure = "urn:tradesieve:unknown-name", "422"
        problem = json.dumps(detail).encode()
        if failure == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif failure == "nonsense":
            self.send(200, b"<html>hello</html>")
        elif failure == "no score":
            self.send(200, b'{"accept": true, "size": 1.0}')
        else:
            self.send(int(failure), problem)

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def run(
    strategies: list[Strategy],
    feed: ReplayFeed,
    url: str,
    path: Path,
    *,
    requirements: Requirements = Requirements(bars=LOOKBACK),  # noqa: B008  frozen
    others: dict[str, ReplayFeed] | None = None,
) -> tuple[Bot, pd.DataFrame | None, Exception | None]:
    """Run a bot to its end; give the trades, or the error that ended it."""
    brokers = [PaperBroker(strategy, INSTRUMENT, "15m") for strategy in strategies]
    with ScoringClient(url, timeout=5.0, fallback="raise") as client, Journal(path) as journal:
        bot = Bot(brokers, client=client, journal=journal, requirements=requirements, others=others)
        try:
            return bot, bot.run(feed), None
        except Exception as error:
            return bot, None, error
