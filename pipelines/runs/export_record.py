"""The record of exports: which model should have answered, and since when."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from dataclasses import dataclass

from tradesieve.market.errors import BadInput
from tradesieve.models.artifact.artifact import Artifact
from tradesieve.pipelines.settings import Settings

_FILE = "exports.jsonl"


@dataclass(frozen=True)
class ExportRecord:
    """Exports in order of time.

    Parameters
    ----------
    times : int64 ns UTC.
    models : fingerprints.
    """

    times: tuple[int, ...]
    models: tuple[str, ...]

    def at(self, time: int) -> str | None:
        """Return the model that was exported last by a time; None before the first."""
        place = bisect_right(self.times, time)
        return self.models[place - 1] if place else None


def record_export(settings: Settings, artifact: Artifact) -> None:
    """Write down that the service answers with a model from now on.

    Raises
    ------
    BadInput : if the state folder cannot be written.
    """
    path = settings.champion.with_name(_FILE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.time_ns(), "model": artifact.fingerprint}) + "\n")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from error


def read_exports(settings: Settings) -> ExportRecord:
    """Read the record; a line that a crash left incomplete is skipped."""
    path = settings.champion.with_name(_FILE)
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
            found.append((int(entry["time"]), str(entry["model"])))
        except (ValueError, KeyError, TypeError):
            continue
    times, models = zip(*sorted(found), strict=True) if found else ((), ())
    return ExportRecord(times, models)
