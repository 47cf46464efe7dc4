"""Request ids: a client's own where it is a plain word, a new one otherwise, and in the header of every answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tradesieve.serving.champion import Champion
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.request_ids import HEADER, request_id_of


def test_an_id_is_kept_where_it_is_one() -> None:
    assert request_id_of([(b"x-request-id", b"bot-1:2026.a_b")]) == "bot-1:2026.a_b"
    for wrong in (b"", b"a b", b"a\tb", b"x" * 65, b"caf\xe9", b"{}"):
        made = request_id_of([(b"x-request-id", wrong)])
        assert len(made) == 32
        assert made != request_id_of([])


@pytest.mark.parametrize("path", ["/", "/nowhere", "/metrics"])
def test_every_answer_names_its_request(path: str) -> None:
    transport = httpx.ASGITransport(build_application(Champion(Metrics()), Metrics()))

    async def ask(headers: dict[str, str]) -> str:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get(path, headers=headers)).headers[HEADER]

    assert asyncio.run(ask({HEADER: "mine"})) == "mine"
    assert len(asyncio.run(ask({}))) == 32
