"""The HTTP endpoints of the service: one Starlette application, mounted in the BentoML service."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradesieve.market.errors import BadData, BadInput
from tradesieve.serving.access import Access, Guard
from tradesieve.serving.arrow_bodies import MEDIA_TYPE as ARROW
from tradesieve.serving.arrow_bodies import read_arrow
from tradesieve.serving.champion import Champion
from tradesieve.serving.decision_bars import Shared
from tradesieve.serving.decision_log import first_line
from tradesieve.serving.metrics import MEDIA_TYPE as METRICS_MEDIA_TYPE
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.openapi import openapi_document
from tradesieve.serving.paths import METHODS, PATHS, VERSION, plain
from tradesieve.serving.problem_details import Problem, problem_of, problem_response, short_repr, unexpected_problem
from tradesieve.serving.rate_limits import RateLimit
from tradesieve.serving.request_ids import request_id_of, with_request_id
from tradesieve.serving.responses import Batch, BatchAnswer, ProblemBody, Recorded
from tradesieve.serving.schemas import (
    AppendRequest,
    BatchRequest,
    OutcomesRequest,
    ScoreRequest,
    parse_object,
    parse_request,
    validate,
)
from tradesieve.serving.scoring import Scorer, body_limit
from tradesieve.serving.stream import Stream

_BATCH_BYTES = 1 << 23
_TURN = 8
"""Candidates of a batch that are decided before others get their turn: some milliseconds."""

_BODY_SECONDS = 5.0
"""Within which a body has to arrive; BentoML's own deadline is twice that."""

_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

logger = logging.getLogger("tradesieve.serving")


def build_application(champion: Champion, metrics: Metrics) -> Starlette:
    """Build the application that answers with a champion's scorer."""
    application = Starlette(
        routes=[
            *(
                Route(f"{version}{path}", endpoint, methods=[METHODS.get(path, "GET")])
                for version in (VERSION, "")
                for path, endpoint in _ENDPOINTS.items()
            ),
            *(WebSocketRoute(f"{version}/stream", Stream(champion, metrics)) for version in (VERSION, "")),
            *(Route(f"{version}/stream", no_websocket, methods=["GET"]) for version in (VERSION, "")),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
            Route("/metrics", metrics_text, methods=["GET"]),
            Route("/", index, methods=["GET"]),
            # The last, so that no other path reaches BentoML's pages, which load scripts from the internet.
            Route("/{path:path}", no_such_route, methods=_EVERY_METHOD),
        ],
        middleware=[Middleware(CountAndContain, metrics=metrics), Middleware(Guard)],
        exception_handlers=dict.fromkeys((HTTPException, ClientDisconnect, BadInput, BadData), refuse),
    )
    application.state.champion, application.state.metrics, application.state.access = champion, metrics, Access()
    application.state.rate_limit = None
    return application


async def score(request: Request) -> Response:
    """POST /score: decide on one trade."""
    metrics, began = _metrics(request), time.perf_counter_ns()
    with metrics.score_seconds.time():
        # One scorer from here on: a swap in the middle of a request does not mix two models.
        scorer = _scorer(request)
        asked = _read(request, ScoreRequest, await _body(request, scorer))
        decision = scorer.score(asked, request_id=request.scope["request_id"], began=began)
        # A decision takes less time than a hand-over to a thread, so it is made on the event loop.
        metrics.decisions.labels("accept" if decision.accept else "refuse").inc()
        return Response(decision.model_dump_json(), media_type="application/json")


async def append_bars(request: Request) -> Response:
    """POST /bars: append closed bars to the service's own window."""
    scorer = _scorer(request)
    appended = scorer.append(_read(request, AppendRequest, await _body(request, scorer)))
    return Response(appended.model_dump_json(), media_type="application/json")


