"""Challenges: the runs whose models the service asks in shadow, as links in the state folder."""

from __future__ import annotations

from tradesieve.market.errors import Unknown
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.models.artifact.manifest import read_manifest
from tradesieve.pipelines.runs.release import artifact_of
from tradesieve.pipelines.settings import Settings
from tradesieve.serving.export import turn_link


def open_challenge(settings: Settings, run_id: str) -> Artifact:
    """Let the service ask the model of a run in shadow, whatever its gate says, from the next decision on.

    Raises
    ------
    Unknown, BadInput : as `artifact_of`.
    """
    artifact = artifact_of(settings, run_id)
    turn_link(settings.challengers / run_id, artifact.folder)
    return artifact


def close_challenge(settings: Settings, run_id: str) -> None:
    """Ask the model of a run no longer.

    Raises
    ------
    Unknown : if it is not asked.
    """
    if run_id not in challengers(settings):
        raise Unknown("challenger", run_id, challengers(settings))
    (settings.challengers / run_id).unlink()


def challengers(settings: Settings) -> list[str]:
    """List the runs whose models are asked in shadow."""
    folder = settings.challengers
    return sorted(path.name for path in folder.iterdir() if path.is_symlink()) if folder.is_dir() else []


def roles_of(settings: Settings) -> dict[str, str]:
    """Return ``champion`` or ``challenger`` by run."""
    roles = dict.fromkeys(challengers(settings), "challenger")
    if settings.champion.exists():
        released = read_manifest(settings.champion.resolve()).get("run_id")
        roles |= {} if released is None else {released: "champion"}
    return roles
