"""The data of a finished run, made again from its bars: for what needs the features of its trades."""

from __future__ import annotations

import json
import os
from typing import Any

from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.protocol.importance import permutation_importance
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.experiment_run import run_folder
from tradesieve.pipelines.runs.finished_runs import FinishedRun
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset

_IMPORTANCE_FILE = "importance.json"


def rebuild_development(run: FinishedRun, settings: Settings, *, progress: Progress = silent) -> Dataset:
    """Make the development part of a run again, from the caches where they hold it.

    Raises
    ------
    BadInput : if the bars or the code are others than those of the run.
    """
    experiment = run.experiment
    chunks = load_chunks(experiment, settings)
    if run_folder(experiment, chunks, settings) != run.folder:
        raise BadInput(
            f"bars or code have changed since run {run.name}: run the experiment again with "
            f"`tradesieve model experiment --config {run.folder / 'experiment.yaml'}`"
        )
    dataset = build_dataset(experiment, chunks, settings, progress=progress)
    return split_holdout(dataset, fraction=experiment.plan.holdout_fraction)[0]


def measure_importance(run: FinishedRun, settings: Settings, *, progress: Progress = silent) -> dict[str, Any] | None:
    """Measure which features matter to the winner of a run, or read what was measured before; None without a winner.

    Returns
    -------
    JSON values: ``skill``, and ``features``, the most important first, each with ``name``, ``loss``, ``error`` and
    ``direction``, see `models.protocol.importance`.

    Raises
    ------
    BadInput : as `rebuild_development`.
    """
    path, winner = run.folder / _IMPORTANCE_FILE, run.result["winner"]
    if winner is None:
        return None
    if path.exists():
        stored: dict[str, Any] = json.loads(path.read_text())
        return stored
    dataset, plan = rebuild_development(run, settings, progress=progress), run.experiment.plan
    found = permutation_importance(
        dataset, Candidate(**winner["candidate"]), plan.split(dataset), seed=plan.seed, n_jobs=os.cpu_count() or 1,
        on_progress=lambda done, total, detail: progress("importance", done, total, detail),
    )  # fmt: skip
    columns = (found.loss, found.error, found.direction)
    features = [
        {"name": name, "loss": float(loss), "error": float(error), "direction": float(direction)}
        for name, loss, error, direction in zip(found.names, *columns, strict=True)
    ]
    importance = {"skill": found.skill, "features": features}
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(importance, indent=1, allow_nan=False))
    return importance