async def score_batch(request: Request) -> Response:
    """POST /score/batch: decide on several trades, with one model."""
    scorer = _scorer(request)
    batch = parse_request(BatchRequest, await _body(request, scorer, at_most=_BATCH_BYTES))
    _require_rate(request, len(batch.candidates) - 1)  # the request itself is counted
    shared, answers = scorer.shared_bars(batch.shared), []
    for place, candidate in enumerate(batch.candidates, start=1):
        answers.append(_answer_in_batch(scorer, candidate, shared, request))
        if place % _TURN == 0:
            await asyncio.sleep(0)  # others get their turn
    return Response(Batch(answers=answers).model_dump_json(), media_type="application/json")


def _require_rate(request: Request, n_more: int) -> None:
    limit: RateLimit | None = request.app.state.rate_limit
    refused = None if limit is None else limit.refusal(request.scope, n_more)
    if refused is not None:
        raise refused


def _answer_in_batch(scorer: Scorer, candidate: ScoreRequest, shared: Shared, request: Request) -> BatchAnswer:
    metrics = _metrics(request)
    try:
        with metrics.score_seconds.time():
            decision = scorer.score(candidate, shared=shared, request_id=request.scope["request_id"])
    except Problem as problem:
        return BatchAnswer(decision=None, problem=ProblemBody(**problem.as_dict()))
    metrics.decisions.labels("accept" if decision.accept else "refuse").inc()
    return BatchAnswer(decision=decision, problem=None)


async def reload(request: Request) -> Response:
    """POST /admin/reload: look for another model now, also for one that was refused before."""
    await _body(request, _scorer(request))
    champion = _champion(request)
    before = champion.scorer.artifact.fingerprint
    await run_in_threadpool(champion.reload)
    content = {"model": champion.scorer.artifact.fingerprint, "before": before, "refused": champion.refused}
    return Response(json.dumps(content), media_type="application/json")


async def outcomes(request: Request) -> Response:
    """POST /outcomes: store how trades ended."""
    log = _champion(request).log
    asked: OutcomesRequest = parse_request(OutcomesRequest, await _body(request, _scorer(request)))
    if log is None or log.store is None:
        raise Problem(409, "no-store", "the service stores no decisions", hint="set TRADESIEVE_DECISIONS, see the docs")
    rows = [outcome.model_dump() for outcome in asked.outcomes]
    try:
        # Not on the event loop, where decisions are made.
        await asyncio.to_thread(log.store.write_outcomes, rows)
    except Exception as error:  # a database may fail in any way
        logger.error("outcomes cannot be stored: %s", first_line(error))
        raise Problem(503, "unavailable", "the outcomes cannot be stored now", hint="send them again") from error
    return Response(Recorded(stored=len(rows)).model_dump_json(), media_type="application/json")


async def model(request: Request) -> Response:
    """GET /model: the manifest of the artifact that answers, and what a decision needs."""
    scorer = _scorer(request)
    content = {
        **scorer.artifact.manifest,
        "fingerprint": scorer.artifact.fingerprint,
        "lookback": scorer.lookback,
        "needs": {timeframe: required.as_dict() for timeframe, required in scorer.requirements.items()},
        "refused": _champion(request).refused,
    }
    return Response(json.dumps(content, indent=1), media_type="application/json")


async def health(request: Request) -> Response:
    """GET /health: whether the model that should answer does. Whoever asks needs no key, so it gives no reasons."""
    champion = _champion(request)
    content = {"status": "ok", "model": champion.scorer.artifact.fingerprint}
    if champion.refused is not None:
        content |= {
            "status": "degraded",
            "detail": "a new model was refused, the last good one answers: see GET /model",
        }
    return Response(json.dumps(content), media_type="application/json")


async def openapi(request: Request) -> Response:
    """GET /openapi.json: all this for programs."""
    document = openapi_document(with_keys=bool(request.app.state.access.roles))
    return Response(json.dumps(document), media_type="application/json")


async def metrics_text(request: Request) -> Response:
    """GET /metrics: counts for Prometheus."""
    return Response(_metrics(request).text(), headers={"Content-Type": METRICS_MEDIA_TYPE})


async def index(request: Request) -> Response:
    """GET /: what each path answers."""
    return Response(json.dumps(PATHS, indent=1), media_type="application/json")


