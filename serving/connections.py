"""Connections: what uvicorn leaves open to a client that is slow, dead, or sends half of a request.

uvicorn closes a connection that is idle after an answer, and waits for ever for the rest of a request.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.events import TimerHandle
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tradesieve.market.errors import BadInput
from tradesieve.serving.problem_details import MEDIA_TYPE, MOST_HEADER_BYTES, Problem, headers_too_large

CONNECTIONS_VARIABLE = "TRADESIEVE_CONNECTIONS"


class BoundedConnection(HttpToolsProtocol):
    """A connection whose requests arrive, and whose answers are read, within a time."""

    request_seconds = 10.0
    """From the first byte of a request to its last, and from the connection to the first byte. An endpoint that waits
    for a body answers sooner, see `serving.endpoints`."""
    stall_seconds = 30.0
    """How long an answer may wait for its reader."""
    most_connections = 500
    """Open at once, streams included, in one worker; systems often allow a process 1,024 files."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._arriving: TimerHandle | None = None
        self._stalled: TimerHandle | None = None
        self._header_bytes: int | None = 0  # None: the headers are complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            detail = f"{self.most_connections} connections are open"
            self._refuse(Problem(503, "unavailable", detail, hint="keep fewer connections open, or try again"))
            return
        self._arriving = self.loop.call_later(self.request_seconds, self._expire)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arriving, self._stalled = _cancelled(self._arriving), _cancelled(self._stalled)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._header_bytes is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
                self._refuse(headers_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        if self._arriving is None:
            self._arriving = self.loop.call_later(self.request_seconds, self._expire)

    def on_headers_complete(self) -> None:
        self._header_bytes = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = _cancelled(self._arriving)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        # From here on uvicorn's pings find out whether anybody is there.
        self._arriving = _cancelled(self._arriving)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stalled = _cancelled(self._stalled)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(400, "malformed-http", msg.rstrip("."), hint="send a request of HTTP/1.1"))

    def _expire(self) -> None:
        self._arriving = None
        if self.transport.is_closing():
            return
        if self._header_bytes and (self.cycle is None or self.cycle.response_complete):
            detail = f"the headers were not complete after {self.request_seconds:g} s"
            self._refuse(Problem(408, "too-slow", detail, hint="send the request at once"))
        else:  # nothing came, or the answer before it is still on its way, or went out before the body came
            self.transport.abort()

    def _refuse(self, problem: Problem) -> None:
        content = json.dumps(problem.as_dict()).encode()
        head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[problem.status] + head.encode() + content)
        self.transport.close()


def _cancelled(timer: TimerHandle | None) -> TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None


def read_connections(environment: Mapping[str, str]) -> int:
    """Read how many connections a worker keeps open.

    Raises
    ------
    BadInput : if it is not a whole number from 1 to 100,000.
    """
    text = environment.get(CONNECTIONS_VARIABLE) or str(BoundedConnection.most_connections)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000):
        raise BadInput(f"{CONNECTIONS_VARIABLE} is {text!r}, but must be a whole number from 1 to 100000")
    return int(text)
