"""Verdicts: which strategies are worth it, alone or filtered, each with an interval and the trades that it rests on.

The expectancy of a strategy is judged, its net return per unit of capital, so no trade counts for more than its stake.
Many strategies are judged at once: the false discoveries of the whole table are controlled, and every interval of it
has the same width in terms of its error, so that a verdict and its interval never contradict each other.

NaN rule: what rests on too few trades or days has no interval (NaN) and takes no part in the control.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradesieve.models.dataset import Dataset
from tradesieve.models.fitness.bounded_ratio import mean_and_error
from tradesieve.models.fitness.filtered_returns import capital_effects, checked_sizes, effective_number
from tradesieve.models.fitness.registry import MINIMUM_TRADES
from tradesieve.models.json_values import json_safe
from tradesieve.models.significance.bootstrap import resampled_days, standardised_means

WORTH_ALONE, WORTH_FILTERED = "worth it alone", "worth it filtered"
NOT_WORTH, UNTOLD = "not worth it", "cannot be told"
FALSE_DISCOVERY_RATE = 0.05
"""The expected share of wrong ones among the verdicts of a table that say something."""
MINIMUM_DAYS = 10
"""With exits on fewer effective days, an expectancy is not judged."""
_N_RESAMPLES = 500
_MATCHED = 0.975  # the quantile at which Student's distribution is widened to that of the resamples


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What some trades earned, day by day.

    Parameters
    ----------
    effect, capital : float64 (n_days,), what the trades that exit on a day earned, and the capital in them, in the same
        unit.
    n_trades : the number of trades.
    effective_trades : of them, those that carry the capital, see `models.fitness.filtered_returns.effective_number`.
    """

    effect: np.ndarray
    capital: np.ndarray
    n_trades: int
    effective_trades: float

    @classmethod
    def of(cls, day: np.ndarray, n_days: int, net_return: np.ndarray, capital: np.ndarray) -> Outcomes:
        """Sum trades by the day of their exit.

        Parameters
        ----------
        day : int64 (n_trades,), from 0 to `n_days` - 1.
        net_return, capital : float64 (n_trades,); a trade without capital is none.
        """
        return cls(
            np.bincount(day, weights=capital * net_return, minlength=n_days),
            np.bincount(day, weights=capital, minlength=n_days),
            int(np.count_nonzero(capital)),
            effective_number(capital),
        )

    @property
    def expectancy(self) -> float:
        """The net return per unit of capital; NaN without a trade."""
        total = float(self.capital.sum())
        return float(self.effect.sum()) / total if total > 0 else math.nan


@dataclass(frozen=True)
class Expectancy:
    """An expectancy with its error.

    Parameters
    ----------
    value : net return per unit of capital.
    error : its standard error; NaN with too few trades or days, or equal returns.
    below, above : how many times wider than Student's the distribution is that bounds the value from below and above.
    n_trades, n_days : trades, and effective days on which they exit.
    """

    value: float
    error: float
    below: float
    above: float
    n_trades: int
    n_days: float

    @property
    def p_value(self) -> float:
        """The probability of a value at least as far from zero where the expectancy is zero; NaN without an error."""
        from scipy.stats import t  # slow to import; applying a model does not need it

        if not self.error > 0:
            return math.nan
        widened = self.error * (self.below if self.value > 0 else self.above)
        return float(2 * t.sf(abs(self.value) / widened, self.n_days - 1))

    def interval(self, error_rate: float) -> tuple[float, float]:
        """Return the interval that misses the truth at this rate, half of it on each side."""
        from scipy.stats import t

        if not self.error > 0:
            return math.nan, math.nan
        reach = self.error * float(t.isf(error_rate / 2, self.n_days - 1))
        return self.value - self.below * reach, self.value + self.above * reach


