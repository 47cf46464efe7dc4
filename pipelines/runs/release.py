"""Release: the artifact of a run, exported as a Bento and served."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact, load_artifact, release
from tradesieve.models.tracking.runs import champion, download_artifact, mark_served
from tradesieve.pipelines.fingerprints import cache_key
from tradesieve.pipelines.runs.export_record import record_export
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.export import build_bento, point_to, serve_command


def champion_run(settings: Settings) -> str:
    """Return the run of the champion.

    Raises
    ------
    BadInput : if no experiment has passed the gate yet.
    """
    found = champion(settings.tracking)
    if found is None:
        raise BadInput(
            "there is no champion yet: no experiment has passed the gate. "
            'Name a run with --run ID, and give --override "reason" to export it despite the gate'
        )
    return found[0]


def artifact_of(settings: Settings, run_id: str) -> Artifact:
    """Download the artifact of a run from MLflow, or read the copy downloaded before.

    Raises
    ------
    Unknown : if there is no such run.
    BadInput : if the run has no artifact.
    """
    folder = settings.home / "downloaded" / run_id
    if folder.exists():
        try:
            return load_artifact(folder)
        except BadInput:  # damaged: download it again
            shutil.rmtree(folder)
    return load_artifact(download_artifact(settings.tracking, run_id, folder))


def released_artifact(
    settings: Settings, run_id: str, *, override: str | None = None, life_days: float | None = None
) -> Artifact:
    """Release the artifact of a run, or return its release.

    Raises
    ------
    Unknown, BadInput, Refused : as `release_run`.
    """
    stated = [override, *([] if life_days is None else [life_days])]
    name = run_id if stated == [None] else f"{run_id}-{cache_key(override if life_days is None else stated)[:8]}"
    return release(
        artifact_of(settings, run_id),
        settings.home / "released" / name,
        run_id=run_id,
        override=override,
        life_days=life_days,
    )


def release_run(
    settings: Settings, run_id: str, *, override: str | None = None, life_days: float | None = None
) -> tuple[Artifact, str]:
    """Release the artifact of a run, build its Bento, name it in the registry, and point the service to it.

    Returns
    -------
    The released artifact and the tag of its Bento. A running service switches to the artifact by itself.

    Raises
    ------
    Unknown, BadInput : as `artifact_of`.
    Refused : if the run's gate is closed and there is no override.
    """
    released = released_artifact(settings, run_id, override=override, life_days=life_days)
    tag = build_bento(released.folder, bento_home=settings.bentoml)
    mark_served(settings.tracking, run_id, override=released.manifest["override"])
    point_to(settings.champion, released.folder)
    record_export(settings, released)
    return released, tag


def bento_command(settings: Settings, tag: str) -> str:
    """Return the line that serves a Bento in any shell of this machine; BentoML looks for the tag in its own home."""
    bentoml = Path(sys.executable).with_name("bentoml")
    return f"BENTOML_HOME={shlex.quote(str(settings.bentoml))} {shlex.quote(str(bentoml))} serve {tag}"


def service_command(settings: Settings, *, host: str, port: int) -> list[str] | None:
    """Return the command that serves the model exported last; None if there is none."""
    return serve_command(settings.champion, host=host, port=port) if settings.champion.exists() else None
