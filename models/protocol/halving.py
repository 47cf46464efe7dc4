"""Successive halving: every candidate of a wide plan on a few folds, and the best of them on more.

Source: Jamieson and Talwalkar (2016), Non-stochastic Best Arm Identification and Hyperparameter Optimization.

1. Score every candidate on the last few folds, and judge its trials on what these test.
2. Keep the best part of the candidates by the best of their trials, and score them on further folds; what they were
   scored on before is not fitted again.
3. Repeat it until those that are left are scored on all folds: these alone stand on the leaderboard.

With 5 folds and a third kept, it takes 60 % of the fits; with 10 folds, 33 %. Each trial of each round is a trial of
the ledger, so a candidate that goes on counts twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tradesieve.models.engines.base import Candidate
from tradesieve.models.fitness.filtered_returns import improvement_returns
from tradesieve.models.protocol.batches import Batches, tested_part
from tradesieve.models.protocol.candidate_scores import CandidateScores
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search_order import Budget, SearchOrder, parse_budget
from tradesieve.models.protocol.trials import judge_trial
from tradesieve.models.splits import Fold
from tradesieve.strategies.statistics.daily_returns import sharpe

_FEWEST_FOLDS = 2
"""The parameters of an application are chosen for a fold on the others."""


@dataclass(frozen=True)
class Round:
    """A round of successive halving.

    Parameters
    ----------
    n_folds : the last folds, on which its candidates are judged.
    n_new_folds : of these, those on which the round before did not score them.
    n_candidates : at most.
    """

    n_folds: int
    n_new_folds: int
    n_candidates: int

    @property
    def n_fits(self) -> int:
        """The most fits that it takes."""
        return self.n_new_folds * self.n_candidates


@dataclass(frozen=True)
class EarlyTrial:
    """A trial of a round before the last.

    Parameters
    ----------
    n_folds : on which it was judged.
    fitness : on what these folds test; NaN if it failed.
    sharpe : annualised, of the same.
    improvement : Sharpe ratio of one day of what it adds, see `models.fitness.filtered_returns.improvement_returns`.
    error : why it failed, else None.
    """

    candidate: Candidate
    application: str
    n_folds: int
    fitness: float
    sharpe: float
    improvement: float
    error: str | None


@dataclass(frozen=True, eq=False)
class Finalists:
    """What goes on to the last round.

    Parameters
    ----------
    candidates : the best first.
    scores : of each, out of fold, by its key; empty for a plan without rounds.
    n_folds : the last folds, on which they are known.
    dropped : candidates that the rounds before tried, and left behind.
    trials : of all rounds before.
    rounds : all of them, the last included.
    budget : what is left for the last one.
    """

    candidates: Sequence[Candidate]
    scores: Mapping[str, CandidateScores]
    n_folds: int
    dropped: tuple[Candidate, ...]
    trials: tuple[EarlyTrial, ...]
    rounds: tuple[Round, ...]
    budget: Budget

    @property
    def n_fits(self) -> int:
        """The most fits of the rounds before the last."""
        return sum(one.n_fits for one in self.rounds[:-1])


def plan_rounds(n_candidates: int, n_folds: int, factor: int) -> tuple[Round, ...]:
    """Plan the rounds: the last has all folds, and each before it a part of its folds, at least two.

    Examples
    --------
    >>> [(one.n_folds, one.n_candidates, one.n_fits) for one in plan_rounds(18, 5, 3)]
    [(2, 18, 36), (5, 6, 18)]
    """
    folds = [n_folds]
    while folds[0] > _FEWEST_FOLDS:
        folds.insert(0, max(_FEWEST_FOLDS, math.ceil(folds[0] / factor)))
    before, rounds = 0, []
    for own in folds:
        rounds.append(Round(own, own - before, n_candidates))
        before, n_candidates = own, math.ceil(n_candidates / factor)
    return tuple(rounds)


def halve(batches: Batches, candidates: Sequence[Candidate], folds: Sequence[Fold]) -> Finalists:
    """Find the candidates that are worth all folds.

    A budget of trials limits how many begin, so that all rounds keep to it. One of time is divided among the rounds in
    proportion to their fits; what a round leaves of it goes to those after.

    Parameters
    ----------
    candidates : the plainest first; among equals, the earlier one goes on.
    folds : of all rounds, in the order of time.
    """
    plan = batches.plan
    budget = parse_budget(plan.budget)
    going = list(candidates[: _n_affordable(plan, candidates, len(folds), budget)])
    rounds = plan_rounds(len(going), len(folds), plan.halving)
    n_fits, n_done, spent = sum(one.n_fits for one in rounds), 0, 0.0
    scores: dict[str, CandidateScores] = {}
    trials: list[EarlyTrial] = []
    dropped: list[Candidate] = []
    for own in rounds[:-1]:
        n_done += own.n_fits
        seconds = None if budget.seconds is None else budget.seconds * n_done / n_fits - spent
        order = SearchOrder(going, Budget(seconds=seconds), lambda _: 1, dimensions=())
        began = batches.after(n_done - own.n_fits, of=n_fits).stored_in(f"last_{own.n_folds}_folds")
        scores, found = _play(began, order, folds, own, scores)
        trials += found
        kept = _best(going, scores, found, math.ceil(len(scores) / plan.halving))
        dropped += [one for one in going if one.key in scores and one not in kept]
        going, spent = kept, spent + order.seconds_spent
    left = Budget(seconds=None if budget.seconds is None else max(0.0, budget.seconds - spent))
    n_known = rounds[-1].n_folds - rounds[-1].n_new_folds
    return Finalists(going, scores, n_known, tuple(dropped), tuple(trials), rounds, left)


def _play(
    batches: Batches, order: SearchOrder, folds: Sequence[Fold], own: Round, earlier: Mapping[str, CandidateScores]
) -> tuple[dict[str, CandidateScores], list[EarlyTrial]]:
    """Score and judge the candidates of a round."""
    judged_on, plan = folds[-own.n_folds :], batches.plan
    # A part of the time has a part of the trades.
    fewest = math.ceil(plan.minimum_trades * own.n_folds / len(folds))
    of_round = replace(plan, minimum_trades=fewest)
    tested = tested_part(batches.development, judged_on)
    scores: dict[str, CandidateScores] = {}
    trials: dict[str, list[EarlyTrial]] = {}

    def judge(scored: CandidateScores) -> None:
        candidate = scored.candidate
        scores[candidate.key], trials[candidate.key] = scored, []
        for application in plan.applications_of(candidate.task):
            trial = judge_trial(scored, application, batches.development, judged_on, tested, of_round)
            added = sharpe(improvement_returns(tested, trial.sizes), days_per_year=1.0)
            trials[candidate.key].append(
                EarlyTrial(
                    candidate, application, own.n_folds, trial.fitness, trial.measures.sharpe, added, trial.error
                )
            )

    while batch := order.next_batch(dict.fromkeys(scores, math.nan)):
        batches.score(batch, judged_on[: own.n_new_folds], order, judge, earlier=earlier)
    in_order = [one for one in order.candidates if one.key in scores]
    return scores, [trial for one in in_order for trial in trials[one.key]]


def _best(
    going: Sequence[Candidate], scores: Mapping[str, CandidateScores], trials: Sequence[EarlyTrial], n: int
) -> list[Candidate]:
    """Return the best candidates by the best of their trials; those whose trials all failed come last."""
    best = dict.fromkeys(scores, -math.inf)
    for trial in trials:
        if math.isfinite(trial.fitness):
            best[trial.candidate.key] = max(best[trial.candidate.key], trial.fitness)
    tried = [one for one in going if one.key in scores]
    return sorted(tried, key=lambda one: -best[one.key])[:n]


def _n_affordable(plan: Plan, candidates: Sequence[Candidate], n_folds: int, budget: Budget) -> int:
    """Count the candidates with which all rounds keep to a budget of trials; at least one."""
    if budget.trials is None:
        return len(candidates)
    each = max(len(plan.applications_of(one.task)) for one in candidates)
    n = len(candidates)
    while n > 1 and each * sum(one.n_candidates for one in plan_rounds(n, n_folds, plan.halving)) > budget.trials:
        n -= 1
    return n
