"""The BentoML service.

It serves the artifact that ``--arg artifact=FOLDER`` names, else the environment variable ``TRADESIEVE_ARTIFACT``, else
the folder ``artifact`` beside the package, as in a Bento. Its signer has to be among the keys in the folder that
``--arg keys=FOLDER`` names, else among those of this installation, or of a Bento, in the folder ``keys`` beside it.

Two workers answer alike, so that one that dies keeps nobody waiting; ``TRADESIEVE_WORKERS`` is another number of them.
What they share is kept in the folder that ``TRADESIEVE_SERVICE_STATE`` names, else in one per port under
``BENTOML_HOME``. Decisions are stored, see `serving.decision_log`.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

import bentoml
import click
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.exceptions import BentoMLException
from starlette.types import Receive, Scope, Send
from uvicorn.config import HTTP_PROTOCOLS, Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tradesieve.market.errors import BadInput, TradesieveError
from tradesieve.models.artifact.signatures import Keys, installation_keys
from tradesieve.serving.access import read_access, require_keys
from tradesieve.serving.challengers import read_challengers
from tradesieve.serving.champion import Champion, load_or_last_good
from tradesieve.serving.connections import BoundedConnection, read_connections
from tradesieve.serving.decision_log import open_log, read_log_settings
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.guards import read_clock, read_policies
from tradesieve.serving.last_good import LastGood
from tradesieve.serving.metrics import Metrics
from tradesieve.serving.rate_limits import read_rate_limit
from tradesieve.serving.workers import STATE_VARIABLE, read_workers

ARTIFACT_VARIABLE = "TRADESIEVE_ARTIFACT"
BESIDE = Path(__file__).parents[2]
"""The folder that holds the package, and in a Bento its artifact."""

metrics = Metrics()
champion = Champion(metrics)
application = build_application(champion, metrics)

_BENTOML_PATHS = frozenset({"/livez", "/healthz", "/readyz"})


@functools.cache
def _past_bentoml(config: Config) -> Any:
    """Return the application as uvicorn would call it, without BentoML's layers around it.

    They make a timer, two tasks, a context and a decision about tracing for each request, which takes as long as the
    request itself. BentoML answers whether it is alive and ready, and starts and stops the service.
    """
    whole: Any = config.loaded_app
    # Any: uvicorn and Starlette write the types of ASGI differently.
    direct: Any = ProxyHeadersMiddleware(application, trusted_hosts=config.forwarded_allow_ips)  # type: ignore[arg-type]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (whole if scope["path"] in _BENTOML_PATHS else direct)(scope, receive, send)

    return answer


class Connection(BoundedConnection):
    """A connection of the service."""

    def __init__(self, config: Config, *given: Any, **named: Any) -> None:
        super().__init__(config, *given, **named)
        self.app = _past_bentoml(config)


# BentoML's worker lets uvicorn choose.
HTTP_PROTOCOLS["auto"] = Connection  # type: ignore[assignment]


def artifact_pointer() -> Path:
    """Return the path of the artifact; a symbolic link is not resolved, because it may be turned later."""
    given = _given()
    return Path(given) if given else BESIDE / "artifact"


def signing_keys() -> Keys:
    """Return the keys whose signatures count."""
    folder = getattr(bentoml.use_arguments(), "keys", None)
    if folder:
        return Keys(Path(folder))
    return installation_keys() if _given() else Keys(BESIDE / "keys")


def _given() -> str | None:
    return getattr(bentoml.use_arguments(), "artifact", None) or os.environ.get(ARTIFACT_VARIABLE)


def state_folder(port: int) -> Path:
    """Return the folder of what the workers of the service on a port share, and its next start finds."""
    given = os.environ.get(STATE_VARIABLE)
    return Path(given) if given else Path(BentoMLContainer.bentoml_home.get()) / "tradesieve" / str(port)


try:
    _n_workers = read_workers(os.environ)
except BadInput:
    _n_workers = 1  # `refuse_unverified` refuses to start


@bentoml.asgi_app(application, path="/")
@bentoml.service(
    name="tradesieve",
    # BentoML's own default is every address.
    http={"host": "127.0.0.1"},
    workers=_n_workers,
    # Of connections of the stream, and of whether it lives; every other request goes past BentoML, see `Connection`.
    traffic={"timeout": 10},
    # BentoML's own metrics write to disk with every request and keep a series for every path that was ever requested:
    # /metrics is ours, see serving.metrics.
    metrics={"enabled": False},
    # An access log and tracing cost more than the rest of a request.
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
class TradesieveService:
    """Decides whether a rule's trade should be taken."""

    def __init__(self) -> None:
        # The thread that stores decisions gives way to a request after half a millisecond; Python's own 5 ms are long.
        sys.setswitchinterval(0.0005)
        application.state.access = read_access(os.environ)
        BoundedConnection.most_connections = read_connections(os.environ)
        application.state.rate_limit = read_rate_limit(os.environ)
        state = os.environ.get(STATE_VARIABLE)
        champion.start(
            artifact_pointer(),
            read_policies(os.environ),
            keys=signing_keys(),
            state=Path(state) if state else None,
            log=open_log(
                read_log_settings(os.environ),
                observe=metrics.observe,
                shadow=read_challengers(os.environ, signing_keys()),
            ),
            clock=read_clock(os.environ),
        )

    @bentoml.on_deployment
    @staticmethod
    def refuse_unverified() -> None:
        """Check keys and artifact before any worker starts: one that fails to start would be restarted for ever."""
        command = click.get_current_context(silent=True)
        given = {} if command is None else command.params
        try:
            read_workers(os.environ)
            read_policies(os.environ)
            read_clock(os.environ)
            read_rate_limit(os.environ)
            read_connections(os.environ)
            require_keys(given.get("host") or "127.0.0.1", os.environ)
            # The workers inherit it.
            state = state_folder(given.get("port") or BentoMLContainer.http.port.get())
            os.environ[STATE_VARIABLE] = str(state.resolve())
            load_or_last_good(artifact_pointer(), LastGood(state, artifact_pointer()), signing_keys())
            open_log(read_log_settings(os.environ)).close()
        except TradesieveError as error:
            raise BentoMLException(str(error)) from error

    @bentoml.on_shutdown
    def stop_watching(self) -> None:
        """Stop watching the artifact when the worker stops, and store the last decisions."""
        champion.stop()
