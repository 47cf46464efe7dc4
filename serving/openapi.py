"""The OpenAPI document of the service, made of the schemas that requests are checked against."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from tradesieve.serving.arrow_bodies import MEDIA_TYPE as ARROW
from tradesieve.serving.paths import ARROW_PATHS, METHODS, OPEN_PATHS, PATHS, VERSION, VERSIONED
from tradesieve.serving.problem_details import MEDIA_TYPE
from tradesieve.serving.responses import Appended, Batch, Decision, Recorded
from tradesieve.serving.schemas import AppendRequest, BatchRequest, OutcomesRequest, ScoreRequest

_EXCHANGED: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "/score": (ScoreRequest, Decision),
    "/score/batch": (BatchRequest, Batch),
    "/bars": (AppendRequest, Appended),
    "/outcomes": (OutcomesRequest, Recorded),
}
_REFUSALS = {
    400: "The body is not JSON, or no Arrow stream, or ends too early.",
    401: "The service has keys, and the request has none of them.",
    403: "The key has another role; or the service has no keys, and the request comes from another machine or a page.",
    404: "The model was not trained on a name.",
    408: "The body took too long to arrive.",
    409: "The service's own windows do not fit the request, or it stores nothing.",
    413: "The body is too large.",
    415: "The body is sent as another type.",
    422: "A value is not allowed.",
    426: "The request is no WebSocket.",
    429: "The key sends more requests than the service is set to answer.",
    431: "The headers are too large.",
    503: "The service's windows or stored decisions cannot be read or written now.",
}
_ARROW = (
    "An Arrow IPC stream with the columns of the bars, close_time int64 or timestamp[ns], the others float64; the rest "
    "of the request is JSON in the metadata of its schema, under tradesieve."
)
_OF_ALL = (401, 403, 429, 431)
_PROBLEM = {
    "type": "object",
    "description": "Problem details, RFC 9457.",
    "required": ["type", "title", "status", "detail", "field", "hint"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:tradesieve:[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, with the value."},
        "field": {"type": ["string", "null"], "description": "Where in the request, such as bars.close[17]."},
        "hint": {"type": "string", "description": "What to do."},
    },
}


@cache
def openapi_document(*, with_keys: bool = False) -> dict[str, Any]:
    """Return the document, OpenAPI 3.1, as plain JSON values.

    Parameters
    ----------
    with_keys : whether the service has keys, and answers nobody without one.
    """
    pairs: list[tuple[type[BaseModel], JsonSchemaMode]] = []
    for request, response in _EXCHANGED.values():
        pairs += [(request, "validation"), (response, "serialization")]
    _, schemas = models_json_schema(pairs, ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tradesieve",
            "version": VERSION.removeprefix("/v"),
            "description": "Decides whether a rule's trade should be taken, and how big. Paths without the version are "
            "aliases of those with it.",
        },
        "paths": {f"{VERSION if path in VERSIONED else ''}{path}": _operation(path) for path in PATHS},
        "components": {
            "schemas": {**schemas["$defs"], "Problem": _PROBLEM},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "Where the service has keys."}
            },
        },
        "security": [{"key": []}] if with_keys else [{}, {"key": []}],
    }


def _operation(path: str) -> dict[str, Any]:
    method = METHODS.get(path, "GET").lower()
    operation: dict[str, Any] = {"summary": PATHS[path].rpartition(": ")[2].removeprefix("GET ")}
    if path in OPEN_PATHS:
        operation["security"] = []
    if path in _EXCHANGED:
        request, response = _EXCHANGED[path]
        content = {"application/json": _reference(request.__name__)}
        if path in ARROW_PATHS:
            content[ARROW] = {"schema": {"type": "string", "format": "binary", "description": _ARROW}}
        operation["requestBody"] = {"required": True, "content": content}
        answers = {"200": _answer("The answer.", "application/json", _reference(response.__name__))}
        refusals = tuple(status for status in _REFUSALS if status != 426)
    elif path == "/stream":
        return {
            method: operation | {"responses": {"101": {"description": "A WebSocket."}, **_refused((*_OF_ALL, 426))}}
        }
    elif path in ("/livez", "/readyz"):
        return {method: operation | {"responses": {"200": {"description": "Yes."}, "503": {"description": "Not yet."}}}}
    else:
        kind = "text/plain" if path == "/metrics" else "application/json"
        answers, refusals = {"200": _answer("The answer.", kind, {})}, (*_OF_ALL, 422)
        if method == "post":
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {}}}}
            refusals = (*refusals, 408, 413, 415)
    return {method: operation | {"responses": answers | _refused(refusals)}}


def _refused(statuses: Iterable[int]) -> dict[str, Any]:
    found = {str(status): _answer(_REFUSALS[status], MEDIA_TYPE, _reference("Problem")) for status in statuses}
    if "429" in found:
        described = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
        found["429"]["headers"] = {"Retry-After": described}
    return found


def _reference(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _answer(description: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {kind: content}}
