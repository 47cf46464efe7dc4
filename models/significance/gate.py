"""The gate: a winner may be exported only if every condition holds, each explained in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness import MINIMUM_TRADES, checked_sizes, daily_returns
from tradesieve.models.json_values import json_safe
from tradesieve.models.significance.bootstrap import bootstrap_lower_bounds
from tradesieve.models.significance.deflated_sharpe import deflated_sharpe
from tradesieve.models.significance.overfitting import probability_of_overfitting
from tradesieve.models.significance.permutation import permutation_test, rotation_test
from tradesieve.strategies.statistics.daily_returns import sharpe

CERTIFICATES = ("causality", "parity")
"""Certificates that the gate always requires."""


@dataclass(frozen=True)
class Condition:
    """One condition of the gate.

    Parameters
    ----------
    name : short and stable, for tables and manifests.
    value : what was measured; NaN if undefined, which never passes.
    threshold : the limit of `value`.
    passed : whether the condition holds.
    reason : one sentence.
    """

    name: str
    value: float
    threshold: float
    passed: bool
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the condition ready for JSON, with None for NaN."""
        return json_safe(asdict(self))


@dataclass(frozen=True)
class Gate:
    """The verdict: the conditions, and whether all of them hold."""

    conditions: tuple[Condition, ...]

    @property
    def open(self) -> bool:
        """Whether every condition passed; a gate without conditions is closed."""
        return bool(self.conditions) and all(condition.passed for condition in self.conditions)

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict ready for JSON."""
        return {"open": self.open, "conditions": [condition.as_dict() for condition in self.conditions]}


@dataclass(frozen=True)
class GateLimits:
    """The limits of the gate.

    Parameters
    ----------
    minimum_trades : fewest trades that the filter must keep on the hold-out.
    significance : highest p-value of the permutation test and of the rotation test.
    confidence : of the lower bounds of the Sortino ratio and of its improvement.
    deflated_sharpe : lowest probability that the Sharpe ratio exceeds the best of as many worthless trials.
    overfitting : the probability of backtest overfitting must be below this.
    """

    minimum_trades: int = MINIMUM_TRADES
    significance: float = 0.05
    confidence: float = 0.95
    deflated_sharpe: float = 0.95
    overfitting: float = 0.5

    def __post_init__(self) -> None:
        if self.minimum_trades < 1:
            raise BadInput(f"minimum_trades is {self.minimum_trades}, but must be at least 1")
        for name in ("significance", "confidence", "deflated_sharpe", "overfitting"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}, but must lie between 0 and 1")


def judge(
    *,
    holdout: Dataset,
    sizes: np.ndarray,
    winner_returns_development: np.ndarray,
    trial_returns_development: np.ndarray,
    n_trials: int,
    certificates: Mapping[str, bool | str],
    limits: GateLimits | None = None,
    seed: int,
) -> Gate:
    """Judge the winner by every condition of the gate.

    1. On the hold-out, which no trial has seen: enough kept trades, the permutation and the rotation test, and lower
       bounds of the filtered Sortino ratio and of its improvement over taking every trade.
    2. On the development part's out-of-fold returns: the deflated Sharpe ratio and the probability of overfitting,
       which correct for choosing the winner among the trials.
    3. The certificates.

    Parameters
    ----------
    holdout : the sealed rows, opened once.
    sizes : float (n_trades,), the winner's sizes on the hold-out.
    winner_returns_development : float (n_days,), the winner's out-of-fold daily returns.
    trial_returns_development : float (n_days, n_trials_here), of every trial that did not fail.
    n_trials : the ledger's count for these symbols, all experiments together; at least the trials given here.
    certificates : True where one was earned; anything else fails, and a string is the reason. ``causality`` and
        ``parity`` fail when they are missing.
    limits : ``GateLimits()`` if None.

    Raises
    ------
    BadInput, BadData : if a condition cannot be measured, or `n_trials` is less than the trials given.
    """
    limits = limits or GateLimits()
    if trial_returns_development.ndim != 2 or n_trials < trial_returns_development.shape[1]:
        raise BadInput(f"n_trials is {n_trials}, but trial_returns has shape {trial_returns_development.shape}")
    sizes = checked_sizes(holdout, sizes)
    return Gate(
        (
            _enough_trades(sizes, limits),
            *_beats_chance(holdout, sizes, limits, seed),
            *_bounds(holdout, sizes, limits, seed),
            _deflated(winner_returns_development, trial_returns_development, n_trials, limits),
            _overfitting(trial_returns_development, limits),
            *_certified(certificates),
        )
    )


def _enough_trades(sizes: np.ndarray, limits: GateLimits) -> Condition:
    n_kept = int(np.count_nonzero(sizes))
    passed = n_kept >= limits.minimum_trades
    verdict = "enough to judge it" if passed else f"too few to judge it: at least {limits.minimum_trades} are needed"
    reason = f"The filter kept {n_kept} of {len(sizes)} trades on the hold-out, {verdict}."
    return Condition("trades_kept", float(n_kept), float(limits.minimum_trades), passed, reason)


def _beats_chance(holdout: Dataset, sizes: np.ndarray, limits: GateLimits, seed: int) -> tuple[Condition, Condition]:
    shuffled, _ = permutation_test(holdout, sizes, seed=seed)
    rotated, _ = rotation_test(holdout, sizes, seed=seed)
    return (
        _chance("beats_random_filter", shuffled, "random filters that keep as many trades of each strategy", limits),
        _chance("beats_other_times", rotated, "shifts of the same filter to other times", limits),
    )


def _chance(name: str, p_value: float, rivals: str, limits: GateLimits) -> Condition:
    passed = p_value <= limits.significance
    if math.isnan(p_value):
        reason = "The filtered trades of the hold-out have no losing day, so there is no Sortino ratio to test."
    else:
        reason = (
            f"Of {rivals}, {p_value:.1%} did at least as well on the hold-out; the limit is {limits.significance:.1%}."
        )
    return Condition(name, p_value, limits.significance, passed, reason)


def _bounds(holdout: Dataset, sizes: np.ndarray, limits: GateLimits, seed: int) -> tuple[Condition, Condition]:
    filtered, improvement = bootstrap_lower_bounds(
        daily_returns(holdout, np.ones(len(holdout))),
        daily_returns(holdout, sizes),
        days_per_year=holdout.calendar.days_per_year,
        confidence=limits.confidence,
        seed=seed,
    )
    return (
        _bound("sortino_above_zero", filtered, "the Sortino ratio of the filtered trades on the hold-out", limits),
        _bound(
            "improvement_above_zero",
            improvement,
            "the improvement of the Sortino ratio over taking every trade",
            limits,
        ),
    )


def _bound(name: str, bound: float, what: str, limits: GateLimits) -> Condition:
    if math.isnan(bound):
        reason = f"There are too few losing days for a lower bound of {what}."
    else:
        reason = f"With {limits.confidence:.0%} confidence, {what} is above {bound:.2f}; it must be above zero."
    return Condition(name, bound, 0.0, bound > 0, reason)


def _deflated(winner: np.ndarray, trials: np.ndarray, n_trials: int, limits: GateLimits) -> Condition:
    ratios = np.array([sharpe(column, days_per_year=1.0) for column in trials.T])
    value = deflated_sharpe(winner, n_trials=n_trials, trial_sharpes=ratios)
    if math.isnan(value):
        reason = (
            "The deflated Sharpe ratio is undefined: the winner, or all but one of the trials, has no Sharpe ratio."
        )
    else:
        reason = (
            f"After {n_trials} trials on these symbols, the probability that the winner's Sharpe ratio is better than "
            f"the best of as many worthless trials is {value:.1%}; at least {limits.deflated_sharpe:.1%} is needed."
        )
    return Condition("deflated_sharpe", value, limits.deflated_sharpe, value >= limits.deflated_sharpe, reason)


def _overfitting(trials: np.ndarray, limits: GateLimits) -> Condition:
    value = probability_of_overfitting(trials)
    if math.isnan(value):
        reason = "Overfitting cannot be measured: more days, or at least two different trials, are needed."
    else:
        reason = (
            f"The trial that wins on one half of the time ranks in the lower half on the other in {value:.1%} of the "
            f"splits; it must be less than {limits.overfitting:.1%}."
        )
    return Condition("overfitting", value, limits.overfitting, value < limits.overfitting, reason)


def _certified(certificates: Mapping[str, bool | str]) -> list[Condition]:
    conditions = []
    for name in dict.fromkeys((*CERTIFICATES, *certificates)):
        verdict = certificates.get(name, "it was not checked")
        passed = verdict is True
        if passed:
            reason = f"The {name} certificate was earned."
        else:
            reason = (
                f"The {name} certificate is missing: {verdict if isinstance(verdict, str) else 'its check failed'}."
            )
        conditions.append(Condition(f"{name}_certificate", float(passed), 1.0, passed, reason))
    return conditions
