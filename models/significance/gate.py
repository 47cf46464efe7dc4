"""The gate: the winner may be exported only if every condition holds, each one explained in a sentence for a trader."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness import MINIMUM_TRADES, checked_sizes, daily_returns, sharpe
from tradesieve.models.json_values import json_safe
from tradesieve.models.significance.bootstrap import bootstrap_lower_bounds
from tradesieve.models.significance.deflated_sharpe import deflated_sharpe
from tradesieve.models.significance.overfitting import probability_of_overfitting
from tradesieve.models.significance.permutation import permutation_test, rotation_test

CERTIFICATES = ("causality", "parity")
"""Certificates that the gate always asks for, whether or not they were handed in."""


@dataclass(frozen=True)
class Condition:
    """One condition of the gate.

    Parameters
    ----------
    name : short and stable, for tables and manifests.
    value : what was measured; NaN when it is undefined, which never passes.
    threshold : what `value` is held against.
    passed : whether the condition holds.
    reason : one plain sentence.
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
        """Whether every condition passed; a gate that asked for nothing stays shut."""
        return bool(self.conditions) and all(condition.passed for condition in self.conditions)

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict ready for JSON."""
        return {"open": self.open, "conditions": [condition.as_dict() for condition in self.conditions]}


@dataclass(frozen=True)
class GateLimits:
    """What the gate asks for.

    Parameters
    ----------
    minimum_trades : trades that the filter keeps on the hold-out, at least.
    significance : highest p-value of the permutation and of the rotation test.
    confidence : of the lower bounds of the Sortino and of its improvement.
    deflated_sharpe : lowest probability that the Sharpe ratio is more than the best of as many worthless trials.
    overfitting : the probability of backtest overfitting stays below this.
    """

    minimum_trades: int = MINIMUM_TRADES
    significance: float = 0.05
    confidence: float = 0.95
    deflated_sharpe: float = 0.95
    overfitting: float = 0.5

    def __post_init__(self) -> None:
        if self.minimum_trades < 1:
            raise BadInput(f"minimum_trades is {self.minimum_trades}: at least 1 is needed")
        for name in ("significance", "confidence", "deflated_sharpe", "overfitting"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}: a probability between 0 and 1 is needed")


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
    """Hold the winner against every condition of the gate.

    The trades, both tests and both bounds are of the hold-out, which no trial has seen. The deflated Sharpe ratio and
    the probability of overfitting are of the development's out-of-fold returns, where the winner was chosen among the
    trials: that choice is what they correct for.

    Parameters
    ----------
    holdout : the sealed rows, opened once.
    sizes : float (n_trades,), the winner's sizes on the hold-out.
    winner_returns_development : float (n_days,), the winner's out-of-fold daily returns.
    trial_returns_development : float (n_days, n_trials_here), the same of every trial that has some.
    n_trials : the ledger's count for these symbols, all experiments together; at least the trials given here.
    certificates : True where one was earned; anything else fails, and a string says why. ``causality`` and ``parity``
        fail when they are missing.
    limits : ``GateLimits()`` when None.

    Raises
    ------
    BadInput, BadData : as the measures below it, and if `n_trials` is less than the trials given.
    """
    limits = limits or GateLimits()
    if trial_returns_development.ndim != 2 or n_trials < trial_returns_development.shape[1]:
        raise BadInput(f"n_trials {n_trials} does not cover trial_returns of shape {trial_returns_development.shape}")
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
    verdict = "enough to judge it" if passed else f"too few to judge it, {limits.minimum_trades} are needed"
    reason = f"The filter kept {n_kept} of {len(sizes)} trades on the hold-out, {verdict}."
    return Condition("trades_kept", float(n_kept), float(limits.minimum_trades), passed, reason)


def _beats_chance(holdout: Dataset, sizes: np.ndarray, limits: GateLimits, seed: int) -> tuple[Condition, Condition]:
    shuffled, _ = permutation_test(holdout, sizes, seed=seed)
    rotated, _ = rotation_test(holdout, sizes, seed=seed)
    return (
        _chance("beats_random_filter", shuffled, "filters that keep as many trades of each strategy at random", limits),
        _chance("beats_other_times", rotated, "the same filter applied at other times", limits),
    )


def _chance(name: str, p_value: float, rivals: str, limits: GateLimits) -> Condition:
    passed = p_value <= limits.significance
    if math.isnan(p_value):
        reason = (
            "The filtered trades of the hold-out have no losing day, or none at all, so they have no Sortino to test."
        )
    else:
        reason = f"Of {rivals}, {p_value:.1%} did as well on the hold-out; at most {limits.significance:.1%} may."
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
        _bound("sortino_above_zero", filtered, "the filtered Sortino on the hold-out", limits),
        _bound("improvement_above_zero", improvement, "the filter's gain in Sortino over taking every trade", limits),
    )


def _bound(name: str, bound: float, what: str, limits: GateLimits) -> Condition:
    if math.isnan(bound):
        reason = f"There are too few losing days to put a lower bound on {what}."
    else:
        reason = f"With {limits.confidence:.0%} confidence {what} is above {bound:.2f}; it has to be above zero."
    return Condition(name, bound, 0.0, bound > 0, reason)


def _deflated(winner: np.ndarray, trials: np.ndarray, n_trials: int, limits: GateLimits) -> Condition:
    ratios = np.array([sharpe(column, days_per_year=1.0) for column in trials.T])
    value = deflated_sharpe(winner, n_trials=n_trials, trial_sharpes=ratios)
    if math.isnan(value):
        reason = (
            "The luck of trying often cannot be measured: the winner or all but one of the trials have no Sharpe ratio."
        )
    else:
        reason = (
            f"After {n_trials} trials on these symbols the chance that the winner's Sharpe ratio is more than the luck "
            f"of trying often is {value:.1%}; at least {limits.deflated_sharpe:.1%} is needed."
        )
    return Condition("deflated_sharpe", value, limits.deflated_sharpe, value >= limits.deflated_sharpe, reason)


def _overfitting(trials: np.ndarray, limits: GateLimits) -> Condition:
    value = probability_of_overfitting(trials)
    if math.isnan(value):
        reason = (
            "Overfitting cannot be measured with fewer than two different trials or only a few days: search over more."
        )
    else:
        reason = (
            f"A winner chosen on one half of the time was below the median on the other half in {value:.1%} of the "
            f"cases; it has to be less than {limits.overfitting:.1%}."
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
