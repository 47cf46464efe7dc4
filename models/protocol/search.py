"""The search: score every candidate out of fold, rank its trials and refit the best one. No hold-out is read here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.models.applications.base import Application, NoChoice
from tradesieve.models.applications.registry import application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines.base import Candidate, single_threaded
from tradesieve.models.engines.registry import engine_named
from tradesieve.models.fitness.filtered_returns import daily_returns
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.fitted.model import Model
from tradesieve.models.leakage import check_leakage
from tradesieve.models.protocol.batches import Batches, Progress, tested_part
from tradesieve.models.protocol.candidate_rows import CandidateRows, members_of
from tradesieve.models.protocol.candidate_scores import CandidateScores
from tradesieve.models.protocol.halving import EarlyTrial, Finalists, halve
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.scope_groups import describe_groups
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search_order import SearchOrder, parse_budget
from tradesieve.models.protocol.trials import Trial, judge_trial
from tradesieve.models.splits import Fold


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
    untried : the candidates that the budget of the plan left out.
    groups : of the winner's scope, see `models.protocol.scope_groups`; None for one without groups.
    finalists : of successive halving, see `models.protocol.halving`; None without it.
    """

    dataset: Dataset
    judged: Dataset
    trials: list[Trial]
    model: Model | None
    application: Application | None
    scores: np.ndarray
    untried: tuple[Candidate, ...] = ()
    groups: dict[str, Any] | None = None
    finalists: Finalists | None = None

    @property
    def early_trials(self) -> tuple[EarlyTrial, ...]:
        """The trials of successive halving before the last round."""
        return () if self.finalists is None else self.finalists.trials

    @property
    def winner(self) -> Trial | None:
        """The best trial; None when every trial failed."""
        return self.trials[0] if self.model is not None else None

    @property
    def n_inner_trials(self) -> dict[str, int]:
        """How many parameters the fits of each candidate try by themselves, by its key."""
        tried = [*(trial.candidate for trial in self.trials), *(trial.candidate for trial in self.early_trials)]
        candidates = {candidate.key: candidate for candidate in tried}
        return {key: engine_named(one.engine).n_inner_trials(one) for key, one in candidates.items()}

    @property
    def n_trials(self) -> int:
        """The number of trials, those of early rounds and those within fits included."""
        return len(self.trials) + len(self.early_trials) + sum(self.n_inner_trials.values())

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
    quick: bool = False,
    checkpoints: ScoreCheckpoints | None = None,
    n_jobs: int = 2,
    on_progress: Progress | None = None,
    on_trial: Callable[[Trial], None] | None = None,
) -> SearchResult:
    """Search on the development part and refit the winner on all of it.

    1. Split the rows into folds and score every candidate out of fold, in the order of `models.protocol.search_order`;
       with successive halving, only those that are among the best on a few folds.
    2. For every candidate and application, choose sizes for each fold on the other folds and judge them: a trial.
    3. Rank the trials by what the plan selects by.
    4. Refit model and application of the best trial on all rows. Where its application finds no parameter, the next
       best trial wins.

    Parameters
    ----------
    development : see `models.splits.split_holdout`.
    quick : try candidates as `Engine.quick` returns them, for one of many small searches.
    checkpoints : stores the scores of finished candidates, so that an interrupted search resumes.
    n_jobs : fits that run at the same time; the result does not depend on it, unless the budget is a time.
    on_progress : called with the number of finished fits, the most that there can be, and a candidate's name.
    on_trial : called with each trial as soon as it is judged.

    Raises
    ------
    BadInput : if the development part cannot be split as planned.
    BadData : if a feature holds the outcome, see `models.leakage`.
    """
    check_leakage(development)
    folds = plan.split(development)
    candidates = plan.candidates(development.feature_names, development.factor_sets)
    if quick:
        candidates = [engine_named(one.engine).quick(one, len(development)) for one in candidates]
    judged = tested_part(development, folds)
    scores: dict[str, np.ndarray] = {}
    of_candidate: dict[str, list[Trial]] = {}

    def judge(scored: CandidateScores) -> None:
        names = plan.applications_of(scored.candidate.task)
        own = [judge_trial(scored, name, development, folds, judged, plan) for name in names]
        scores[scored.candidate.key], of_candidate[scored.candidate.key] = scored.scores, own
        if on_trial is not None:
            for trial in own:
                on_trial(trial)

    batches = Batches(development, plan, checkpoints, n_jobs, on_progress)
    finalists = halve(batches, candidates, folds) if plan.halving else None
    _score_all(batches, candidates, folds, finalists, of_candidate, judge)
    tried = [candidate for candidate in candidates if candidate.key in of_candidate]
    trials = [trial for candidate in tried for trial in of_candidate[candidate.key]]
    # Failed trials go last; among equals the earlier candidate, which is the simpler one, stays ahead.
    trials.sort(key=lambda trial: -trial.fitness if math.isfinite(trial.fitness) else math.inf)
    dropped = set() if finalists is None else {candidate.key for candidate in finalists.dropped}
    untried = tuple(one for one in candidates if one.key not in of_candidate and one.key not in dropped)
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
        model = refit(trial.candidate, development, seed=plan.seed, n_jobs=n_jobs)
        winner_first = [trial, *(other for other in trials if other is not trial)]
        groups = describe_groups(trial.candidate, development, folds)
        return SearchResult(development, judged, winner_first, model, application, own, untried, groups, finalists)
    unscored = np.full(len(development), np.nan)
    return SearchResult(development, judged, trials, None, None, unscored, untried, finalists=finalists)


def _score_all(
    batches: Batches,
    candidates: Sequence[Candidate],
    folds: Sequence[Fold],
    finalists: Finalists | None,
    of_candidate: Mapping[str, Sequence[Trial]],
    judge: Callable[[CandidateScores], None],
) -> None:
    """Score and judge candidates on all folds: all of them within the budget, or the finalists of successive halving.

    Parameters
    ----------
    of_candidate : the trials of each candidate by its key, which `judge` adds to.
    """
    plan = batches.plan
    missing, n_before, n_most = folds, 0, None
    earlier: Mapping[str, CandidateScores] = {}

    def n_trials(candidate: Candidate) -> int:
        return len(plan.applications_of(candidate.task))

    if finalists is None:
        order = SearchOrder(candidates, parse_budget(plan.budget), n_trials, dimensions=plan.dimensions)
    else:
        order = SearchOrder(finalists.candidates, finalists.budget, n_trials, dimensions=())
        missing, earlier = folds[: len(folds) - finalists.n_folds], finalists.scores
        n_before, n_most = finalists.n_fits, sum(one.n_fits for one in finalists.rounds)
    while batch := order.next_batch({key: _best_fitness(own) for key, own in of_candidate.items()}):
        done = n_before + len(of_candidate) * len(missing)
        batches.after(done, of=n_most).score(batch, missing, order, judge, earlier=earlier)


def _best_fitness(trials: Sequence[Trial]) -> float:
    known = [trial.fitness for trial in trials if math.isfinite(trial.fitness)]
    return max(known, default=math.nan)


def refit(candidate: Candidate, dataset: Dataset, *, seed: int, n_jobs: int) -> Model:
    """Fit on all rows, the models that the candidate is made of side by side."""
    import joblib

    rows = CandidateRows(dataset, [None])
    with single_threaded():
        members = joblib.Parallel(n_jobs=n_jobs, backend="threading")(
            joblib.delayed(rows.fit_with_members)(member, 0, seed=seed) for member in members_of(candidate)
        )
    return rows.fit(candidate, 0, seed=seed, members=members)