_ENDPOINTS = {
    "/score": score,
    "/score/batch": score_batch,
    "/bars": append_bars,
    "/outcomes": outcomes,
    "/model": model,
    "/admin/reload": reload,
}


async def no_such_route(request: Request) -> Response:
    """Refuse every other path, and every other method on the paths above."""
    raise HTTPException(405 if plain(request.url.path) in PATHS else 404)


async def no_websocket(request: Request) -> Response:
    """Refuse what asks for the stream and is no WebSocket."""
    hint = "open a WebSocket, or send one request by POST /score"
    raise Problem(426, "not-a-websocket", f"{request.url.path} answers a WebSocket alone", hint=hint)


async def refuse(request: Request, error: Exception) -> Response:
    """Turn an expected error into problem details."""
    path = short_repr(request.url.path)
    match error:
        case Problem():
            problem = error
        case HTTPException(status_code=405):
            detail = f"{path} does not answer {request.method[:20]}"
            problem = Problem(405, "wrong-method", detail, hint=PATHS.get(plain(request.url.path), "see GET /"))
        case HTTPException():
            problem = Problem(404, "not-found", f"there is no path {path}", hint=f"there are {', '.join(PATHS)}")
        case ClientDisconnect():
            problem = Problem(400, "malformed-json", "the request ended before its body did", hint="send it again")
        case BadInput() | BadData():
            problem = problem_of(error)
        case _:
            raise error
    response = problem_response(problem)
    if problem.status == 408:
        response.headers["Connection"] = "close"  # the rest of the body may still come
    if problem.status == 426:
        response.headers["Upgrade"] = "websocket"
    if problem.status == 405:
        response.headers["Allow"] = METHODS.get(plain(request.url.path), "GET")
    return response


class CountAndContain:
    """ASGI middleware that names and counts requests, and answers an unexpected error with problem details."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.requests = metrics.requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, started = plain(scope["path"]), False
        scope["request_id"] = request_id = request_id_of(scope["headers"])

        async def send_counted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self.requests.labels(path if path in PATHS else "other", message["status"]).inc()
                message["headers"] = with_request_id(message.get("headers", ()), request_id)
            await send(message)

        try:
            await self.app(scope, receive, send_counted)
        except Exception:
            if started:
                raise
            logger.exception("%s %s failed, request %s", scope["method"], short_repr(path), request_id)
            await problem_response(unexpected_problem())(scope, receive, send_counted)


def _read(request: Request, kind: type[Any], body: bytes) -> Any:
    """Read a request from JSON or from an Arrow stream, as its header says."""
    if not request.headers.get("content-type", "").startswith(ARROW):
        return parse_request(kind, body)
    text, columns = read_arrow(body)
    content = parse_object(text)
    if content.get("bars") is not None:
        detail, hint = "the request has bars beside those of the stream", "send bars once"
        raise Problem(422, "invalid-value", detail, field="bars", hint=hint)
    # An append needs bars; none take their place while the rest is checked.
    checked = validate(kind, {**content, "bars": []})
    return checked.model_copy(update={"bars": columns})


def _champion(request: Request) -> Champion:
    champion: Champion = request.app.state.champion
    return champion


def _scorer(request: Request) -> Scorer:
    return _champion(request).scorer


def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


async def _body(request: Request, scorer: Scorer, *, at_most: int | None = None) -> bytes:
    limit = at_most or body_limit(scorer)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await _whole_body(request, scorer, limit)
    except TimeoutError:
        raise Problem(
            408,
            "too-slow",
            f"the body was not complete after {_BODY_SECONDS:g} s",
            hint="send the whole request at once",
        ) from None


async def _whole_body(request: Request, scorer: Scorer, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise Problem(
                413,
                "too-large",
                f"the body has more than {limit} bytes",
                hint=f"send no more than a decision needs: bars {scorer.lookback}, for the rest see GET /model",
            )
        chunks.append(chunk)
    return b"".join(chunks)