def estimate_expectancy(outcomes: Outcomes, resamples: Sequence[np.ndarray]) -> Expectancy:
    """Estimate the expectancy of trades and its error from the days on which they exit.

    1. Subtract from what each day earned the expectancy times the capital of the day; the mean of these, over the mean
       capital, is the error of the expectancy to first order.
    2. Compute its standard error, which allows for correlation between days, and by how many of its own standard errors
       the mean of each resample of the days in blocks is off.
    3. Where these are more than Student's distribution allows, with as many degrees of freedom as effective days less
       one, widen it: on each side by the ratio at the quantile of 97.5 %. Rare large losses are answered for so, and
       rare large gains never make a value look surer.

    Parameters
    ----------
    resamples : from `models.significance.bootstrap.resampled_days`, of as many days.
    """
    from scipy.stats import t

    value, n_days = outcomes.expectancy, effective_number(outcomes.capital)
    unjudged = Expectancy(value, math.nan, math.nan, math.nan, outcomes.n_trades, n_days)
    # A rounding error must not take a trade or a day away from equal ones.
    if outcomes.effective_trades < MINIMUM_TRADES - 1e-6 or n_days < MINIMUM_DAYS - 1e-6:
        return unjudged
    surplus = (outcomes.effect - value * outcomes.capital) / float(outcomes.capital.mean())
    error = float(mean_and_error(surplus[None, :])[1][0])
    if not error > 1e-12 * abs(value):
        return unjudged
    drawn = standardised_means(surplus, resamples)
    student = float(t.ppf(_MATCHED, n_days - 1))
    low, high = np.quantile(drawn[np.isfinite(drawn)], [1 - _MATCHED, _MATCHED])
    below, above = max(1.0, float(high) / student), max(1.0, -float(low) / student)
    return Expectancy(value, error, below, above, outcomes.n_trades, n_days)


def error_rate_of(p_values: np.ndarray, *, false_discovery_rate: float = FALSE_DISCOVERY_RATE) -> float:
    """Return the rate at which each interval of a table may miss, so that the false discoveries of all are controlled.

    1. Find the largest number R of p-values of which each is at most ``false_discovery_rate * R / n`` (Benjamini and
       Hochberg, 1995).
    2. Return that limit: an interval that misses at this rate excludes zero exactly for these R, and the discoveries'
       intervals cover as often as the rate says (Benjamini and Yekutieli, 2005).

    Parameters
    ----------
    p_values : float; NaN takes no part.

    Examples
    --------
    >>> error_rate_of(np.array([0.001, 0.02, 0.6, np.nan]))
    0.03333333333333333
    """
    known = np.sort(p_values[~np.isnan(p_values)])
    if not len(known):
        return false_discovery_rate
    limits = false_discovery_rate * np.arange(1, len(known) + 1) / len(known)
    found = np.flatnonzero(known <= limits)
    return float(limits[found[-1]] if len(found) else limits[0])


def judge_outcomes(
    names: Sequence[str], alone: Sequence[Outcomes], filtered: Sequence[Outcomes] | None = None, *, seed: int
) -> dict[str, Any]:
    """Give each strategy a verdict.

    1. Estimate the expectancy of each, of all its trades and of those that a filter keeps, see `estimate_expectancy`.
    2. Choose the error rate of every interval by all of their p-values together, see `error_rate_of`.
    3. ``worth it alone``: the interval of all trades is above zero. ``worth it filtered``: else, that of the filtered
       ones is. ``not worth it``: that of all trades is below zero, and the filtered ones do not earn, or are too few to
       be judged. ``cannot be told``: anything else.

    Parameters
    ----------
    names : of the strategies.
    alone, filtered : of each strategy, over the same days; None without a filter.
    seed : of the resamples.

    Returns
    -------
    JSON-safe: ``false_discovery_rate``, ``error_rate``, ``n_tests``, ``n_discoveries`` and ``rows``, one a strategy:
    ``name``, ``verdict``, ``basis`` (``alone`` or ``filtered``) with its ``expectancy``, ``low``, ``high``,
    ``n_trades`` and ``n_days``, ``reason``, and the same five with the prefix ``alone_``, and with ``filtered_`` where
    there is a filter.
    """
    every = [*alone, *(filtered or ())]
    n_days = len(every[0].effect) if every else 1
    resamples = list(resampled_days(n_days, n_resamples=_N_RESAMPLES, seed=seed))
    estimates = [estimate_expectancy(outcomes, resamples) for outcomes in every]
    p_values = np.array([estimate.p_value for estimate in estimates])
    error_rate = error_rate_of(p_values)
    kept: Sequence[Expectancy | None] = estimates[len(alone) :] if filtered is not None else [None] * len(alone)
    rows = [
        _row(name, own, of_filter, error_rate)
        for name, own, of_filter in zip(names, estimates[: len(alone)], kept, strict=True)
    ]
    return json_safe(
        {
            "false_discovery_rate": FALSE_DISCOVERY_RATE,
            "error_rate": error_rate,
            "n_tests": int(np.count_nonzero(~np.isnan(p_values))),
            "n_discoveries": int(np.count_nonzero(p_values <= error_rate)),
            "rows": rows,
        }
    )


