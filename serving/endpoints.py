"""The addresses of the service: one Starlette application, mounted in the BentoML service."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tradesieve.market.errors import BadData, BadInput
from tradesieve.serving.champion import Champion
from tradesieve.serving.metrics import MEDIA_TYPE as METRICS_MEDIA_TYPE
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.problem_details import MEDIA_TYPE, Problem, shortened, unexpected_problem
from tradesieve.serving.schemas import AppendRequest, ScoreRequest, parse_request
from tradesieve.serving.scoring import Scorer

_BASE_BYTES, _BAR_BYTES = 1 << 18, 512
"""A request may be as large as four times its windows written wastefully, beside thousands of results."""

_ADDRESSES = {
    "/score": "POST {strategy, symbol, timeframe, side, decision_time, bars or null, and what GET /model says that the "
    "model needs: stop, target, agreeing, results, others}: accept the trade, at which size?",
    "/bars": "POST {symbol, timeframe, bars, replace}: append closed bars to the service's own window",
    "/model": "GET the manifest of the model that answers, its fingerprint, and what a decision needs by timeframe",
    "/livez": "GET whether the process lives",
    "/readyz": "GET whether it answers",
    "/metrics": "GET counters for Prometheus",
}
_METHODS = {"/score": "POST", "/bars": "POST"}
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

logger = logging.getLogger("tradesieve.serving")

Endpoint = Callable[[Request], Awaitable[Response]]


def build_application(champion: Champion, metrics: Metrics) -> Starlette:
    """Make the application that answers for a champion."""

    def refuse(request: Request, error: Exception) -> Response:
        problem = _problem_of(error, request)
        headers = {"Allow": _METHODS.get(request.url.path, "GET")} if problem.status == 405 else None
        return Response(json.dumps(problem.as_dict()), problem.status, headers=headers, media_type=MEDIA_TYPE)

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                response = await endpoint(request)
            except Exception as error:  # the last resort too is an answer: nothing passes to the server's bare 500
                response = refuse(request, error)
            path = request.url.path
            metrics.answered(path if path in _ADDRESSES else "other", response.status_code)
            return response

        return answer

    async def score(request: Request) -> Response:
        with metrics.timed():
            # One scorer from here on: a swap in the middle of a request does not mix two models.
            scorer = champion.scorer
            asked = parse_request(ScoreRequest, await _body(request, scorer))
            # A decision takes less time than handing it to a thread would, therefore it is made here.
            decision = scorer.score(asked)
            metrics.decided(decision.accept)
            return Response(decision.model_dump_json(), media_type="application/json")

    async def bars(request: Request) -> Response:
        scorer = champion.scorer
        asked = parse_request(AppendRequest, await _body(request, scorer))
        return Response(scorer.append(asked).model_dump_json(), media_type="application/json")

    async def model(request: Request) -> Response:
        scorer = champion.scorer
        artifact = scorer.artifact
        content = {
            **artifact.manifest,
            "fingerprint": artifact.fingerprint,
            "lookback": scorer.lookback,
            "needs": {timeframe: needed.model_dump() for timeframe, needed in scorer.needs.items()},
        }
        return Response(json.dumps(content, indent=1), media_type="application/json")

    async def counts(request: Request) -> Response:
        text = metrics.text(
            fingerprint=champion.scorer.artifact.fingerprint,
            n_swaps=champion.n_swaps,
            n_refused_artifacts=champion.n_refused,
        )
        return Response(text, headers={"Content-Type": METRICS_MEDIA_TYPE})

    async def index(request: Request) -> Response:
        return Response(json.dumps(_ADDRESSES, indent=1), media_type="application/json")

    async def elsewhere(request: Request) -> Response:
        raise HTTPException(405 if request.url.path in _ADDRESSES else 404)

    async def failed(request: Request, error: Exception) -> Response:
        return refuse(request, error)

    routes = [
        Route("/score", guarded(score), methods=["POST"]),
        Route("/bars", guarded(bars), methods=["POST"]),
        Route("/model", guarded(model), methods=["GET"]),
        Route("/metrics", guarded(counts), methods=["GET"]),
        Route("/", guarded(index), methods=["GET"]),
        # The last, so that no other address reaches BentoML's pages, which load scripts from the internet.
        Route("/{path:path}", guarded(elsewhere), methods=_EVERY_METHOD),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: failed})


def _problem_of(error: Exception, request: Request) -> Problem:
    if isinstance(error, Problem):
        return error
    path = shortened(request.url.path)
    if isinstance(error, HTTPException) and error.status_code == 405:
        detail = f"{path} does not answer {request.method[:20]}"
        return Problem(405, "wrong-method", detail, hint=_ADDRESSES.get(request.url.path, "see GET /"))
    if isinstance(error, HTTPException):
        return Problem(404, "not-found", f"there is no {path}", hint=f"there are {', '.join(_ADDRESSES)}")
    if isinstance(error, ClientDisconnect):
        return Problem(400, "malformed-json", "the request ended before its body did", hint="send it again")
    if isinstance(error, BadInput | BadData):
        return Problem(422, "invalid-value", str(error), hint="correct the request and send it again")
    logger.error("%s %s failed", request.method, path, exc_info=error)
    return unexpected_problem()


async def _body(request: Request, scorer: Scorer) -> bytes:
    limit = _BASE_BYTES + _BAR_BYTES * 4 * scorer.most_bars
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
