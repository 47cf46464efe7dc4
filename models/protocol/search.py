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
from tradesieve.models.fitness.registry import fitness_named
from tradesieve.models.fitted.model import Model
from tradesieve.models.leakage import check_leakage
from tradesieve.models.protocol.candidate_rows import CandidateRows, members_of
from tradesieve.models.protocol.candidate_scores import CandidateScores, score_candidates
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.scope_groups import describe_groups
from tradesieve.models.protocol.score_checkpoints import ScoreCheckpoints
from tradesieve.models.protocol.search_order import SearchOrder, parse_budget
from tradesieve.models.protocol.trials import Trial, judge_trial
from tradesieve.models.splits import Fold

Progress = Callable[[int, int, str], None]


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
    """

    dataset: Dataset
    judged: Dataset
    trials: list[Trial]
    model: Model | None
    application: Application | None
    scores: np.ndarray
    untried: tuple[Candidate, ...] = ()
    groups: dict[str, Any] | None = None

    @property
    def winner(self) -> Trial | None:
        """The best trial; None when every trial failed."""
        return self.trials[0] if self.model is not None else None

    @property
    def n_inner_trials(self) -> dict[str, int]:
        """How many parameters the fits of each candidate try by themselves, by its key."""
        candidates = {trial.candidate.key: trial.candidate for trial in self.trials}
        return {key: engine_named(one.engine).n_inner_trials(one) for key, one in candidates.items()}

    @property
    def n_trials(self) -> int:
        """The number of trials, those within fits included."""
        return len(self.trials) + sum(self.n_inner_trials.values())

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
    on_trial: Callable[[Trial], None] | None = None,
) -> SearchResult:
    """Search on the development part and refit the winner on all of it.

    1. Split the rows into folds and score every candidate out of fold, in the order of `models.protocol.search_order`.
    2. For every candidate and application, choose sizes for each fold on the other folds and judge them: a trial.
    3. Rank the trials by what the plan selects by.
    4. Refit model and application of the best trial on all rows. Where its application finds no parameter, the next
       best trial wins.

    Parameters
    ----------
    development : see `models.splits.split_holdout`.
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
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    judged = _judged(development, tested)
    scores: dict[str, np.ndarray] = {}
    of_candidate: dict[str, list[Trial]] = {}

    def judge(scored: CandidateScores) -> None:
        names = plan.applications_of(scored.candidate.task)
        own = [judge_trial(scored, name, development, folds, judged, plan) for name in names]
        scores[scored.candidate.key], of_candidate[scored.candidate.key] = scored.scores, own
        if on_trial is not None:
            for trial in own:
                on_trial(trial)

    order = SearchOrder(
        candidates,
        parse_budget(plan.budget),
        lambda one: len(plan.applications_of(one.task)),
        dimensions=plan.dimensions,
    )
    while batch := order.next_batch({key: _best_fitness(own) for key, own in of_candidate.items()}):
        done = len(of_candidate) * len(folds)
        _score(batch, development, folds, plan, order, checkpoints, n_jobs, _counted(on_progress, done), judge)
    tried = [candidate for candidate in candidates if candidate.key in of_candidate]
    trials = [trial for candidate in tried for trial in of_candidate[candidate.key]]
    # Failed trials go last; among equals the earlier candidate, which is the simpler one, stays ahead.
    trials.sort(key=lambda trial: -trial.fitness if math.isfinite(trial.fitness) else math.inf)
    untried = tuple(candidate for candidate in candidates if candidate.key not in of_candidate)
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
        return SearchResult(development, judged, winner_first, model, application, own, untried, groups)
    return SearchResult(development, judged, trials, None, None, np.full(len(development), np.nan), untried)


def _score(
    batch: Sequence[Candidate],
    dataset: Dataset,
    folds: Sequence[Fold],
    plan: Plan,
    order: SearchOrder,
    checkpoints: ScoreCheckpoints | None,
    n_jobs: int,
    on_progress: Progress | None,
    judge: Callable[[CandidateScores], None],
) -> None:
    """Score a batch and judge each candidate, those first whose scores were stored."""
    finished = {} if checkpoints is None else checkpoints.load(batch)
    for scored in finished.values():
        order.add_tried(scored.seconds / n_jobs)
        judge(scored)
    missing = [candidate for candidate in batch if candidate.key not in finished]
    total, n_done = order.n_planned * len(folds), len(finished) * len(folds)

    def report(step: int, of_missing: int, name: str) -> None:
        if on_progress is not None:
            on_progress(n_done + step, total, name)

    def finish(scored: CandidateScores) -> None:
        if checkpoints is not None:
            checkpoints.save(scored)
        order.add_tried()
        judge(scored)

    if missing and not order.is_over():
        score_candidates(
            dataset, missing, folds,
            seed=plan.seed, n_jobs=n_jobs, on_progress=report, on_finished=finish, is_over=order.is_over,
        )  # fmt: skip


def _counted(on_progress: Progress | None, done_before: int) -> Progress | None:
    if on_progress is None:
        return None
    return lambda done, total, name: on_progress(done_before + done, total, name)


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


def _judged(development: Dataset, tested: np.ndarray) -> Dataset:
    """Return the rows that a fold tests; what could not be sized is no part of the comparison."""
    if len(tested) == len(development):
        return development
    return development.take(tested, period=(int(development.decision_time[tested[0]]), development.period[1]))
