"""Paths: the winner measured on several out-of-fold series over the same time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tradesieve.models.applications.base import NoChoice
from tradesieve.models.combinatorial_splits import combinatorial_splits
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, single_threaded
from tradesieve.models.fitness.measures import measure
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.json_values import json_safe
from tradesieve.models.protocol.candidate_rows import CandidateRows
from tradesieve.models.protocol.out_of_fold_sizes import out_of_fold_sizes
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.trials import Trial
from tradesieve.models.splits import purged_folds

N_TEST = 2
"""Groups that are tested together: with n groups there are n - 1 paths."""


def measure_paths(trial: Trial, development: Dataset, plan: Plan, *, n_jobs: int = 2) -> dict[str, Any]:
    """Measure a trial on the paths of combinatorial purged cross-validation, for information.

    1. Cut the development part into the plan's ``path_groups``. For every pair of groups, fit the candidate on the
       other groups, purged, and score the pair, see `models.combinatorial_splits`.
    2. On each path, which has one score for every trade, choose the sizes of a group on the other groups, purged, as
       the search does; and measure them.

    The trial was chosen among others on these same trades, so the paths flatter it as its fitness does. What they show
    is the spread: by how much the result hangs on how the time was cut.

    Returns
    -------
    JSON values: ``n_groups``; ``paths``, each with ``fitness``, by what the plan selects, ``sortino``, ``expectancy``,
    ``total_return``, ``max_drawdown``, ``coverage`` and ``error``; ``n_losing``, how many of them lose or could not be
    sized; and ``error``, why there is no path. Nothing is raised: this is no reason to lose a winner.
    """
    try:
        path_scores = _score_paths(trial.candidate, development, plan, n_jobs)
    except Exception as failure:  # any vendor error, and a part that cannot be cut so
        error = f"{type(failure).__name__}: {failure}"
        return {"n_groups": plan.path_groups, "n_losing": None, "paths": [], "error": error}
    paths = [_measure(scores, trial.application, development, plan) for scores in path_scores]
    n_losing = sum(path["error"] is not None or not path["expectancy"] > 0 for path in paths)
    measured = [json_safe(path) for path in paths]
    return {"n_groups": plan.path_groups, "n_losing": n_losing, "paths": measured, "error": None}


def _score_paths(candidate: Candidate, development: Dataset, plan: Plan, n_jobs: int) -> np.ndarray:
    import joblib

    cut = combinatorial_splits(
        development.decision_time, development.span_end,
        n_groups=plan.path_groups, n_test=N_TEST, embargo=plan.embargo,
    )  # fmt: skip
    rows = CandidateRows(development, [split.train for split in cut.splits])
    with single_threaded():
        scores = joblib.Parallel(n_jobs=n_jobs, backend="threading")(
            joblib.delayed(_score)(rows, candidate, number, development.X[split.test], plan.seed)
            for number, split in enumerate(cut.splits)
        )
    return cut.paths(scores)


def _score(rows: CandidateRows, candidate: Candidate, number: int, X: np.ndarray, seed: int) -> np.ndarray:
    """Fit a candidate, and what it combines, on the training rows of a split, and score its test rows."""
    return rows.fit_with_members(candidate, number, seed=seed).predict(X)


def _measure(scores: np.ndarray, application: str, development: Dataset, plan: Plan) -> dict[str, Any]:
    """Size every group on the others, and measure the whole."""
    folds = purged_folds(
        development.decision_time, development.span_end, n_folds=plan.path_groups, embargo=plan.embargo
    )
    fitness, error = fitness_named(plan.selection), None
    try:
        sizes, _ = out_of_fold_sizes(
            application, scores, development, folds, fitness=fitness, minimum_trades=plan.minimum_trades
        )
    except NoChoice as reason:
        sizes, error = np.zeros(len(development)), str(reason)
    value, measures = fitness(development, sizes, minimum_trades=plan.minimum_trades), measure(development, sizes)
    if error is None and not math.isfinite(value):
        error = f"keeps {measures.effective_trades:.0f} effective trades, or has no losing day"
    names = ("sortino", "expectancy", "total_return", "max_drawdown", "coverage")
    return {"fitness": value, **{name: getattr(measures, name) for name in names}, "error": error}
