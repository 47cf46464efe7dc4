"""The calls of the client, without a connection: what is sent, what is tried again, how an answer is read.

A call is a generator. It yields what to do next, an `Ask` or a `Wait`, is sent the `Answer`, or thrown what the
connection raised, and returns its result. So clients that block and clients that do not share every line of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from tradesieve.market.errors import BadInput, TradesieveError, Transient
from tradesieve.serving.deadlines import ERRORS, Answer, Ask, Wait
from tradesieve.serving.paths import VERSION
from tradesieve.serving.request_ids import HEADER, new_request_id
from tradesieve.serving.responses import Appended, Decision, Fallback, Recorded, Requirements
from tradesieve.serving.sent_bars import BarTable, Columns, columns_of, followed_by, nanoseconds

Body = TypeVar("Body", Decision, Appended, Recorded)
Result = TypeVar("Result")

Call: TypeAlias = Generator[Ask | Wait, Any, Result]

FallbackPolicy: TypeAlias = Literal["refuse", "pass", "raise"]
"""What `Calls.score` does when the service cannot answer by the deadline."""

KEY_VARIABLE = "TRADESIEVE_KEY"

OUTCOME = (
    "strategy", "symbol", "timeframe", "side", "decision_time", "entry_time", "exit_time", "entry_price", "exit_price",
    "net_return", "size", "exit_reason",
)  # fmt: skip
"""What a report of a closed trade holds, see `serving.schemas.Outcome`."""

_FALLBACKS = ("refuse", "pass", "raise")

_BACKOFF_SECONDS = (0.05, 0.2, 0.8)
"""Waits before each further attempt."""

_TRANSIENT_STATUSES = frozenset({408, 429, 502, 503, 504})

_ANSWERED_BY_BARS = frozenset({"no-window", "too-few-bars", "stale-window"})
"""The kinds of a 409 that the bars of this client can answer."""

_KEPT_BEYOND = 8
"""Bars that are kept beyond those that a decision needs, as the service does."""


class RequestRefused(BadInput):
    """The service refused a request.

    Parameters
    ----------
    status, kind : of its problem details, such as 409 and ``no-window``.
    """

    def __init__(self, text: str, status: int, kind: str) -> None:
        super().__init__(text)
        self.status, self.kind = status, kind


class Calls:
    """The calls of one client, and the bars that it appended. See `serving.client.ScoringClient` for the parameters."""

    def __init__(self, url: str, timeout: float, key: str | None, fallback: FallbackPolicy) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"url is {url!r}, but must begin with http:// or https://")
        if not timeout > 0:
            raise BadInput(f"timeout is {timeout}, but must be above 0 seconds")
        if fallback not in _FALLBACKS:
            raise BadInput(f"fallback is {fallback!r}, but must be one of {', '.join(_FALLBACKS)}")
        self._url, self._timeout, self._fallback = url.rstrip("/"), timeout, fallback
        key = os.environ.get(KEY_VARIABLE) if key is None else key
        if key and not (key.isascii() and key.isprintable()):
            raise BadInput(f"the key ({KEY_VARIABLE}) has characters other than ASCII letters, digits and signs")
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._appended: dict[tuple[str, str], Columns] = {}

    def score(
        self,
        *,
        strategy: str,
        symbol: str,
        timeframe: str,
        side: float,
        decision_time: int | datetime,
        bars: BarTable | Mapping[str, Any] | None = None,
        stop: float | None = None,
        target: float | None = None,
        agreeing: float | None = None,
        results: Sequence[float] | None = None,
        others: Mapping[str, BarTable | Mapping[str, Any] | None] | None = None,
        request_id: str | None = None,
    ) -> Call[Decision]:
        """Request a decision on one trade.

        Parameters
        ----------
        decision_time : the close of the last bar: int64 ns UTC, or a datetime with a zone.
        bars : the last bars up to the decision, at least as many as `requirements` says, in a form that
            `serving.sent_bars.columns_of` reads; None: the service's own window.
        stop, target, agreeing : see `features.decisions.Decisions`; NaN: there is none. None leaves the field out,
            which is enough unless the model requires it; so for the following.
        results : net returns of the instance's own closed trades, oldest first.
        others : the last bars of other symbols, closed by the decision; None, as a whole or for one: the service's own
            window.
        request_id : under which the service logs and stores the decision, the same at each attempt; None: a new one.

        Returns
        -------
        The service's decision; where it cannot be had by the deadline, a `Fallback`, unless the client is to raise.

        Raises
        ------
        RequestRefused : if the service refuses the request, a BadInput that names the field and what to do.
        Transient : if the service cannot be reached by the deadline, and the client's `fallback` is ``raise``.
        """
        end = self._end()
        terms = {"stop": stop, "target": target, "agreeing": agreeing}
        body: dict[str, Any] = {
            "strategy": strategy,
            "symbol": symbol,
            "timeframe": str(timeframe),
            "side": float(side),
            "decision_time": nanoseconds(decision_time),
            "bars": None if bars is None else columns_of(bars),
        }
        # JSON has no NaN: a term that the entry signal does not have is null, a term that is left out is absent.
        body |= {name: None if value != value else float(value) for name, value in terms.items() if value is not None}
        if results is not None:
            body["results"] = [float(result) for result in results]
        if others is not None:
            body["others"] = {name: None if other is None else columns_of(other) for name, other in others.items()}
        try:
            return (yield from self._decision(body, end, request_id or new_request_id()))
        except Transient as failure:
            if self._fallback == "raise":
                raise
            return Fallback.of(self._fallback == "pass", str(failure))

    def report_outcomes(self, outcomes: Sequence[Mapping[str, Any]]) -> Call[Recorded]:
        """Report how trades ended, to be held against what was expected. Idempotent, retried like `score`.

        Parameters
        ----------
        outcomes : the keys of `OUTCOME`, as columns of a table of trades have them; others are left out.

        Raises
        ------
        BadInput, Transient : as `score`, whatever the fallback.
        """
        body = {"outcomes": [{name: each[name] for name in OUTCOME} for each in outcomes]}
        return _parse(Recorded, (yield from self._request("POST", f"{VERSION}/outcomes", body)), self._url)

    def append_bars(
        self,
        bars: BarTable | Mapping[str, Any],
        *,
        symbol: str | None = None,
        timeframe: str | None = None,
        replace: bool = False,
    ) -> Call[Appended]:
        """Append closed bars to the service's own window. It is idempotent, and therefore retried like `score`.

        Parameters
        ----------
        bars : in a form that `serving.sent_bars.columns_of` reads.
        symbol, timeframe : of the bars; None: those that `market.bars.Bars` carry.
        replace : start a new window.

        Raises
        ------
        BadInput, Transient : as `score`, whatever the fallback.
        """
        key = (_told("symbol", symbol, bars), _told("timeframe", timeframe, bars))
        columns = columns_of(bars)
        answer = yield from self._append(*key, columns, replace=replace, end=self._end())
        held = None if replace else self._appended.get(key)
        kept = columns if held is None else followed_by(held, columns)
        self._appended[key] = {name: values[-(answer.needed + _KEPT_BEYOND) :] for name, values in kept.items()}
        return answer

    def model(self) -> Call[dict[str, Any]]:
        """Fetch the manifest of the model that answers, its ``fingerprint``, and what a decision requires by timeframe.

        Returns
        -------
        The manifest's keys; ``lookback`` in bars, ``needs`` as `requirements` reads it.

        Raises
        ------
        BadInput, Transient : as `score`, whatever the fallback.
        """
        return json.loads((yield from self._request("GET", f"{VERSION}/model")).content)

    def requirements(self, timeframe: str) -> Call[Requirements]:
        """Fetch what a decision at a timeframe requires, on any of the model's symbols.

        Raises
        ------
        BadInput, Transient : as `score`, whatever the fallback; BadInput if the model knows no such timeframe.
        """
        found = (yield from self.model())["needs"]
        if timeframe not in found:
            raise BadInput(f"timeframe is {timeframe}, but the model knows {', '.join(found)}")
        return TypeAdapter(Requirements).validate_python(found[timeframe])

    def wait_ready(self, timeout: float) -> Call[None]:
        """Wait until the service is ready.

        Raises
        ------
        Transient : if it is not within `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while True:
            try:
                answer = yield self._ask("GET", "/readyz", None, end=max(end, time.monotonic() + 1.0))
                if answer.status == 200:
                    return
                state = "is not ready"
            except ERRORS as error:
                state = f"cannot be reached ({type(error).__name__})"
            if time.monotonic() > end:
                raise Transient(f"the service at {self._url} {state} after {timeout:g} s")
            yield Wait(0.05)

    def _decision(self, body: dict[str, Any], end: float, request_id: str) -> Call[Decision]:
        def asked() -> Call[Answer]:
            return self._request("POST", f"{VERSION}/score", body, end=end, request_id=request_id)

        try:
            answer = yield from asked()
        except RequestRefused as refused:
            lost = {key: held for key, held in self._appended.items() if key[1] == body["timeframe"]}
            lost = lost or dict(self._appended)  # shorter bars, of which the service builds its windows
            if refused.status != 409 or refused.kind not in _ANSWERED_BY_BARS or not lost:
                raise
            for key, held in lost.items():
                yield from self._append(*key, held, replace=True, end=end)
            answer = yield from asked()
        return _parse(Decision, answer, self._url)

    def _append(self, symbol: str, timeframe: str, bars: Columns, *, replace: bool, end: float) -> Call[Appended]:
        body = {"symbol": symbol, "timeframe": timeframe, "bars": bars, "replace": replace}
        return _parse(Appended, (yield from self._request("POST", f"{VERSION}/bars", body, end=end)), self._url)

    def _end(self) -> float:
        return time.monotonic() + self._timeout

    def _request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        end: float | None = None,
        request_id: str | None = None,
    ) -> Call[Answer]:
        content = None if body is None else _written(body)
        ask = self._ask(method, path, content, end=self._end() if end is None else end, request_id=request_id)
        attempts = 0
        for wait in (*_BACKOFF_SECONDS, None):
            attempts += 1
            try:
                answer = yield ask
                if answer.status not in _TRANSIENT_STATUSES:
                    return _raised(answer, f"{method} {self._url}{path}")
                failure = f"answers {answer.status}"
            except ERRORS as error:
                failure = f"cannot be reached: {type(error).__name__} {error}"
            if wait is None or time.monotonic() + wait >= ask.end:
                break
            yield Wait(wait)
        raise Transient(f"the service at {self._url} {failure}, {attempts} {'time' if attempts == 1 else 'times'}")

    def _ask(self, method: str, path: str, content: bytes | None, *, end: float, request_id: str | None = None) -> Ask:
        headers = self._headers if request_id is None else {**self._headers, HEADER: request_id}
        return Ask(method, f"{self._url}{path}", headers, content, end)


def _told(name: str, value: str | None, bars: object) -> str:
    told = getattr(bars, name, None) if value is None else value
    if told is None:
        raise BadInput(f"the bars do not say their {name}: give it as {name}=...")
    return str(told)


def _written(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except ValueError as error:
        raise BadInput(f"the request holds a number that is not finite ({error}): leave such bars out") from error


def _raised(answer: Answer, request: str) -> Answer:
    if answer.status < 400:
        return answer
    kind = ""
    try:
        problem = json.loads(answer.content)
        text, kind = f"{problem['detail']}; {problem['hint']}", str(problem.get("type")).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        text = answer.content[:200].decode(errors="replace")
    if answer.status >= 500:
        raise TradesieveError(f"{request} failed with {answer.status}: {text}")
    raise RequestRefused(f"{request} is refused with {answer.status}: {text}", answer.status, kind)


def _parse(kind: type[Body], answer: Answer, url: str) -> Body:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise TradesieveError(f"{url} is not a tradesieve service: {error.errors()[0]['msg']}") from error
