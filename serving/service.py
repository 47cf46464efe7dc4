"""The BentoML service.

The artifact it answers with lies where ``--arg artifact=FOLDER`` says, else where the environment's
``TRADESIEVE_ARTIFACT`` says, else in the folder ``artifact`` beside the code, as in a Bento.
"""

from __future__ import annotations

import os
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from tradesieve.market.errors import TradesieveError
from tradesieve.serving.champion import Champion, load_verified
from tradesieve.serving.endpoints import build_application
from tradesieve.serving.metrics import Metrics

ARTIFACT_VARIABLE = "TRADESIEVE_ARTIFACT"

champion = Champion()


def artifact_pointer() -> Path:
    """Find where the artifact lies; a pointer is not followed here, because it may be turned later."""
    given = getattr(bentoml.use_arguments(), "artifact", None) or os.environ.get(ARTIFACT_VARIABLE)
    return Path(given) if given else Path(__file__).parents[2] / "artifact"


@bentoml.asgi_app(build_application(champion, Metrics()), path="/")
@bentoml.service(
    name="tradesieve",
    # Each worker has windows of its own (POST /bars), so there is one.
    workers=1,
    # Each request leaves a timer behind that lives as long as this.
    traffic={"timeout": 10},
    # BentoML's metrics write to disk with every request and keep a series for every address that was ever asked:
    # see serving.metrics for what /metrics says instead.
    metrics={"enabled": False},
    # An access log and tracing cost more than what is left.
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
class TradesieveService:
    """Answers whether a rule's trade should be taken."""

    def __init__(self) -> None:
        champion.start(artifact_pointer())

    @bentoml.on_deployment
    @staticmethod
    def refuse_unverified() -> None:
        """Load and verify before any worker starts: a worker that cannot start would be started again for ever."""
        try:
            load_verified(artifact_pointer())
        except TradesieveError as error:
            raise BentoMLException(str(error)) from error

    @bentoml.on_shutdown
    def stop_watching(self) -> None:
        """End the watch with the worker."""
        champion.stop()
