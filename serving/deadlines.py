"""Deadlines of HTTP calls: a connection pool whose calls end at a given time, however slowly a server answers.

The timeouts of HTTP libraries bound each read, so that a server which sends a byte now and then holds a call for ever.
Looking up the address of a name is not bounded: the operating system has a limit of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any, NamedTuple

import httpcore

_end: ContextVar[float] = ContextVar("end")
"""When the current call has to end, by `time.monotonic`."""


class Ask(NamedTuple):
    """A request, and when its answer has to be there, by `time.monotonic`."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    end: float


class Wait(NamedTuple):
    """A pause."""

    seconds: float


class Answer(NamedTuple):
    """A whole response."""

    status: int
    content: bytes


class DeadlinePool:
    """A pool of HTTP connections that are kept open. Thread-safe. Proxies of the environment are not used.

    Parameters
    ----------
    keep_alive : seconds that an idle connection is kept.
    """

    def __init__(self, *, keep_alive: float) -> None:
        self._pool = httpcore.ConnectionPool(keepalive_expiry=keep_alive, network_backend=_Backend())

    def request(self, ask: Ask) -> Answer:
        """Send a request and read the whole response.

        Raises
        ------
        httpcore.TimeoutException : at its deadline.
        httpcore.NetworkError, httpcore.ProtocolError : if the connection fails.
        """
        given = _end.set(ask.end)
        try:
            timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _left(httpcore.ConnectTimeout))
            response = self._pool.request(
                ask.method,
                ask.url,
                headers=[*ask.headers.items()],
                content=ask.content,
                extensions={"timeout": timeouts},
            )
            return Answer(response.status, response.content)
        finally:
            _end.reset(given)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class AsyncDeadlinePool:
    """The same for one asyncio event loop, which cancels what is late.

    Parameters
    ----------
    keep_alive : seconds that an idle connection is kept.
    """

    def __init__(self, *, keep_alive: float) -> None:
        self._pool = httpcore.AsyncConnectionPool(keepalive_expiry=keep_alive)

    async def request(self, ask: Ask) -> Answer:
        """Send a request and read the whole response; raises as `DeadlinePool.request`."""
        import asyncio  # a client that blocks is imported in fewer milliseconds without it

        try:
            async with asyncio.timeout(ask.end - time.monotonic()):
                response = await self._pool.request(
                    ask.method, ask.url, headers=[*ask.headers.items()], content=ask.content
                )
        except TimeoutError:
            raise httpcore.ReadTimeout("the deadline has passed") from None
        return Answer(response.status, response.content)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


def _left(error: type[httpcore.TimeoutException]) -> float:
    left = _end.get() - time.monotonic()
    if left <= 0:
        raise error("the deadline has passed")
    return left


class _Backend(httpcore.NetworkBackend):
    """The usual network, with streams that keep the deadline."""

    def __init__(self) -> None:
        self._usual = httpcore.SyncBackend()

    def connect_tcp(self, *given: Any, **named: Any) -> httpcore.NetworkStream:
        return _Stream(self._usual.connect_tcp(*given, **named))

    def connect_unix_socket(self, *given: Any, **named: Any) -> httpcore.NetworkStream:
        return _Stream(self._usual.connect_unix_socket(*given, **named))

    def sleep(self, seconds: float) -> None:
        self._usual.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


ERRORS: tuple[type[Exception], ...] = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
"""What the pools raise."""
