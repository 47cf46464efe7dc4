"""Results of instances that were trained one by one: a folder each, and all of them together.

result.json         the winner, or why there is none; written last, so that what it describes is whole
model/              the model, see `models.fitted.formats`
development.npz     the trades that a fold tested, with their sizes out of fold
holdout.npz         those of the hold-out, once it was looked at
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.measures import measure
from tradesieve.models.protocol.leaderboard import compare_instances
from tradesieve.models.significance.random_filters import random_filter
from tradesieve.models.significance.verdicts import judge_instances
from tradesieve.models.splits import holdout_start
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.fingerprints import cache_key
from tradesieve.pipelines.runs.experiment_run import run_folder
from tradesieve.pipelines.runs.finished_runs import EXPERIMENT_FILE, LAST
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import Chunk, calendar_of, period_of

DEVELOPMENT, HOLDOUT = "development", "holdout"
_FOLDER, _RESULT = "one_by_one", "result.json"
_COLUMNS = ("decision_time", "exit_time", "net_return", "stake")


def folder_of(experiment: Experiment, chunks: Sequence[Chunk], settings: Settings) -> Path:
    """Return the folder of an experiment's instances, another one for other bars or code."""
    return run_folder(experiment, chunks, settings) / _FOLDER


def find_trained(settings: Settings, run: str) -> Path:
    """Find the folder of what was trained last, of any experiment or of one.

    Parameters
    ----------
    run : the first letters of the experiment's hash, or ``last``.

    Raises
    ------
    BadInput : if there is none.
    """
    found = sorted(
        (settings.home / "experiments").glob(f"*/*/{_FOLDER}/{EXPERIMENT_FILE}"),
        key=lambda path: path.stat().st_mtime_ns,
    )
    folders = [path.parent for path in found if run == LAST or path.parents[2].name.startswith(run)]
    if not folders:
        what = "nothing" if run == LAST else f"no experiment {run}"
        raise BadInput(f"{what} was trained one by one yet: run `tradesieve model train --one-by-one` first")
    return folders[-1]


def own_folder(folder: Path, name: str) -> Path:
    """Return the folder of an instance, whose name may hold what a file's may not."""
    return folder / cache_key(name)


def read_result(folder: Path, name: str) -> dict[str, Any] | None:
    """Read the result of an instance; None if there is none, or if it was cut short."""
    try:
        found = json.loads((own_folder(folder, name) / _RESULT).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_result(folder: Path, name: str, result: Mapping[str, Any]) -> None:
    """Store the result of an instance."""
    own_folder(folder, name).mkdir(parents=True, exist_ok=True)
    with atomic_write(own_folder(folder, name) / _RESULT) as temporary:
        temporary.write_text(json.dumps(result, indent=1))


def write_sizes(folder: Path, part: str, dataset: Dataset, sizes: np.ndarray) -> None:
    """Store the trades of an instance on a part with their sizes."""
    with atomic_write(folder / f"{part}.npz") as temporary, open(temporary, "wb") as file:
        np.savez(file, sizes=sizes, **{name: getattr(dataset, name) for name in _COLUMNS})


def _read_sizes(folder: Path, part: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{part}.npz", allow_pickle=False) as stored:
        return dict(stored.items())


def border_of(experiment: Experiment, chunks: Sequence[Chunk]) -> int:
    """Return where the hold-out begins, int64 ns UTC."""
    return holdout_start(period_of(chunks), fraction=experiment.plan.holdout_fraction)


def summarise_instances(
    experiment: Experiment, chunks: Sequence[Chunk], folder: Path, part: str, *, chosen: Sequence[str] | None = None
) -> dict[str, Any]:
    """Put the trades of all instances with a winner together, and compare them with and without it.

    Parameters
    ----------
    chosen : names of instances; None: all.

    Returns
    -------
    See `pipelines.runs.one_by_one.train_one_by_one`.

    Raises
    ------
    BadInput : if no instance has a winner.
    """
    names = [name for chunk in chunks for name in chunk.instance_names] if chosen is None else chosen
    results = {name: found for name in names if (found := read_result(folder, name)) is not None}
    trained = [name for name, result in results.items() if result["winner"]]
    failed = {name: result["error"] for name, result in results.items() if result["error"]}
    if not trained:
        reason = next(iter(failed.values()), "there is none")
        raise BadInput(f"none of {len(names)} instances has a filter; the first: {reason}")
    joined = {
        name: result["same_as"]
        for name, result in results.items()
        if result["same_as"] and result["same_as"] in trained
    }
    dataset, sizes = _together(trained, joined, experiment, chunks, folder, part)
    seed = experiment.plan.seed
    return {
        "experiment": experiment.hash,
        "folder": str(folder),
        "part": part,
        "period": [format_time(time) for time in dataset.period],
        "n_instances": len(names),
        "n_trained": len(trained),
        "n_trials": sum(result.get("n_trials", 0) for result in results.values()),
        "failed": failed,
        "same_trades_as": joined,
        "baseline": measure(dataset, np.ones(len(dataset))).as_dict(),
        "filtered": measure(dataset, sizes).as_dict(),
        "random": random_filter(dataset, sizes, seed=seed).as_dict(),
        "by_instance": compare_instances(dataset, sizes, seed=seed),
        "verdicts": judge_instances(dataset, sizes, seed=seed),
    }


def _together(
    trained: Sequence[str],
    joined: Mapping[str, str],
    experiment: Experiment,
    chunks: Sequence[Chunk],
    folder: Path,
    part: str,
) -> tuple[Dataset, np.ndarray]:
    """Return the trades of instances on a part in decision order, and their sizes."""
    stored = [_read_sizes(own_folder(folder, name), part) for name in trained]
    columns: dict[str, Any] = {name: np.concatenate([own[name] for own in stored]) for name in (*_COLUMNS, "sizes")}
    instance = np.repeat(np.arange(len(trained)), [len(own["sizes"]) for own in stored])
    order = np.argsort(columns["decision_time"], kind="stable")
    sizes, n = columns.pop("sizes")[order], len(order)
    (start, end), border = period_of(chunks), border_of(experiment, chunks)
    dataset = Dataset(
        X=np.empty((n, 0)), feature_names=(), y=np.zeros(n), weight=np.ones(n),
        **{name: values[order] for name, values in columns.items()},
        instance=instance[order], instance_names=tuple(trained),
        period=(start, border - 1) if part == DEVELOPMENT else (border, end),
        calendar=calendar_of(chunks), same_trades_as=joined,
    )  # fmt: skip
    return dataset, sizes
