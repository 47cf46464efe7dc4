"""The gate: a winner may be exported only if every condition holds, each explained in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.filtered_returns import (
    checked_sizes,
    daily_returns,
    effective_days,
    effective_number,
    improvement_returns,
)
from tradesieve.models.fitness.registry import MINIMUM_TRADES
from tradesieve.models.json_values import json_safe
from tradesieve.models.significance.bootstrap import lower_bound
from tradesieve.models.significance.deflated_sharpe import days_needed, deflated_sharpe
from tradesieve.models.significance.overfitting import probability_of_loss
from tradesieve.models.significance.random_filters import rotation_test

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
    minimum_trades : fewest effective trades that the filter must keep on the hold-out, see
        `models.fitness.filtered_returns.effective_number`; copies of a trade in several instances are one.
    minimum_days : fewest effective days on which they must exit.
    significance : highest p-value of the rotation test.
    confidence : of the lower bounds of the filtered trades and of the improvement.
    deflated_sharpe : lowest probability that the Sharpe ratio of the improvement exceeds that of the best of as many
        worthless trials.
    probability_of_loss : the trial that wins on one half of the development part must lose on the other half less
        often than this.
    """

    minimum_trades: int = MINIMUM_TRADES
    minimum_days: int = 10
    significance: float = 0.05
    confidence: float = 0.95
    deflated_sharpe: float = 0.95
    probability_of_loss: float = 0.1

    def __post_init__(self) -> None:
        for name in ("minimum_trades", "minimum_days"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}, but must be at least 1")
        for name in ("significance", "confidence", "deflated_sharpe", "probability_of_loss"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}, but must lie between 0 and 1")

    def at_opening(self, number: int) -> GateLimits:
        """Return the limits at the nth opening of a hold-out: the errors allowed on it are divided by the square of n.

        So however often it is opened, all openings together are allowed less than twice the errors of the first.

        Examples
        --------
        >>> GateLimits().at_opening(2).significance
        0.0125
        """
        share = 1.0 / number**2
        return replace(self, significance=self.significance * share, confidence=1 - (1 - self.confidence) * share)


@dataclass(frozen=True, eq=False)
class Development:
    """What the development part knows of the winner and of the choice that was made there, all out of fold.

    Parameters
    ----------
    improvement : float (n_days,), what the winner adds, see `models.fitness.filtered_returns.improvement_returns`.
    returns : float (n_days, n_models), daily returns of the best trial of each model.
    n_trials : the ledger's count for these symbols, all experiments together; at least one.
    trial_sharpes : float, Sharpe ratios of one day of the improvement by the trials that the ledger knows, NaN if
        undefined.
    """

    improvement: np.ndarray
    returns: np.ndarray
    n_trials: int
    trial_sharpes: np.ndarray


def judge(
    *,
    holdout: Dataset,
    sizes: np.ndarray,
    development: Development,
    certificates: Mapping[str, bool | str],
    uncertified: Mapping[str, str] | None = None,
    limits: GateLimits | None = None,
    opening: int = 1,
    seed: int,
) -> Gate:
    """Judge the winner by every condition of the gate.

    1. On the hold-out, which no trial has seen: enough effective trades and days, the rotation test, and lower bounds
       of the Sortino ratio of the filtered trades, and of what the filter adds to the same capital in every trade.
    2. On the development part's out-of-fold returns: the deflated Sharpe ratio of the improvement, which corrects for
       choosing the winner among the trials, and how often such a choice loses money.
    3. The certificates.

    Parameters
    ----------
    holdout : the sealed rows.
    sizes : float (n_trades,), the winner's sizes on the hold-out.
    certificates : True where one was earned; anything else fails, and a string is the reason. ``causality`` and
        ``parity`` fail when they are missing.
    uncertified : a sentence on what a certificate does not cover, by its name; its reason includes it.
    limits : ``GateLimits()`` if None.
    opening : how often this hold-out has been opened, this time included; see `GateLimits.at_opening`.

    Raises
    ------
    BadInput, BadData : if a condition cannot be measured.
    """
    limits = (limits or GateLimits()).at_opening(opening)
    sizes = checked_sizes(holdout, sizes)
    return Gate(
        (
            *_enough_trades(holdout, sizes, limits),
            _beats_chance(holdout, sizes, limits, seed),
            *_bounds(holdout, sizes, limits, seed),
            _deflated(development, limits),
            _loses(development, limits),
            *_certified(certificates, uncertified or {}),
        )
    )


