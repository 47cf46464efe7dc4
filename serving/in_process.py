"""The client without a server: it scores an artifact's folder in the process that asks.

The requests take the way of a service's, through the same application, so that answers are the same, bit for bit, and
so are refusals. This needs what the service needs; a bot in another project installs the client alone and asks a
service.
"""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tradesieve.models.artifact.signatures import Keys
from tradesieve.serving.champion import Champion
from tradesieve.serving.client import ScoringClient
from tradesieve.serving.client_calls import FallbackPolicy
from tradesieve.serving.deadlines import Answer, Ask
from tradesieve.serving.decision_log import open_log, read_log_settings
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.guards import read_clock, read_policies
from tradesieve.serving.metrics import Metrics

_URL = "http://127.0.0.1"


class InProcessClient(ScoringClient):
    """A `ScoringClient` that is its own service, of one artifact that stays. Thread-safe.

    Guards, clock and the store of decisions follow the environment as a service's do (``TRADESIEVE_GUARDS``,
    ``TRADESIEVE_CLOCK``, ``TRADESIEVE_DECISIONS``). A decision that is computed is not cut off at the deadline.

    Parameters
    ----------
    artifact_folder : of a released artifact.
    keys : whose signatures count; None: those of this installation.
    timeout, fallback : as `ScoringClient`.

    Raises
    ------
    BadInput, Refused : if the artifact cannot be loaded or verified, or was not released.
    """

    def __init__(
        self,
        artifact_folder: str | Path,
        timeout: float = 2.0,
        *,
        keys: Keys | None = None,
        fallback: FallbackPolicy = "refuse",
    ) -> None:
        super().__init__(_URL, timeout, key="", fallback=fallback, transport=_Application(Path(artifact_folder), keys))


class _Application:
    """Carries requests to the service's application, one at a time."""

    def __init__(self, artifact_folder: Path, keys: Keys | None) -> None:
        metrics = Metrics()
        self._champion = Champion(metrics)
        self._champion.hold(
            artifact_folder,
            read_policies(os.environ),
            keys=keys,
            log=open_log(read_log_settings(os.environ)),
            clock=read_clock(os.environ),
        )
        self._application = build_application(self._champion, metrics)
        self._runner, self._turn = asyncio.Runner(), threading.Lock()

    def request(self, ask: Ask) -> Answer:
        with self._turn:
            return self._runner.run(self._answer(ask))

    def close(self) -> None:
        with self._turn:
            self._champion.stop()
            self._runner.close()

    async def _answer(self, ask: Ask) -> Answer:
        path = urlsplit(ask.url).path
        if path == "/readyz":  # BentoML's own; what was loaded is ready
            return Answer(200, b"")
        headers = {"Host": "127.0.0.1", **ask.headers}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": ask.method,
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 80),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": ask.content or b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        status = next(message["status"] for message in sent if message["type"] == "http.response.start")
        return Answer(status, b"".join(message.get("body", b"") for message in sent))
