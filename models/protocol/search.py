"""The search: score every candidate out of fold, rank its trials and refit the best one. No hold-out is read here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.models.applications.base import Application, NoChoice
from tradesieve.models.applications.registry import application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, single_threaded
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.fitness.measures import Measures, measure
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.fitted.model import Model
from tradesieve.models.leakage import check_leakage, leaked_scores
from tradesieve.models.protocol.candidate_rows import CandidateRows
from tradesieve.models.protocol.candidate_scores import CandidateScores, score_candidates
from tradesieve.models.protocol.out_of_fold_sizes import out_of_fold_sizes
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.significance.random_filters import RandomFilter, random_filter
from tradesieve.models.splits import Fold

Progress = Callable[[int, int, str], None]


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
    """

    candidate: Candidate
    application: str
    sizes: np.ndarray
    fitness: float
    measures: Measures
    random: RandomFilter | None
    chosen: list[dict[str, Any]]
    error: str | None


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The trials and the winner, refitted on the whole development part.

    Parameters
    ----------
    dataset : the development part.
    judged : its rows that a fold tests, over their own period: all of them, or those after the first block of a
        walk-forward split. Trials, baseline and random filters are measured on these.
    trials : the winner first, then best first; failed trials last.
    model, application : of the winner, fitted on all rows; None when every trial failed.
    scores : float64 (n_trades,), the winner's out-of-fold scores; NaN throughout without a winner.
    """

    dataset: Dataset
    judged: Dataset
    trials: list[Trial]
    model: Model | None
    application: Application | None
    scores: np.ndarray

    @property
    def winner(self) -> Trial | None:
        """The best trial; None when every trial failed."""
        return self.trials[0] if self.model is not None else None

    def trial_returns(self) -> np.ndarray:
        """Return the out-of-fold daily returns of the trials that did not fail: float64 (n_days, n_trials)."""
        return self._returns([trial for trial in self.trials if trial.error is None])

    def model_returns(self) -> np.ndarray:
        """Return those of the best trial of each model: float64 (n_days, n_models)."""
        best: dict[str, Trial] = {}
        for trial in self.trials:
            if trial.error is None:
                best.setdefault(trial.candidate.key, trial)
        return self._returns(list(best.values()))

    def _returns(self, trials: Sequence[Trial]) -> np.ndarray:
        columns = [daily_returns(self.judged, trial.sizes) for trial in trials]
        n_days = len(self.judged.calendar.days(*self.judged.period))
        return np.stack(columns, axis=1) if columns else np.empty((n_days, 0))


def search(
    development: Dataset,
    plan: Plan,
    *,
    checkpoints: ScoreCheckpoints | None = None,
    n_jobs: int = 2,
    on_progress: Progress | None = None,
) -> SearchResult:
    """Search on the development part and refit the winner on all of it.

    1. Split the rows into folds and score every candidate out of fold.
    2. For every candidate and application, choose sizes for each fold on the other folds and judge them: a trial.
    3. Rank the trials by what the plan selects by.
    4. Refit model and application of the best trial on all rows. Where its application finds no parameter, the next
       best trial wins.

    Parameters
    ----------
    development : see `models.splits.split_holdout`.
    checkpoints : stores the scores of finished candidates, so that an interrupted search resumes.
    n_jobs : fits that run at the same time; the result does not depend on it.
    on_progress : called with the number of finished fits, the total, and a candidate's name.

    Raises
    ------
    BadInput : if the development part cannot be split as planned.
    BadData : if a feature holds the outcome, see `models.leakage`.
    """
    check_leakage(development)
    folds = plan.split(development)
    candidates = plan.candidates(development.feature_names, development.factor_sets)
    scored = _scored(development, candidates, folds, plan, checkpoints, n_jobs, on_progress)
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    judged = _judged(development, tested)
    trials = [
        _trial(candidate, name, development, folds, judged, tested, plan)
        for candidate in scored
        for name in plan.applications_of(candidate.candidate.task)
    ]
    # Failed trials go last; among equals the earlier candidate, which is the simpler one, stays ahead.
    trials.sort(key=lambda trial: -trial.fitness if math.isfinite(trial.fitness) else math.inf)
    scores = {one.candidate.key: one.scores for one in scored}
    for trial in trials:
        if not math.isfinite(trial.fitness):
            break
        own = scores[trial.candidate.key]
        try:
            application = application_named(trial.application).fit(
                own, development, fitness=fitness_named(plan.selection), minimum_trades=plan.minimum_trades
            )
        except NoChoice:
            continue
        model = _refit(trial.candidate, development, seed=plan.seed, n_jobs=n_jobs)
        winner_first = [trial, *(other for other in trials if other is not trial)]
        return SearchResult(development, judged, winner_first, model, application, own)
    return SearchResult(development, judged, trials, None, None, np.full(len(development), np.nan))


def _scored(
    dataset: Dataset,
    candidates: Sequence[Candidate],
    folds: Sequence[Fold],
    plan: Plan,
    checkpoints: ScoreCheckpoints | None,
    n_jobs: int,
    on_progress: Progress | None,
) -> list[CandidateScores]:
    finished = {} if checkpoints is None else checkpoints.load(candidates)
    missing = [candidate for candidate in candidates if candidate.key not in finished]
    total, n_done = len(candidates) * len(folds), len(finished) * len(folds)

    def report(step: int, of_missing: int, name: str) -> None:
        if on_progress is not None:
            on_progress(n_done + step, total, name)

    if missing:
        save = None if checkpoints is None else checkpoints.save
        scored = score_candidates(
            dataset, missing, folds, seed=plan.seed, n_jobs=n_jobs, on_progress=report, on_finished=save
        )
        finished |= {one.candidate.key: one for one in scored}
    return [finished[candidate.key] for candidate in candidates]


def _refit(candidate: Candidate, dataset: Dataset, *, seed: int, n_jobs: int) -> Model:
    """Fit on all rows, the models that the candidate combines side by side."""
    import joblib

    engine, rows = engine_named(candidate.engine), CandidateRows(dataset, [None])
    with single_threaded():
        members = joblib.Parallel(n_jobs=n_jobs, backend="threading")(
            joblib.delayed(rows.fit)(member, 0, seed=seed, members=()) for member in engine.members(candidate)
        )
    return rows.fit(candidate, 0, seed=seed, members=members)


def _judged(development: Dataset, tested: np.ndarray) -> Dataset:
    """Return the rows that a fold tests; what could not be sized is no part of the comparison."""
    if len(tested) == len(development):
        return development
    return development.take(tested, period=(int(development.decision_time[tested[0]]), development.period[1]))


def _trial(
    scored: CandidateScores,
    application: str,
    dataset: Dataset,
    folds: Sequence[Fold],
    judged: Dataset,
    tested: np.ndarray,
    plan: Plan,
) -> Trial:
    failure = scored.error or leaked_scores(scored.scores, dataset)
    if failure is not None:
        return _failed(scored.candidate, application, judged, failure)
    fitness = fitness_named(plan.selection)
    try:
        sizes, chosen = out_of_fold_sizes(
            application, scored.scores, dataset, folds, fitness=fitness, minimum_trades=plan.minimum_trades
        )
    except NoChoice as reason:
        return _failed(scored.candidate, application, judged, str(reason))
    sizes = sizes[tested]
    value = fitness(judged, sizes, minimum_trades=plan.minimum_trades)
    measures = measure(judged, sizes)
    error = None
    if not math.isfinite(value):
        error = f"keeps {measures.effective_trades:.0f} effective trades, or has no losing day"
    random = random_filter(judged, sizes, seed=plan.seed)
    return Trial(scored.candidate, application, sizes, value, measures, random, chosen, error)


def _failed(candidate: Candidate, application: str, judged: Dataset, error: str) -> Trial:
    nothing = np.zeros(len(judged))
    return Trial(candidate, application, nothing, math.nan, measure(judged, nothing), None, [], error)
