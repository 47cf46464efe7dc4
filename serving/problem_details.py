"""Problem details (RFC 9457): every refusal of the service says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import json
from bisect import bisect
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from tradesieve.market.errors import BadData, BadInput

MEDIA_TYPE = "application/problem+json"

MOST_HEADER_BYTES = 1 << 14
"""Of a request's line and headers."""

_MOST_COMPARED = 100
"""Names that an unknown one is compared with; a request must not keep the others waiting."""

_TITLES = {
    "malformed-json": "The body is not JSON",
    "invalid-value": "A value is not allowed",
    "unknown-name": "A name is not known",
    "too-few-bars": "The window is too short",
    "stale-window": "The window does not reach the decision",
    "unknowable-bars": "The window holds bars from after the decision",
    "off-grid": "A time is not on the timeframe's grid",
    "no-window": "The service has no bars",
    "no-volume": "The bars have no volume",
    "missing-term": "The model needs more to decide",
    "conflicting-bars": "The bars contradict those the service has",
    "too-many": "The key sends too many requests",
    "too-large": "The request is too large",
    "too-slow": "The request came too slowly",
    "malformed-arrow": "The body is not an Arrow stream",
    "malformed-http": "The request is not HTTP",
    "not-found": "There is no such path",
    "wrong-method": "The path does not answer this method",
    "not-a-websocket": "The path answers a WebSocket alone",
    "wrong-type": "The body is not sent as JSON",
    "no-key": "The request has no key",
    "no-right": "The key may not do this",
    "not-local": "The service answers this machine alone",
    "future-bars": "A time has not come yet",
    "no-store": "The service stores nothing",
    "unavailable": "The service cannot answer now",
    "unexpected": "The service failed",
}


class Problem(BadInput):
    """A refused request.

    Parameters
    ----------
    status : the HTTP status, 4xx, or 503 for what passes.
    kind : a key of the table of titles. The response's ``type`` is ``urn:tradesieve:KIND``, for programs to switch on.
    detail : what is wrong, with the value.
    field : where in the request, such as ``bars.close[17]``; None if it is not a single field.
    hint : what to do.
    retry_after : whole seconds after which the request would be answered; None: that is not known.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        field: str | None = None,
        hint: str,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{detail}; {hint}")
        self.retry_after = retry_after
        self.status, self.kind, self.detail, self.field, self.hint = status, kind, detail, field, hint

    def as_dict(self) -> dict[str, Any]:
        """Return the body of the response."""
        return {
            "type": f"urn:tradesieve:{self.kind}",
            "title": _TITLES[self.kind],
            "status": self.status,
            "detail": self.detail,
            "field": self.field,
            "hint": self.hint,
        }


def problem_response(problem: Problem) -> Response:
    """Build the response to a refused request."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    return Response(json.dumps(problem.as_dict()), problem.status, headers, media_type=MEDIA_TYPE)


def problem_of(error: BadInput | BadData) -> Problem:
    """Return an expected error as a problem."""
    if isinstance(error, Problem):
        return error
    return Problem(422, "invalid-value", str(error), hint="correct the request and send it again")


async def refuse_socket(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is accepted."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await WebSocket(scope, receive, send).send_denial_response(problem_response(problem))
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": problem.detail[:100]})


def unexpected_problem() -> Problem:
    """Report that the service failed; the details are in its log only."""
    return Problem(500, "unexpected", "an unexpected error; the request was not answered", hint="see the service's log")


def headers_too_large() -> Problem:
    """Refuse a request with too many or too long headers."""
    detail = f"the headers have more than {MOST_HEADER_BYTES} bytes"
    return Problem(431, "too-large", detail, hint="send all but the key and the type of the body in the body")


def unknown_name(field: str, name: str, known: Iterable[str]) -> Problem:
    """Refuse an unknown name, and suggest the nearest one."""
    names = sorted(known)
    # Comparing ten thousand names takes a second; those beside it in the alphabet begin alike.
    place = bisect(names, name)
    beside = names if len(names) <= _MOST_COMPARED else names[max(0, place - _MOST_COMPARED // 2) :][:_MOST_COMPARED]
    near = difflib.get_close_matches(name, beside, n=1, cutoff=0.3)
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    hint = f"did you mean {near[0]!r}?" if near else f"known: {listed}"
    return Problem(404, "unknown-name", f"the model was not trained on {field} {name!r}", field=field, hint=hint)


def invalid_value(error: ValidationError) -> Problem:
    """Turn the first error of pydantic into a problem."""
    errors = error.errors(include_url=False, include_context=False)
    first = errors[0]
    place = field_of(first["loc"])
    message = first["msg"][:1].lower() + first["msg"][1:]
    more = f" ({len(errors) - 1} more values are not allowed)" if len(errors) > 1 else ""
    hint = {
        "missing": "add it",
        "extra_forbidden": "leave it out; see GET / for what is read",
    }.get(first["type"], "correct the value and send the request again")
    given = "" if first["type"] == "missing" else f", got {short_repr(first['input'])}"
    detail = f"{place or 'the body'}: {message}{given}{more}"
    return Problem(422, "invalid-value", detail, field=place or None, hint=hint)


def field_of(location: tuple[int | str, ...]) -> str:
    """Write a location in the request as in code, such as ``bars[17].close``."""
    written = ""
    for position, part in enumerate(location):
        if position == {"bars": 1, "others": 2}.get(str(location[0])) and part in ("columns", "rows"):
            continue  # the form of the bars, not a key
        # A key of the request may be any text, of any length.
        written += f"[{part}]" if isinstance(part, int) else f"{'.' if written else ''}{part[:60]}"
    return written


def short_repr(value: object) -> str:
    """Show a value of a request, whatever its size."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
