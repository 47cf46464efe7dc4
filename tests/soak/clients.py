"""Clients of the soak: as cheap as they can be, so that the service has the processors. Run by `test_soak`.

Each keeps one connection and one request on its way. A connection that is lost is opened again, and its request sent
again, as the bot's client does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
import uvloop


class Client(asyncio.Protocol):
    """Asks one question after another, and holds each answer against that of the model that it names."""

    def __init__(self, job: dict[str, Any], number: int, tally: dict[str, Any]) -> None:
        self._questions, self._tally = job["questions"], tally
        self._at = number
        self._asked = time.perf_counter()
        self._received = b""
        self._end = job["end"]
        self.done = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self.lost, self._received = False, b""
        self._transport.write(self._questions[self._at]["request"].encode())

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]):
            return
        now = time.perf_counter()
        self._tally["seconds"].append(now - self._asked)
        self._check(head, body)
        self._received, self._asked = b"", now
        self._at = (self._at + 7) % len(self._questions)
        if time.time() < self._end:
            self._transport.write(self._questions[self._at]["request"].encode())
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True

    def _check(self, head: bytes, body: bytes) -> None:
        question = self._questions[self._at]
        answer = json.loads(body)
        expected = question["answers"].get(answer.get("model"))
        if not head.startswith(b"HTTP/1.1 200") or expected != [answer["score"], answer["size"]]:
            self._tally["wrong"].append(body.decode()[:300])


async def _ask(job: dict[str, Any], number: int, tally: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    client = Client(job, number, tally)
    while not client.done.done():
        try:
            await loop.create_connection(lambda: client, "127.0.0.1", job["port"])
        except OSError:
            await asyncio.sleep(0.005)
            continue
        while not client.lost and not client.done.done():
            await asyncio.sleep(0.005)
        tally["lost"] += client.lost


async def _run(job: dict[str, Any]) -> dict[str, Any]:
    tally: dict[str, Any] = {"seconds": [], "wrong": [], "lost": 0}
    await asyncio.gather(*(_ask(job, number, tally) for number in range(job["n_clients"])))
    seconds = np.array(tally["seconds"])
    p50, p99 = np.percentile(seconds, (50, 99)).tolist()
    return {
        "n": len(seconds), "p50": p50, "p99": p99, "longest": float(seconds.max()), "lost": tally["lost"],
        "n_wrong": len(tally["wrong"]), "wrong": tally["wrong"][:3],
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run(json.loads(sys.stdin.read())))))