def judge_instances(dataset: Dataset, sizes: np.ndarray | None, *, seed: int) -> dict[str, Any]:
    """Give each strategy instance of a dataset a verdict.

    Parameters
    ----------
    sizes : float64 (n_trades,), of the filter; None without one.

    Returns
    -------
    As `judge_outcomes`, one row for each of ``instance_names``.

    Raises
    ------
    BadInput, BadData : as `models.fitness.filtered_returns.daily_returns`.
    """
    day, _, n_days = capital_effects(dataset)
    order, offsets = dataset.by_instance()
    rows = [order[offsets[code] : offsets[code + 1]] for code in range(len(dataset.instance_names))]

    def outcomes(capital: np.ndarray) -> list[Outcomes]:
        return [Outcomes.of(day[own], n_days, dataset.net_return[own], capital[own]) for own in rows]

    filtered = None if sizes is None else outcomes(checked_sizes(dataset, sizes) * dataset.stake)
    return judge_outcomes(dataset.instance_names, outcomes(dataset.stake), filtered, seed=seed)


def describe_control(verdicts: Mapping[str, Any]) -> str:
    """Return a sentence on how the false discoveries of a table of verdicts are controlled."""
    return (
        f"Over all {verdicts['n_tests']:,} tests of this table together, at most "
        f"{verdicts['false_discovery_rate']:.0%} of the verdicts that say something are expected to be wrong "
        f"(Benjamini and Hochberg); so each interval is one of {100 * (1 - verdicts['error_rate']):.4g} %"
    )


def _row(name: str, alone: Expectancy, filtered: Expectancy | None, error_rate: float) -> dict[str, Any]:
    verdict = _verdict(alone, filtered, error_rate)
    on_filtered = verdict == WORTH_FILTERED and filtered is not None
    basis = filtered if on_filtered and filtered is not None else alone
    row = {"name": name, "verdict": verdict, "basis": "filtered" if on_filtered else "alone"}
    row |= _numbers(basis, error_rate) | {"reason": _reason(verdict, alone, filtered, error_rate)}
    for prefix, of in (("alone", alone), ("filtered", filtered)):
        row |= {} if of is None else {f"{prefix}_{key}": value for key, value in _numbers(of, error_rate).items()}
    return row


def _numbers(of: Expectancy, error_rate: float) -> dict[str, Any]:
    low, high = of.interval(error_rate)
    return {"expectancy": of.value, "low": low, "high": high, "n_trades": of.n_trades, "n_days": round(of.n_days)}


def _verdict(alone: Expectancy, filtered: Expectancy | None, error_rate: float) -> str:
    low, high = alone.interval(error_rate)
    if low > 0:
        return WORTH_ALONE
    if filtered is not None and filtered.interval(error_rate)[0] > 0:
        return WORTH_FILTERED
    may_earn_filtered = filtered is not None and filtered.error > 0 and filtered.value > 0
    return NOT_WORTH if high < 0 and not may_earn_filtered else UNTOLD


def _reason(verdict: str, alone: Expectancy, filtered: Expectancy | None, error_rate: float) -> str:
    if verdict == WORTH_ALONE:
        return "it earns without a filter"
    if verdict == WORTH_FILTERED:
        return "what the filter keeps earns; all trades are not sure to"
    if not alone.error > 0:
        return _too_few(alone)
    loses = alone.interval(error_rate)[1] < 0
    kept = "" if filtered is None or filtered.error > 0 else f"; filtered: {_too_few(filtered)}"
    if verdict == NOT_WORTH:
        return f"it loses{kept or ('' if filtered is None else ', filtered too')}"
    return "it loses, and filtered may earn" if loses else f"luck explains it: the interval holds zero{kept}"


def _too_few(of: Expectancy) -> str:
    if not of.n_trades:
        return "no trade"
    needed = f"{MINIMUM_TRADES} on {MINIMUM_DAYS} days are judged"
    if of.n_trades >= MINIMUM_TRADES and round(of.n_days) >= MINIMUM_DAYS:
        return f"{of.n_trades:,} trades of equal returns, or a few carry the capital: {needed}"
    return f"too few: trades {of.n_trades:,}, days {of.n_days:.0f}; {needed}"