def _enough_trades(holdout: Dataset, sizes: np.ndarray, limits: GateLimits) -> tuple[Condition, Condition]:
    n_kept = int(np.count_nonzero(sizes))
    kept = f"The filter kept {n_kept} of {len(sizes)} trades on the hold-out; their capital counts as that of"
    # Instances of one rule share trades: the same times and the same return are one trade, however often it is made.
    outcome = np.column_stack([holdout.decision_time, holdout.exit_time, holdout.net_return.view(np.int64)])
    _, trade = np.unique(outcome, axis=0, return_inverse=True)
    distinct = effective_number(np.bincount(trade, weights=sizes * holdout.stake))
    return (
        _enough("trades_kept", distinct, limits.minimum_trades, f"{kept} {{}} equal and different trades"),
        _enough("days_traded", effective_days(holdout, sizes), limits.minimum_days, f"{kept} {{}} equal days"),
    )


def _enough(name: str, value: float, minimum: int, what: str) -> Condition:
    value = round(value, 6)  # a rounding error must not take a trade away
    passed = value >= minimum
    verdict = "enough to judge it" if passed else f"too few to judge it: at least {minimum} are needed"
    return Condition(name, value, float(minimum), passed, f"{what.format(f'{value:.0f}')}, {verdict}.")


def _beats_chance(holdout: Dataset, sizes: np.ndarray, limits: GateLimits, seed: int) -> Condition:
    p_value, _ = rotation_test(holdout, sizes, seed=seed)
    passed = p_value <= limits.significance
    if math.isnan(p_value):
        reason = "The filter kept no trade on the hold-out, so there is nothing to test."
    else:
        reason = (
            f"Of random filters, which are shifts of the same filter to other times, {p_value:.1%} added at "
            f"least as much on the hold-out, for their risk, to the same capital in every trade; the limit is "
            f"{limits.significance:.2%}."
        )
    return Condition("beats_random_filter", p_value, limits.significance, passed, reason)


def _bounds(holdout: Dataset, sizes: np.ndarray, limits: GateLimits, seed: int) -> tuple[Condition, Condition]:
    def bound(name: str, returns: np.ndarray, what: str) -> Condition:
        # A good filter may lose on so few days that the Sortino ratio of a resample is undefined. Both bounds are above
        # zero where the mean is; the Sharpe ratio's holds its level less well where few days trade, so it comes second.
        for ratio in ("sortino", "sharpe"):
            value = lower_bound(
                returns,
                ratio=ratio,
                days_per_year=holdout.calendar.days_per_year,
                confidence=limits.confidence,
                seed=seed,
            )
            if not math.isnan(value):
                break
        what = f"the {ratio.capitalize()} ratio of {what}"
        if math.isnan(value):
            reason = f"There are too few days for a lower bound of {what}."
        else:
            reason = f"With {limits.confidence:.1%} confidence, {what} is above {value:.2f}; it must be above zero"
            needed = days_needed(returns, confidence=limits.confidence)
            if value <= 0 and len(returns) < needed < math.inf:
                reason += f", for which about {needed:.0f} days like these {len(returns)} would be needed"
            reason += "."
        return Condition(name, value, 0.0, value > 0, reason)

    filtered, added = daily_returns(holdout, sizes), improvement_returns(holdout, sizes)
    return (
        bound("sortino_above_zero", filtered, "the filtered trades on the hold-out"),
        bound("improvement_above_zero", added, "what the filter adds to the same capital in every trade"),
    )


def _deflated(development: Development, limits: GateLimits) -> Condition:
    n_trials = development.n_trials
    value = deflated_sharpe(development.improvement, n_trials=n_trials, trial_sharpes=development.trial_sharpes)
    if math.isnan(value):
        reason = (
            "The deflated Sharpe ratio is undefined: the winner's improvement, or that of all but one of the trials, "
            "has no Sharpe ratio."
        )
    else:
        reason = (
            f"After {n_trials} trials on these symbols, the probability that the winner adds more than the best of as "
            f"many worthless trials would is {value:.1%}; at least {limits.deflated_sharpe:.1%} is needed."
        )
    return Condition("deflated_sharpe", value, limits.deflated_sharpe, value >= limits.deflated_sharpe, reason)


def _loses(development: Development, limits: GateLimits) -> Condition:
    value, limit = probability_of_loss(development.returns), limits.probability_of_loss
    if math.isnan(value):
        reason = "It cannot be measured whether the choice holds: more days, or a trial that succeeded, are needed."
    else:
        reason = (
            f"The model that wins on one half of the development part loses money on the other in {value:.1%} of the "
            f"splits; it must be less than {limit:.1%}."
        )
    return Condition("probability_of_loss", value, limit, value < limit, reason)


def _certified(certificates: Mapping[str, bool | str], uncertified: Mapping[str, str]) -> list[Condition]:
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
        if name in uncertified:
            reason += f" {uncertified[name]}"
        conditions.append(Condition(f"{name}_certificate", float(passed), 1.0, passed, reason))
    return conditions
