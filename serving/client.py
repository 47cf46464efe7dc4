"""HTTP clients of the scoring service. A bot sends bars, never factors, so that it cannot drift from research.

A call ends at its deadline, with an answer or without. What is transient is tried again until then: every request is
idempotent. Bars that the service has lost are sent again. Every call is written once, in `serving.client_calls`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar

from tradesieve.serving.client_calls import OUTCOME as OUTCOME
from tradesieve.serving.client_calls import Call, Calls, FallbackPolicy
from tradesieve.serving.client_calls import RequestRefused as RequestRefused
from tradesieve.serving.deadlines import ERRORS, Answer, Ask, AsyncDeadlinePool, DeadlinePool

_KEEP_ALIVE_SECONDS = 60.0
"""Shorter than the service keeps it open, so that the client is the one to close."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Transport(Protocol):
    """What carries the requests of a `ScoringClient`."""

    def request(self, ask: Ask) -> Answer:
        """Send a request, and return its answer by the deadline, or raise one of `serving.deadlines.ERRORS`."""

    def close(self) -> None:
        """Release what it holds."""


def _blocking(
    call: Callable[Concatenate[Calls, Given], Call[Result]],
) -> Callable[Concatenate[ScoringClient, Given], Result]:
    @functools.wraps(call)
    def method(self: ScoringClient, *given: Given.args, **named: Given.kwargs) -> Result:
        return self._run(call(self._calls, *given, **named))

    return method


def _awaited(
    call: Callable[Concatenate[Calls, Given], Call[Result]],
) -> Callable[Concatenate[AsyncScoringClient, Given], Coroutine[Any, Any, Result]]:
    @functools.wraps(call)
    async def method(self: AsyncScoringClient, *given: Given.args, **named: Given.kwargs) -> Result:
        return await self._run(call(self._calls, *given, **named))

    return method


class ScoringClient:
    """Client of a scoring service, over one connection that is kept open. Thread-safe.

    It keeps the bars that it appended, as many as a decision needs, and sends them again when the service lacks them.

    Parameters
    ----------
    url : such as ``http://127.0.0.1:3000``.
    timeout : seconds that a call may take, further attempts included; a late decision is worth nothing.
    key : of the service, where it has keys; None: that of the environment variable ``TRADESIEVE_KEY``, if any.
    fallback : what `score` does when the service cannot be reached by then: ``refuse`` the trade, ``pass`` it as if
        there were no filter, or ``raise``. A decision that the client made itself is a `responses.Fallback`.
    transport : None: HTTP.

    Examples
    --------
    >>> with ScoringClient("http://127.0.0.1:3000") as client:  # doctest: +SKIP
    ...     client.score(
    ...         strategy="breakout(lookback=20)", symbol="BTC-USD", timeframe="5m", side=1,
    ...         decision_time=int(bars.close_time[-1]), bars=bars,
    ...     ).accept
    """

    def __init__(
        self,
        url: str,
        timeout: float = 2.0,
        *,
        key: str | None = None,
        fallback: FallbackPolicy = "refuse",
        transport: Transport | None = None,
    ) -> None:
        self._calls = Calls(url, timeout, key, fallback)
        self._transport = DeadlinePool(keep_alive=_KEEP_ALIVE_SECONDS) if transport is None else transport

    score = _blocking(Calls.score)
    append_bars = _blocking(Calls.append_bars)
    report_outcomes = _blocking(Calls.report_outcomes)
    model = _blocking(Calls.model)
    requirements = _blocking(Calls.requirements)
    wait_ready = _blocking(Calls.wait_ready)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, call: Call[Result]) -> Result:
        try:
            step = next(call)
            while True:
                if not isinstance(step, Ask):
                    time.sleep(step.seconds)
                    step = next(call)
                    continue
                try:
                    answer = self._transport.request(step)
                except ERRORS as error:
                    step = call.throw(error)
                else:
                    step = call.send(answer)
        except StopIteration as done:
            return done.value


class AsyncScoringClient:
    """The same client for asyncio: the same calls, to be awaited, on one event loop. Cancelling a call ends it.

    Parameters
    ----------
    url, timeout, key, fallback : as `ScoringClient`.

    Examples
    --------
    >>> async with AsyncScoringClient("http://127.0.0.1:3000") as client:  # doctest: +SKIP
    ...     (await client.score(strategy="breakout(lookback=20)", ...)).accept
    """

    def __init__(
        self, url: str, timeout: float = 2.0, *, key: str | None = None, fallback: FallbackPolicy = "refuse"
    ) -> None:
        self._calls = Calls(url, timeout, key, fallback)
        self._transport = AsyncDeadlinePool(keep_alive=_KEEP_ALIVE_SECONDS)

    score = _awaited(Calls.score)
    append_bars = _awaited(Calls.append_bars)
    report_outcomes = _awaited(Calls.report_outcomes)
    model = _awaited(Calls.model)
    requirements = _awaited(Calls.requirements)
    wait_ready = _awaited(Calls.wait_ready)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, call: Call[Result]) -> Result:
        import asyncio  # a client that blocks is imported in fewer milliseconds without it

        try:
            step = next(call)
            while True:
                if not isinstance(step, Ask):
                    await asyncio.sleep(step.seconds)
                    step = next(call)
                    continue
                try:
                    answer = await self._transport.request(step)
                except ERRORS as error:
                    step = call.throw(error)
                else:
                    step = call.send(answer)
        except StopIteration as done:
            return done.value
