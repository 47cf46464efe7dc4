"""One by one: a search for every strategy instance by itself, thousands of them, side by side.

Each instance learns from its own trades alone and keeps its own winner. What is done is stored, so that an interrupted
run goes on where it stopped; an instance that fails is recorded with its error, and the others continue. Candidates are
those of `Engine.quick`, since an instance has few trades.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tradesieve.features.user_modules import load_user_modules
from tradesieve.market.errors import BadInput, TradesieveError, Unknown
from tradesieve.market.storage.files import atomic_write
from tradesieve.models.applications.registry import from_parameters
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitted.formats import load_model
from tradesieve.models.protocol.holdout import record_trials
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import search
from tradesieve.models.scopes.registry import POOLED
from tradesieve.models.splits import holdout_start
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.experiment_files import experiment_from_yaml
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.runs.finished_runs import EXPERIMENT_FILE, LAST
from tradesieve.pipelines.runs.instance_results import (
    DEVELOPMENT,
    HOLDOUT,
    border_of,
    find_trained,
    folder_of,
    own_folder,
    read_result,
    summarise_instances,
    write_result,
    write_sizes,
)
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunks import load_chunks, period_of
from tradesieve.pipelines.steps.instance_data import InstanceData, iter_instances
from tradesieve.strategies.instance import Instance

_MODEL = "model"
_BATCH = 64
"""Instances that are handed to the workers together: enough to keep them busy, few enough to bound memory."""


def train_one_by_one(experiment: Experiment, settings: Settings, *, progress: Progress = silent) -> dict[str, Any]:
    """Search for a filter of each instance of an experiment by itself, on its development part; the hold-out is sealed.

    Parameters
    ----------
    experiment : all instances have its plan, and the border of its hold-out.

    Returns
    -------
    JSON values: ``experiment``, ``folder``, ``part``, ``period``; ``n_instances``, ``n_trained``, ``n_trials``;
    ``failed``, the error of each instance without a winner; ``same_trades_as``; ``seconds``; and ``baseline``,
    ``filtered``, ``random``, ``by_instance`` and ``verdicts`` of those with a winner, out of fold, as
    `pipelines.runs.evaluation.evaluate` returns them.

    Raises
    ------
    BadInput : if the plan has a scope, bars are missing, or no instance could be trained.
    """
    if experiment.plan.scopes != (POOLED,):
        raise BadInput(
            f"scope is {', '.join(experiment.plan.scopes)}, but one by one each instance has a model of its own: leave "
            "it out of the plan"
        )
    started = time.perf_counter()
    chunks = load_chunks(experiment, settings)
    folder = folder_of(experiment, chunks, settings)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / EXPERIMENT_FILE) as temporary:
        temporary.write_text(experiment.to_yaml())
    names = [name for chunk in chunks for name in chunk.instance_names]
    finished = {name for name in names if read_result(folder, name) is not None}
    missing = iter_instances(experiment, chunks, settings, skipped=finished, progress=progress)
    train = partial(
        _train, plan=experiment.plan, modules=experiment.modules, experiment=experiment.hash,
        ledger=settings.ledger.path, folder=folder,
    )  # fmt: skip
    n_done = len(finished)
    for name in _in_parallel(train, missing):
        n_done += 1
        progress("train", n_done, len(names), name)
    return summarise_instances(experiment, chunks, folder, DEVELOPMENT) | {
        "seconds": round(time.perf_counter() - started, 1)
    }


def evaluate_one_by_one(
    settings: Settings, run: str = LAST, *, strategies: Sequence[str] = (), progress: Progress = silent
) -> tuple[Experiment, dict[str, Any]]:
    """Evaluate the filters of `train_one_by_one` on the hold-out, each on the trades of its own instance.

    The look at the hold-out is recorded in the ledger.

    Parameters
    ----------
    run : hash of the experiment, or ``last``.
    strategies : rules or whole strategies; empty takes every instance.

    Returns
    -------
    The experiment, and what `train_one_by_one` returns, of the hold-out, with its ``opening``.

    Raises
    ------
    BadInput : if nothing was trained, or bars or code have changed since.
    """
    started = time.perf_counter()
    folder = find_trained(settings, run)
    experiment = experiment_from_yaml(folder / EXPERIMENT_FILE)
    chunks = load_chunks(experiment, settings)
    if folder_of(experiment, chunks, settings) != folder:
        raise BadInput(
            f"bars or code have changed since {experiment.hash} was trained one by one: train again with "
            f"`tradesieve model train --one-by-one --config {folder / EXPERIMENT_FILE}`"
        )
    border, end = border_of(experiment, chunks), period_of(chunks)[1]
    opening = settings.ledger.open_once(
        experiment.hash, experiment.symbols, (border, end), f"model eval one by one, {folder.name}", look=True
    )
    names = [name for chunk in chunks for name in chunk.instance_names]
    chosen = _chosen(names, strategies)
    trained = [name for name in chosen if (read_result(folder, name) or {}).get("winner")]
    others = set(names) - set(trained)
    asked = iter_instances(experiment, chunks, settings, skipped=others, progress=progress)
    evaluate = partial(_evaluate, plan=experiment.plan, folder=folder)
    for done, name in enumerate(_in_parallel(evaluate, asked), start=1):
        progress("evaluate", done, len(trained), name)
    summary = summarise_instances(experiment, chunks, folder, HOLDOUT, chosen=chosen)
    return experiment, summary | {"opening": opening, "seconds": round(time.perf_counter() - started, 1)}


def _in_parallel(work: Callable[[InstanceData], str], instances: Iterable[InstanceData]) -> Iterator[str]:
    """Yield the name of each instance once it is worked on, in processes."""
    import joblib

    waiting = iter(instances)
    with joblib.Parallel(n_jobs=os.cpu_count() or 1, return_as="generator_unordered") as workers:
        while batch := list(itertools.islice(waiting, _BATCH)):
            yield from workers(joblib.delayed(work)(one) for one in batch)


def _train(
    data: InstanceData, *, plan: Plan, modules: Sequence[str], experiment: str, ledger: Path, folder: Path
) -> str:
    """Search for the filter of an instance and store it; its result comes last, so that it is whole."""
    started = time.perf_counter()
    load_user_modules(modules)  # a process of its own does not know them yet
    result: dict[str, Any] = {"instance": data.name, "same_as": data.same_as, "error": data.error, "winner": None}
    if data.dataset is not None:
        try:
            result |= _search(data.dataset, plan, experiment, Ledger(ledger), own_folder(folder, data.name))
        except TradesieveError as failure:
            result["error"] = str(failure)
        except Exception as failure:  # an instance that fails is a result, and the others continue
            result["error"] = f"{type(failure).__name__}: {failure}"
    write_result(folder, data.name, result | {"seconds": round(time.perf_counter() - started, 3)})
    return data.name


def _search(dataset: Dataset, plan: Plan, experiment: str, ledger: Ledger, folder: Path) -> dict[str, Any]:
    found = search(_part(dataset, plan, DEVELOPMENT), plan, quick=True, n_jobs=1)
    symbol = Instance.parse(dataset.instance_names[0]).symbol
    record_trials(found, ledger=ledger, experiment=experiment, symbols=[symbol])
    winner = found.winner
    if winner is None or found.model is None or found.application is None:
        return {"error": f"no trial succeeded: {found.trials[0].error}", "n_trials": found.n_trials}
    found.model.save(folder / _MODEL)
    write_sizes(folder, DEVELOPMENT, found.judged, winner.sizes)
    return {
        "n_trials": found.n_trials,
        "winner": {
            "candidate": winner.candidate.as_dict(),
            "name": winner.candidate.name,
            "application": winner.application,
            "parameters": found.application.parameters(),
            "fitness": winner.fitness,
        },
    }


def _evaluate(data: InstanceData, *, plan: Plan, folder: Path) -> str:
    """Size the hold-out's trades of an instance by its filter; without a trade there is nothing to store."""
    result, own = read_result(folder, data.name), own_folder(folder, data.name)
    if data.dataset is not None and result is not None:
        holdout, winner = _part(data.dataset, plan, HOLDOUT), result["winner"]
        application = from_parameters(winner["application"], winner["parameters"])
        scores = load_model(own / _MODEL).predict(holdout.X)
        write_sizes(own, HOLDOUT, holdout, application.sizes(scores, holdout.instance))
    return data.name


def _part(dataset: Dataset, plan: Plan, part: str) -> Dataset:
    """Return a part as `models.splits.split_holdout` does; the hold-out may have no trade."""
    start, end = dataset.period
    border = holdout_start(dataset.period, fraction=plan.holdout_fraction)
    if part == HOLDOUT:
        return dataset.take(dataset.decision_time >= border, period=(border, end))
    development = dataset.take(dataset.span_end < border, period=(start, border - 1))
    if not len(development):
        raise BadInput("it made no trade before the hold-out")
    return development


def _chosen(names: Sequence[str], strategies: Sequence[str]) -> list[str]:
    instances = [Instance.parse(name) for name in names]
    known = list(dict.fromkeys(each for one in instances for each in (one.rule, one.strategy)))
    for strategy in strategies:
        if strategy not in known:
            raise Unknown("strategy that was trained:", strategy, known)
    wanted = set(strategies)
    return [str(one) for one in instances if not wanted or wanted & {one.rule, one.strategy}]
