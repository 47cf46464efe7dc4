"""A scoring service in the background of a notebook, of a run, an artifact or the model exported last."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import load_artifact
from tradesieve.pipelines.notebook.runs import Run
from tradesieve.pipelines.runs.local_service import serve_locally
from tradesieve.pipelines.runs.release import released_artifact
from tradesieve.pipelines.settings import Settings, read_settings
from tradesieve.pipelines.stack.configuration import HOST
from tradesieve.pipelines.stack.ports import require_free
from tradesieve.serving.client import ScoringClient


class Service:
    """A service of this process, which stops with `stop`, at the end of a ``with`` block, or when the process ends.

    Parameters
    ----------
    artifact_folder : of a released artifact.
    port : to listen on, on this machine alone; None: any that is free.
    """

    def __init__(self, artifact_folder: Path, settings: Settings, port: int | None) -> None:
        self.model = load_artifact(artifact_folder).fingerprint
        self._running = ExitStack()
        self.url = self._running.enter_context(serve_locally(artifact_folder, settings, port=port, user="notebook"))
        atexit.register(self.stop)

    def client(self, timeout: float = 2.0) -> ScoringClient:
        """Return a client of it; see `serving.client.ScoringClient`."""
        return ScoringClient(self.url, timeout)

    def stop(self) -> None:
        """Stop it and wait until it has ended; a second call does nothing."""
        atexit.unregister(self.stop)
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"service of model {self.model} at {self.url}"


def serve(what: Run | str | Path | None = None, *, port: int | None = None, override: str | None = None) -> Service:
    """Serve a model in the background; it answers programs of this machine, also about the past.

    A bot that trades live asks a service that has a clock: `tradesieve model run`.

    Parameters
    ----------
    what : a run of `ts.experiment`, the folder of a released artifact, or None: the model that `tradesieve model
        export` exported last.
    port : to listen on; None: any that is free.
    override : why a run is served whose gate is closed; the reason is written into its manifest.

    Returns
    -------
    The service, once it is ready.

    Raises
    ------
    Refused : if the gate is closed and there is no override.
    BadInput : if there is no such artifact, its hold-out is sealed, the port is in use, or BentoML is not installed.
    """
    settings = read_settings()
    if port is not None:
        require_free(port, host=HOST, remedy="stop what listens there, or choose another one")
    if isinstance(what, Run):
        if what.is_open is None:
            raise BadInput("the hold-out of the run is sealed, so there is no model to serve: run it without seal")
        released = released_artifact(settings, what.result["run_id"], override=override)
        return Service(released.folder, settings, port)
    if override is not None:
        raise BadInput("override goes with a run: what was exported has its reason already")
    if what is None and not settings.champion.exists():
        raise BadInput("no model is exported yet: run `tradesieve model export`, or give a run")
    return Service(settings.champion.resolve() if what is None else Path(what), settings, port)
