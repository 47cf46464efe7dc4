"""Placebo runs: the whole search on surrogates in which there is nothing to find.

Surrogates of an experiment:

random walk        its bars with the direction of each bar drawn anew, all symbols together: rules, costs and volatility
                   are those of the experiment, but nothing tells up from down.
shifted outcomes   its trades, with the outcomes of each strategy instance shifted in time by the same share of its
                   trades: rules earn what they earn, but factors say nothing about it.
random entries     its bars, traded by as many random rules.

An honest search opens the gate on few of them, and the share is given with its exact binomial interval.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.surrogate import random_walk
from tradesieve.models.dataset import Dataset
from tradesieve.models.protocol.holdout import open_holdout
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.search import search
from tradesieve.models.significance.gate import CERTIFICATES, Gate
from tradesieve.models.splits import split_holdout
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.settings import Settings
from tradesieve.pipelines.steps.chunk_trades import trade_chunks
from tradesieve.pipelines.steps.chunks import Chunk, load_chunks
from tradesieve.pipelines.steps.dataset import build_dataset, pool_dataset

_CONFIDENCE = 0.95
_ENTRIES_PER_BAR = 0.02


def run_placebo(
    experiment: Experiment,
    settings: Settings,
    *,
    n_runs: int,
    kinds: Sequence[str] = (),
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run the search and the gate of an experiment on surrogates of it.

    Nothing is written into the ledger, MLflow or the caches: each run has a ledger of its own, so it counts as a first
    experiment on its symbols. Certificates count as earned, since they do not depend on the outcome.

    Parameters
    ----------
    n_runs : surrogates of each kind, at least 1.
    kinds : names of `SURROGATES`; empty: all.

    Returns
    -------
    JSON values: ``confidence`` and ``kinds``, each with its ``kind``, ``runs``, ``opened`` gates, their ``share`` with
    the exact binomial interval ``low`` to ``high`` (Clopper and Pearson, 1934), and ``passed``, the number of runs that
    passed, by condition; without a winner no condition is passed.

    Raises
    ------
    BadInput : if `n_runs` is below 1, or bars are missing or make no trades.
    Unknown : if there is no such surrogate.
    """
    if n_runs < 1:
        raise BadInput(f"--runs is {n_runs}, but must be at least 1")
    for kind in kinds:
        if kind not in SURROGATES:
            raise Unknown("surrogate", kind, SURROGATES)
    if experiment.trades is not None:
        raise BadInput(
            f"trades is {experiment.trades}, but a placebo simulates rules on surrogate bars, and those of imported "
            "trades are known by name only: run it without --trades"
        )
    chosen = list(kinds) or list(SURROGATES)
    chunks, rows = load_chunks(experiment, settings), []
    for number, kind in enumerate(chosen):
        gates = []
        for run in range(n_runs):
            progress("placebo", number * n_runs + run, len(chosen) * n_runs, f"{kind}, run {run + 1} of {n_runs}")
            with tempfile.TemporaryDirectory() as folder:
                apart = replace(settings, home=Path(folder))
                seed = experiment.plan.seed + run
                dataset = SURROGATES[kind](experiment, chunks, apart, seed)
                gates.append(_judge(dataset, experiment, apart))
        rows.append(_row(kind, gates))
    progress("placebo", len(chosen) * n_runs, len(chosen) * n_runs, "done")
    return {"confidence": _CONFIDENCE, "kinds": rows}


def _judge(dataset: Dataset, experiment: Experiment, settings: Settings) -> Gate:
    development, holdout = split_holdout(dataset, fraction=experiment.plan.holdout_fraction)
    opened = open_holdout(
        holdout,
        search(development, experiment.plan),
        experiment.plan,
        ledger=Ledger(settings.home / "ledger.db"),
        experiment="placebo",
        symbols=list(experiment.symbols),
        certificates=dict.fromkeys(CERTIFICATES, True),
    )
    return opened.gate


def _row(kind: str, gates: Sequence[Gate]) -> dict[str, Any]:
    from scipy.stats import binomtest

    opened = sum(gate.open for gate in gates)
    interval = binomtest(opened, len(gates)).proportion_ci(_CONFIDENCE, method="exact")
    names = dict.fromkeys(condition.name for gate in gates for condition in gate.conditions)
    return {
        "kind": kind,
        "runs": len(gates),
        "opened": opened,
        "share": opened / len(gates),
        "low": float(interval.low),
        "high": float(interval.high),
        "passed": {
            name: sum(condition.passed for gate in gates for condition in gate.conditions if condition.name == name)
            for name in names
        },
    }


def _random_walk(experiment: Experiment, chunks: Sequence[Chunk], apart: Settings, seed: int) -> Dataset:
    every = [bars for chunk in chunks for bars in (chunk.bars, *chunk.others.values())]
    times = np.unique(np.concatenate([bars.close_time for bars in every]))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], len(times))

    def walk(bars):  # type: ignore[no-untyped-def]
        return random_walk(bars, signs[np.searchsorted(times, bars.close_time)])

    # Finer bars would have to walk the same way; without them a bar that touches stop and target is a loss.
    walks = [
        replace(
            chunk,
            bars=walk(chunk.bars),
            finer=None,
            others={symbol: walk(bars) for symbol, bars in chunk.others.items()},
        )
        for chunk in chunks
    ]
    return build_dataset(experiment, walks, apart)


def _shifted_outcomes(experiment: Experiment, chunks: Sequence[Chunk], apart: Settings, seed: int) -> Dataset:
    dataset = build_dataset(experiment, chunks, apart)
    share = np.random.default_rng(seed).uniform(0.1, 0.9)
    order, offsets = dataset.by_instance()
    source = np.arange(len(dataset))
    for first, end in itertools.pairwise(offsets):
        rows = order[first:end]
        source[rows] = np.roll(rows, round(share * len(rows)))
    return replace(
        dataset,
        net_return=dataset.net_return[source],
        y=dataset.y[source],
        more_targets={name: targets[source] for name, targets in dataset.more_targets.items()},
    )


def _random_entries(experiment: Experiment, chunks: Sequence[Chunk], apart: Settings, seed: int) -> Dataset:
    n_rules = max(len(chunk.strategies) for chunk in chunks)
    rules = tuple(
        f"random_entries(probability={_ENTRIES_PER_BAR},seed={1000 * seed + number})" for number in range(n_rules)
    )
    random = replace(experiment, strategies=rules, num_strategies=None, sampling="grid")
    traded = [replace(chunk, strategies=random.chosen_strategies(chunk.symbol), unsuited=()) for chunk in chunks]
    return pool_dataset(random, trade_chunks(traded, apart), apart)


SURROGATES: dict[str, Callable[[Experiment, Sequence[Chunk], Settings, int], Dataset]] = {
    "random_walk": _random_walk,
    "shifted_outcomes": _shifted_outcomes,
    "random_entries": _random_entries,
}
