"""The data of a finished run, made again from its bars: for what needs the features of its trades."""

from __future__ import annotations

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.experiment_run import run_folder
from tradesieve.pipelines.runs.finished_runs import FinishedRun
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset


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
