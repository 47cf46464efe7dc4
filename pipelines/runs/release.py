"""Release: the artifact of a run, exported as a Bento and served."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact, load_artifact, release
from tradesieve.models.artifact.manifest import read_manifest
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
    settings: Settings,
    run_id: str,
    *,
    override: str | None = None,
    life_days: float | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[Artifact, str]:
    """Release the artifact of a run, build its Bento, name it in the registry, and point the service to it.

    Parameters
    ----------
    say : told of the strategies that are served now and are not in the model, before the service switches.

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
    if gone := dropped_instances(settings, released):
        shown = ", ".join(gone[:5]) + (", ..." if len(gone) > 5 else "")
        say(f"{len(gone)} that are served now are not in this model, and will be refused as unknown: {shown}")
    point_to(settings.champion, released.folder)
    record_export(settings, released)
    return released, tag


def dropped_instances(settings: Settings, artifact: Artifact) -> list[str]:
    """List what the model that is served now answers for, and another one does not."""
    if not settings.champion.exists():
        return []
    served = read_manifest(settings.champion.resolve())["instances"]
    return sorted({*served} - {*artifact.manifest["instances"]})


def bento_command(settings: Settings, tag: str) -> str:
    """Return the line that serves a Bento in any shell of this machine; BentoML looks for the tag in its own home."""
    bentoml = Path(sys.executable).with_name("bentoml")
    return f"BENTOML_HOME={shlex.quote(str(settings.bentoml))} {shlex.quote(str(bentoml))} serve {tag}"


def service_command(settings: Settings, *, host: str, port: int) -> list[str] | None:
    """Return the command that serves the model exported last; None if there is none."""
    return serve_command(settings.champion, host=host, port=port) if settings.champion.exists() else None
