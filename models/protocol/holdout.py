"""The hold-out: opened once for the winner, after the opening is written into the ledger, and judged by the gate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradesieve.market.bars import format_time
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import improvement_returns
from tradesieve.models.protocol.ledger import Ledger
from tradesieve.models.protocol.plan import Plan
from tradesieve.models.protocol.search import SearchResult
from tradesieve.models.significance.gate import Condition, Development, Gate, judge
from tradesieve.strategies.statistics.daily_returns import sharpe

_NO_WINNER = Condition("winner", math.nan, 1.0, False, "No trial succeeded, so there is no filter to judge.")


@dataclass(frozen=True, eq=False)
class HoldoutResult:
    """The winner on the hold-out.

    Parameters
    ----------
    dataset : the hold-out.
    sizes, scores : float64 (n_trades,), of the winner; zeros and NaN without one.
    n_trials : trials on these symbols so far, all experiments together.
    opening : number of this opening among those on these symbols that share a time with it; 1 is the first.
    n_looks : how many of the earlier ones were looks, at which no winner was judged.
    gate : the verdict.
    """

    dataset: Dataset
    sizes: np.ndarray
    scores: np.ndarray
    n_trials: int
    opening: int
    n_looks: int
    gate: Gate


def open_holdout(
    holdout: Dataset,
    result: SearchResult,
    plan: Plan,
    *,
    ledger: Ledger,
    experiment: str,
    symbols: Sequence[str],
    certificates: Mapping[str, bool | str],
    uncertified: Mapping[str, str] | None = None,
) -> HoldoutResult:
    """Open the hold-out for the winner and judge it by the gate.

    1. Record the trials, then the opening, in the ledger.
    2. Score and size the trades of the hold-out with the winner.
    3. Check every condition of the gate.

    Parameters
    ----------
    holdout : the sealed part.
    result : of the search, with the winner fixed; without a winner the gate stays closed.
    ledger : the same winner on the same hold-out, after an interruption, counts as one opening.
    experiment, symbols : under which trials and opening are recorded.
    certificates, uncertified : see `models.significance.gate.judge`.

    Raises
    ------
    BadInput, Transient : if the ledger cannot be written.
    """
    record_trials(result, ledger=ledger, experiment=experiment, symbols=symbols)
    n_trials = ledger.count_trials(symbols)
    winner = result.winner
    opening = _record_opening(holdout, result, ledger, experiment, symbols)
    before = ledger.holdout_openings(symbols, holdout.period)[: opening - 1]
    n_looks = sum(known["look"] for known in before)
    if winner is None or result.model is None or result.application is None:
        nothing = np.zeros(len(holdout))
        unscored, closed = np.full(len(holdout), np.nan), Gate((_NO_WINNER,))
        return HoldoutResult(holdout, nothing, unscored, n_trials, opening, n_looks, closed)
    scores = result.model.predict(holdout.X)
    sizes = result.application.sizes(scores, holdout.instance)
    gate = judge(
        holdout=holdout,
        sizes=sizes,
        development=Development(
            improvement=improvement_returns(result.judged, winner.sizes),
            returns=result.model_returns(),
            n_trials=n_trials,
            trial_sharpes=ledger.trial_improvements(symbols),
        ),
        certificates=certificates,
        uncertified=uncertified,
        limits=plan.gate,
        opening=opening,
        seed=plan.seed,
    )
    return HoldoutResult(holdout, sizes, scores, n_trials, opening, n_looks, gate)


def record_trials(result: SearchResult, *, ledger: Ledger, experiment: str, symbols: Sequence[str]) -> None:
    """Record every trial in the ledger, failed and early ones included, for the experiment on these bars.

    Where the fits of a candidate search by themselves, each of the parameters that they try is a trial without numbers.
    """
    without_numbers = {"fitness": math.nan, "sharpe": math.nan, "improvement": math.nan}
    ledger.record_trials(
        f"{experiment}@{result.dataset.fingerprint}",
        ",".join(symbols),
        [
            {
                "candidate": trial.candidate.key,
                "application": trial.application,
                "fitness": trial.fitness,
                "sharpe": trial.measures.sharpe,
                "improvement": sharpe(improvement_returns(result.judged, trial.sizes), days_per_year=1.0),
            }
            for trial in result.trials
        ]
        + [
            {
                "candidate": trial.candidate.key,
                "application": f"{trial.application} on the last {trial.n_folds} folds",
                "fitness": trial.fitness,
                "sharpe": trial.sharpe,
                "improvement": trial.improvement,
            }
            for trial in result.early_trials
        ]
        + [
            {"candidate": key, "application": f"inner trial {number}"} | without_numbers
            for key, n_inner in result.n_inner_trials.items()
            for number in range(n_inner)
        ],
    )


def _record_opening(
    holdout: Dataset, result: SearchResult, ledger: Ledger, experiment: str, symbols: Sequence[str]
) -> int:
    """Record the opening and return its number; a resumed run repeats the opening that it recorded before."""
    winner, end = result.winner, holdout.period[1]
    name = "no winner" if winner is None else f"{winner.candidate.name} {winner.application}"
    reason = f"{name} of development {result.dataset.fingerprint}, up to {format_time(end)}"
    return ledger.open_once(experiment, symbols, holdout.period, reason)
