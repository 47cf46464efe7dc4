"""Certification of a run: rules and factors are causal, and live values equal batch values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradesieve.features.invariants.features import check_features
from tradesieve.pipelines.experiment import Experiment
from tradesieve.pipelines.progress import Progress, silent
from tradesieve.pipelines.steps.chunk_features import features_of
from tradesieve.pipelines.steps.chunk_trades import DevelopmentChunk
from tradesieve.strategies.invariants import check_strategy


def certify(
    experiment: Experiment, parts: Sequence[DevelopmentChunk], *, progress: Progress = silent
) -> dict[str, bool | str]:
    """Check on the development part that rules and factors are causal and that live values equal batch values.

    Returns
    -------
    ``causality`` and ``parity``: True, or a description of the first violation.
    """
    found: dict[str, list[str]] = {"causality": [], "parity": []}
    seed = experiment.plan.seed
    names = features_of(experiment, [part.chunk for part in parts]).names
    for done, part in enumerate(parts):
        progress("certify", done, len(parts), part.chunk.name)
        decisions = part.decisions[np.unique(part.decisions.time, return_index=True)[1]]
        if len(decisions):
            for violation in check_features(part.bars, decisions, names, others=part.others, seed=seed):
                found[violation.certificate].append(str(violation))
        if part.chunk.imported is None:  # otherwise, see `uncertified_parts`
            for strategy in part.chunk.strategies:
                found["causality"] += check_strategy(strategy, part.bars, seed=seed)
    progress("certify", 1, 1, "invariants of rules and factors")
    return {name: violations[0] if violations else True for name, violations in found.items()}


def uncertified_parts(experiment: Experiment) -> dict[str, str]:
    """Return a sentence on what a certificate does not cover, by its name: with imported trades, their rules."""
    if experiment.trades is None:
        return {}
    return {
        "causality": f"It does not cover the rules behind the imported trades {experiment.trades}, which are known by "
        "name only: whether they look ahead cannot be checked beyond the times and prices of their fills."
    }
