"""Trials: a candidate with an application, judged out of fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.models.applications.base import NoChoice
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate
from tradesieve.models.fitness.measures import Measures, measure
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.leakage import leaked_scores
from tradesieve.models.protocol.candidate_scores import CandidateScores
from tradesieve.models.protocol.out_of_fold_sizes import out_of_fold_sizes
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.significance.random_filters import RandomFilter, random_filter
from tradesieve.models.splits import Fold


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate with an application, judged out of fold on the development part.

    Parameters
    ----------
    candidate, application : what was tried.
    sizes : float64 (n_trades,) of `SearchResult.judged`, each chosen without the fold of its trade; zeros for a failed
        trial.
    fitness : what ranks the trial, the measure that the plan selects by; NaN if it failed.
    measures : of the sizes.
    random : random filters of the same coverage, for comparison; None for a failed trial.
    chosen : the application's parameters, one entry a fold.
    error : why the trial failed, else None.
    seconds : spent on fitting the candidate and scoring with it, see `candidate_scores.CandidateScores`.
    """

    candidate: Candidate
    application: str
    sizes: np.ndarray
    fitness: float
    measures: Measures
    random: RandomFilter | None
    chosen: list[dict[str, Any]]
    error: str | None
    seconds: float = 0.0


def judge_trial(
    scored: CandidateScores, application: str, dataset: Dataset, folds: Sequence[Fold], judged: Dataset, plan: Plan
) -> Trial:
    """Choose sizes for each fold on the other folds, and measure them.

    Parameters
    ----------
    scored : the scores of a candidate on `dataset`, out of fold.
    application : its name.
    judged : the rows of `dataset` that a fold tests.
    """
    failure = scored.error or leaked_scores(scored.scores, dataset)
    if failure is not None:
        return _failed(scored, application, judged, failure)
    fitness = fitness_named(plan.selection)
    try:
        sizes, chosen = out_of_fold_sizes(
            application, scored.scores, dataset, folds, fitness=fitness, minimum_trades=plan.minimum_trades
        )
    except NoChoice as reason:
        return _failed(scored, application, judged, str(reason))
    sizes = sizes[np.sort(np.concatenate([fold.test for fold in folds]))]
    value = fitness(judged, sizes, minimum_trades=plan.minimum_trades)
    measures = measure(judged, sizes)
    error = None
    if not math.isfinite(value):
        error = f"keeps {measures.effective_trades:.0f} effective trades, or has no losing day"
    random = random_filter(judged, sizes, seed=plan.seed)
    return Trial(scored.candidate, application, sizes, value, measures, random, chosen, error, scored.seconds)


def _failed(scored: CandidateScores, application: str, judged: Dataset, error: str) -> Trial:
    nothing = np.zeros(len(judged))
    measures = measure(judged, nothing)
    return Trial(scored.candidate, application, nothing, math.nan, measures, None, [], error, scored.seconds)
