"""The stream: a WebSocket on which requests and answers are messages, the shortest path to a decision.

A message is the JSON of a request; one with a strategy is a POST /score, every other one a POST /bars. Answers come in
the order of the requests: what the path answers, or problem details, which alone have a ``status``.
"""

from __future__ import annotations

import json
import logging

from starlette.types import Receive, Scope, Send

from tradesieve.market.errors import BadData, BadInput
from tradesieve.serving.access import Access
from tradesieve.serving.champion import Champion
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.problem_details import Problem, problem_of, unexpected_problem
from tradesieve.serving.rate_limits import RateLimit
from tradesieve.serving.schemas import AppendRequest, ScoreRequest, parse_object, validate
from tradesieve.serving.scoring import body_limit

logger = logging.getLogger("tradesieve.serving")


class Stream:
    """ASGI application of the WebSocket."""

    def __init__(self, champion: Champion, metrics: Metrics) -> None:
        self._champion = champion
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer messages until the other side leaves."""
        await receive()  # the wish to connect; `serving.access` has allowed it
        await send({"type": "websocket.accept"})
        access: Access = scope["app"].state.access
        while True:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            sent = (message.get("bytes") or b"") if text is None else text.encode()
            await send({"type": "websocket.send", "text": self._answer(sent, scope, access)})

    def _answer(self, sent: bytes, scope: Scope, access: Access) -> str:
        status = 200
        try:
            answer = self._answered(sent, scope, access)
        except (BadInput, BadData) as error:
            problem = problem_of(error)
            answer, status = json.dumps(problem.as_dict()), problem.status
        except Exception:
            logger.exception("a message of the stream failed")
            problem = unexpected_problem()
            answer, status = json.dumps(problem.as_dict()), problem.status
        self._metrics.requests.labels("/stream", status).inc()
        return answer

    def _answered(self, sent: bytes, scope: Scope, access: Access) -> str:
        rate_limit: RateLimit | None = scope["app"].state.rate_limit
        limited = None if rate_limit is None else rate_limit.refusal(scope)
        if limited is not None:
            raise limited
        scorer = self._champion.scorer
        if len(sent) > (limit := body_limit(scorer)):
            detail, hint = f"the message has more than {limit} bytes", "send no more than a decision needs"
            raise Problem(413, "too-large", detail, hint=hint)
        content = parse_object(sent)
        if "strategy" in content:
            with self._metrics.score_seconds.time():
                decision = scorer.score(validate(ScoreRequest, content))
            self._metrics.decisions.labels("accept" if decision.accept else "refuse").inc()
            return decision.model_dump_json()
        refused = access.may_push(scope)
        if refused is not None:
            raise refused
        return scorer.append(validate(AppendRequest, content)).model_dump_json()
