"""The OpenAPI document is true: requests and answers are what it says, under the version and without it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema
import pytest

from tests.serving.wrong_requests import mutated
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.serving.champion import Champion
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.openapi import openapi_document
from tradesieve.serving.problem_details import Problem
from tradesieve.serving.schemas import ScoreRequest, validate
from tradesieve.serving.scoring import Scorer


class Loaded(Champion):
    """A champion that never starts to watch."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(Metrics())
        self._scorer = Scorer(artifact)


@pytest.fixture(scope="module")
def send(artifact: Artifact) -> Callable[..., list[httpx.Response]]:
    """A function that sends requests to the application, one after another."""
    application = build_application(Loaded(artifact), Metrics())

    def run(*requests: tuple) -> list[httpx.Response]:
        async def all_of_them() -> list[httpx.Response]:
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                kind = {"Content-Type": "application/json"}
                return [
                    await client.request(
                        method, path, content=json.dumps(body), headers=headers[0] if headers else kind
                    )
                    for method, path, body, *headers in requests
                ]

        return asyncio.run(all_of_them())

    return run


def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema | {"components": openapi_document()["components"]})


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    document = openapi_document()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(document)
    for name in {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in document["components"]["schemas"]


def test_the_service_gives_the_document_and_answers_all_its_paths(send: Callable[..., list[httpx.Response]]) -> None:
    (given,) = send(("GET", "/openapi.json", None))
    assert given.json() == openapi_document()
    for path, operations in given.json()["paths"].items():
        if path in ("/livez", "/readyz", "/v1/stream"):
            continue  # BentoML's own, which the tests of the running service ask; and a WebSocket
        for method in operations:
            (response,) = send((method.upper(), path, {} if method == "post" else None))
            assert response.status_code in (200, 422), path
            assert str(response.status_code) in operations[method]["responses"]


def test_the_version_and_its_alias_are_one(
    send: Callable[..., list[httpx.Response]], make_request: Callable[..., dict]
) -> None:
    old, new = send(("POST", "/score", make_request()), ("POST", "/v1/score", make_request()))
    assert old.status_code == 200
    assert old.json() == new.json()
    assert send(("GET", "/v1/metrics", None))[0].status_code == 404
    wrong = send(("GET", "/v1/score", None))[0]
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_answers_are_as_documented_and_what_is_answered_was_allowed(
    send: Callable[..., list[httpx.Response]], make_request: Callable[..., dict]
) -> None:
    document, chance = openapi_document(), random.Random(7)
    score = make_request()
    append = {"symbol": "ETH-USD", "timeframe": "5m", "bars": score["bars"], "replace": True}
    asked = [
        ("POST", path, mutated(body, chance) if number % 10 else body)
        for path, body in (("/v1/score", score), ("/v1/bars", append))
        for number in range(150)
    ]
    seen = set()
    for (_, path, body), response in zip(asked, send(*asked), strict=True):
        operation = document["paths"][path]["post"]
        answer = operation["responses"][str(response.status_code)]["content"]
        kind = response.headers["content-type"]
        validator(answer[kind]["schema"]).validate(response.json())
        allowed = validator(operation["requestBody"]["content"]["application/json"]["schema"]).is_valid(body)
        assert allowed or response.status_code != 200, body
        seen.add((response.status_code, allowed))
    assert {(200, True), (422, False), (404, True)} <= seen


def test_what_a_path_does_not_answer_is_said_whatever_the_type_of_the_body(
    send: Callable[..., list[httpx.Response]],
) -> None:
    plain = {"Content-Type": "text/plain"}
    posted, stream, wrong = send(
        ("POST", "/v1/model", None, plain), ("GET", "/v1/stream", None), ("POST", "/v1/stream", None, plain)
    )
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET")
    assert (stream.status_code, stream.headers["upgrade"], stream.json()["type"]) == (
        426,
        "websocket",
        "urn:tradesieve:not-a-websocket",
    )
    assert wrong.status_code == 405


def test_the_document_allows_the_times_that_are_read(make_request: Callable[..., dict]) -> None:
    schema = validator({"$ref": "#/components/schemas/ScoreRequest"})
    for time, read in (
        ("2026-01-31T14:05:00Z", True), ("2026-01-31 14:05+01:00", True), ("2026-01-31T14:05:00.123456789Z", True),
        ("", False), ("2026-01-31", False), ("2026-01-31T14:05:00", False), ("0", False), (5, True), (-1, False),
    ):  # fmt: skip
        request = make_request(decision_time=time)
        assert schema.is_valid(request) == read, time
        with contextlib.nullcontext() if read else pytest.raises(Problem):
            validate(ScoreRequest, request)
