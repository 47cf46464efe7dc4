"""The experiment protocol: search on the development part, fix a winner, open the hold-out once, judge.

Nothing here reads the hold-out before the winner is fixed; each opening is written into the ledger first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY
from tradesieve.models.applications.base import Application, NoChoice
from tradesieve.models.applications.out_of_fold import out_of_fold_sizes
from tradesieve.models.applications.registry import application_named
from tradesieve.models.dataset import Dataset
from tradesieve.models.engines import engine_named
from tradesieve.models.engines.base import Candidate, Model, check_seed
from tradesieve.models.fitness import MINIMUM_TRADES, Measures, daily_returns, fitness_named, measure
from tradesieve.models.labels import label_named
from tradesieve.models.protocol.candidate_scores import Searched, search
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.score_checkpoints import ScoreStore
from tradesieve.models.significance.gate import Condition, Gate, GateLimits, judge
from tradesieve.models.significance.permutation import RandomFilter, random_filter
from tradesieve.models.splits import Fold, folds_named, split_holdout

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Plan:
    """How a dataset is searched and judged.

    Parameters
    ----------
    label : what models learn, see `models.labels`.
    engines : how many candidates each engine tries, by its name.
    applications : how scores become sizes; each one with each candidate is a trial.
    fitness : what ranks the trials.
    minimum_trades : a trial that keeps fewer has failed.
    folds, n_folds : the splitter and its number of folds.
    embargo_days : rows decided within so many days after a test block teach nothing.
    holdout_fraction : the last part of the time, sealed.
    gate : what the gate asks for.
    seed : of every draw.
    """

    label: str = "won"
    engines: Mapping[str, int] = field(default_factory=lambda: {"lightgbm": 6, "pycaret": 6})
    applications: tuple[str, ...] = ("threshold", "proportional")
    fitness: str = "sortino"
    minimum_trades: int = MINIMUM_TRADES
    folds: str = "purged"
    n_folds: int = 5
    embargo_days: float = 1.0
    holdout_fraction: float = 0.2
    gate: GateLimits = field(default_factory=GateLimits)
    seed: int = 7

    def __post_init__(self) -> None:
        label_named(self.label)
        fitness_named(self.fitness)
        folds_named(self.folds)
        for name in self.applications:
            application_named(name)
        for name, count in self.engines.items():
            engine_named(name)
            if count < 0:
                raise BadInput(f"engines: {name} is to try {count} candidates, but the number cannot be negative")
        if not self.applications or sum(self.engines.values()) == 0:
            raise BadInput("an experiment needs at least one application and one candidate")
        if len(set(self.applications)) != len(self.applications):
            raise BadInput(f"applications are {', '.join(self.applications)}: one is named twice, and is one trial")
        if self.n_folds < 2:
            raise BadInput(f"n_folds is {self.n_folds}, but must be at least 2")
        check_seed(self.seed)
        if self.minimum_trades < 1:
            raise BadInput(f"minimum_trades is {self.minimum_trades}, but must be at least 1")
        if not 0 < self.holdout_fraction < 1:
            raise BadInput(f"holdout_fraction is {self.holdout_fraction}, but must lie between 0 and 1")
        if not (math.isfinite(self.embargo_days) and self.embargo_days >= 0):
            raise BadInput(f"embargo_days is {self.embargo_days}, but must be zero or positive")

    def candidates(self) -> list[Candidate]:
        """List every candidate of every engine."""
        return [
            candidate
            for name, count in self.engines.items()
            if count
            for candidate in engine_named(name).candidates(count, seed=self.seed)
        ]

    def fold(self, dataset: Dataset) -> list[Fold]:
        """Cut the development part into folds."""
        embargo = int(self.embargo_days * DAY)
        return folds_named(self.folds)(dataset.decision_time, dataset.exit_time, n_folds=self.n_folds, embargo=embargo)


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate with an application, judged out of fold on the development part.

    Parameters
    ----------
    candidate, application : what was tried.
    sizes : float64 (n_trades,), each chosen without the fold that its trade is in; zeros for a failed trial.
    fitness : what ranks it; NaN for a failed trial.
    measures : of the sizes.
    random : what filters of the same coverage are worth that choose at random.
    chosen : the application's parameters, one entry a fold.
    error : why the trial failed; None if it did not.
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
class Developed:
    """What the development part has taught: the trials, best first, and the winner refitted on all of it."""

    dataset: Dataset
    trials: list[Trial]
    model: Model | None
    application: Application | None
    scores: np.ndarray

    @property
    def winner(self) -> Trial | None:
        """The best trial; None when every trial failed."""
        return self.trials[0] if self.model is not None else None


@dataclass(frozen=True, eq=False)
class Judged:
    """What the hold-out has said, once."""

    dataset: Dataset
    sizes: np.ndarray
    scores: np.ndarray
    n_trials: int
    opening: int
    gate: Gate


def develop(
    development: Dataset,
    plan: Plan,
    *,
    checkpoints: ScoreStore | None = None,
    n_jobs: int = 2,
    on_progress: Progress | None = None,
) -> Developed:
    """Search on the development part and refit the winner on all of it.

    Parameters
    ----------
    development : the part before the border; see `models.splits.split_holdout`.
    plan : what to try.
    checkpoints : where the scores of finished candidates are kept, to go on after an interruption.
    n_jobs : fits at a time; what is found does not depend on it.
    on_progress : called with the number of fits done, the number in all, and a candidate's name.
    """
    folds = plan.fold(development)
    candidates = plan.candidates()
    searched = _search(development, candidates, folds, plan, checkpoints, n_jobs, on_progress)
    trials = [_trial(found, name, development, folds, plan) for found in searched for name in plan.applications]
    # Failed trials go last; among equals the earlier candidate, which is the simpler one, stays ahead.
    trials.sort(key=lambda trial: -trial.fitness if math.isfinite(trial.fitness) else math.inf)
    scores = {found.candidate.key: found.scores for found in searched}
    for trial in trials:
        if not math.isfinite(trial.fitness):
            break
        own = scores[trial.candidate.key]
        try:
            application = application_named(trial.application).fit(
                own, development, fitness=fitness_named(plan.fitness), minimum_trades=plan.minimum_trades
            )
        except NoChoice:
            continue
        model = engine_named(trial.candidate.engine).fit(
            trial.candidate, development.X, development.y, development.weight, seed=plan.seed
        )
        ordered = [trial, *(other for other in trials if other is not trial)]
        return Developed(development, ordered, model, application, own)
    return Developed(development, trials, None, None, np.full(len(development), np.nan))


def _search(
    dataset: Dataset,
    candidates: list[Candidate],
    folds: list[Fold],
    plan: Plan,
    checkpoints: ScoreStore | None,
    n_jobs: int,
    on_progress: Progress | None,
) -> list[Searched]:
    kept = (
        {} if checkpoints is None else {c.key: found for c in candidates if (found := checkpoints.get(c)) is not None}
    )
    missing = [candidate for candidate in candidates if candidate.key not in kept]
    total, done = len(candidates) * len(folds), len(kept) * len(folds)
    # As many at a time as there are jobs keep them busy over the folds, and each group is safe once it is done.
    for first in range(0, len(missing), n_jobs):
        group = missing[first : first + n_jobs]

        def report(step: int, of_group: int, name: str, done: int = done) -> None:
            if on_progress is not None:
                on_progress(done + step, total, name)

        for found in search(dataset, group, folds, seed=plan.seed, n_jobs=n_jobs, on_progress=report):
            kept[found.candidate.key] = found
            if checkpoints is not None:
                checkpoints.put(found)
        done += len(group) * len(folds)
    return [kept[candidate.key] for candidate in candidates]


def _trial(found: Searched, application: str, dataset: Dataset, folds: list[Fold], plan: Plan) -> Trial:
    fitness = fitness_named(plan.fitness)
    nothing = np.zeros(len(dataset))
    failed = Trial(found.candidate, application, nothing, math.nan, measure(dataset, nothing), None, [], found.error)
    if found.error is not None:
        return failed
    try:
        sizes, chosen = out_of_fold_sizes(
            application, found.scores, dataset, folds, fitness=fitness, minimum_trades=plan.minimum_trades
        )
    except NoChoice as reason:
        return Trial(found.candidate, application, nothing, math.nan, failed.measures, None, [], str(reason))
    value = fitness(dataset, sizes, minimum_trades=plan.minimum_trades)
    error = None if math.isfinite(value) else f"keeps {int(np.count_nonzero(sizes))} trades, or has no losing day"
    return Trial(
        found.candidate,
        application,
        sizes,
        value,
        measure(dataset, sizes),
        random_filter(dataset, sizes, seed=plan.seed),
        chosen,
        error,
    )


def open_holdout(
    holdout: Dataset,
    developed: Developed,
    plan: Plan,
    *,
    ledger: Ledger,
    experiment: str,
    symbols: list[str],
    certificates: Mapping[str, bool | str],
) -> Judged:
    """Open the hold-out for the winner and hold it against the gate.

    Parameters
    ----------
    holdout : the sealed part.
    developed : with the winner fixed; without one the gate stays closed and says so.
    ledger : gets the trials, and the opening before the hold-out is read. The same winner on the same hold-out, after
        an interruption, is one opening.
    experiment, symbols : under which both are written.
    certificates : see `models.significance.gate.judge`.
    """
    record_trials(developed, ledger=ledger, experiment=experiment, symbols=symbols)
    n_trials = ledger.count_trials(symbols)
    winner = developed.winner
    opening = _opening(holdout, developed, ledger, experiment, symbols)
    if winner is None or developed.model is None or developed.application is None:
        nothing = np.zeros(len(holdout))
        gate = Gate((Condition("winner", math.nan, 1.0, False, "No trial succeeded, so there is no filter to judge."),))
        return Judged(holdout, nothing, np.full(len(holdout), np.nan), n_trials, opening, gate)
    scores = developed.model.predict(holdout.X)
    sizes = developed.application.sizes(scores, holdout.instance)
    gate = judge(
        holdout=holdout,
        sizes=sizes,
        winner_returns_development=daily_returns(developed.dataset, winner.sizes),
        trial_returns_development=trial_returns(developed),
        n_trials=n_trials,
        certificates=certificates,
        limits=plan.gate,
        seed=plan.seed,
    )
    return Judged(holdout, sizes, scores, n_trials, opening, gate)


def _opening(holdout: Dataset, developed: Developed, ledger: Ledger, experiment: str, symbols: list[str]) -> int:
    """Log the opening and give its number. A run that was cut short after it and goes on takes the same look."""
    winner, (start, end) = developed.winner, holdout.period
    name = "no winner" if winner is None else f"{winner.candidate.name} {winner.application}"
    reason = f"{name} of development {developed.dataset.fingerprint}, up to {format_time(end)}"
    for number, known in enumerate(ledger.holdout_openings(symbols), start=1):
        if (known["experiment"], known["border"], known["reason"]) == (experiment, start, reason):
            return number
    return ledger.open_holdout(experiment, symbols, start, reason)


def record_trials(developed: Developed, *, ledger: Ledger, experiment: str, symbols: list[str]) -> None:
    """Write every trial into the ledger, the failed ones included."""
    ledger.record_trials(
        experiment,
        ",".join(symbols),
        [
            {
                "candidate": trial.candidate.key,
                "application": trial.application,
                "fitness": trial.fitness,
                "sharpe": trial.measures.sharpe,
            }
            for trial in developed.trials
        ],
    )


def trial_returns(developed: Developed) -> np.ndarray:
    """Put the out-of-fold daily returns of the trials that did not fail side by side: (n_days, n_trials)."""
    columns = [daily_returns(developed.dataset, trial.sizes) for trial in developed.trials if trial.error is None]
    n_days = len(developed.dataset.calendar.days(*developed.dataset.period))
    return np.stack(columns, axis=1) if columns else np.empty((n_days, 0))


__all__ = [
    "Developed", "Judged", "Plan", "Trial", "develop", "open_holdout", "record_trials", "split_holdout",
    "trial_returns",
]  # fmt: skip
