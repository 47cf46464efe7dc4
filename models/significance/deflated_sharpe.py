"""The deflated Sharpe ratio: is the winner better than the best of as many worthless trials?

Beside it the length of a track record from which a Sharpe ratio is sure.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.fitness.filtered_returns import check_finite
from tradesieve.strategies.statistics.daily_returns import sharpe

EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()


def deflated_sharpe(returns: np.ndarray, *, n_trials: int, trial_sharpes: np.ndarray) -> float:
    """Compute the probability that the true Sharpe ratio exceeds the expected best of `n_trials` worthless trials.

    1. Estimate the variance that the Sharpe ratios of worthless trials have, see Notes.
    2. Compute the ratio expected of the best of `n_trials` such trials: the benchmark.
    3. The result is the probability that the true ratio exceeds the benchmark, given length, skewness and kurtosis of
       the returns.

    Parameters
    ----------
    returns : float (n_days,), daily returns of the chosen trial, finite.
    n_trials : trials ever made on these data, the ledger's count, at least 1.
    trial_sharpes : float, Sharpe ratios of one day (not annualised) of the known trials; NaN are failed trials, left
        out of the variance, not of `n_trials`.

    Returns
    -------
    A probability. NaN when `returns` have no variance, or when several trials were made and fewer than two are known.

    Raises
    ------
    BadInput : if `n_trials` is below 1 or `returns` are not finite.

    Notes
    -----
    The paper takes the variance from the spread of the trials. Trials that truly differ (a linear model and a forest on
    a market with an edge) spread further than luck does, and would deflate a true edge most where it is largest. If no
    trial is worth anything, as the null hypothesis has it, their ratios spread by no more than the sampling variance of
    one, 1 / (n_days - 1); so the smaller of the two is used. Trials that are much alike spread less than that, and
    count as in the paper.

    Source: Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio, equations 1 and 2; Lo (2002) for the variance.

    Examples
    --------
    Two years of good returns convince as the only trial, less so as the best of a hundred:

    >>> random = np.random.default_rng(1)
    >>> returns = random.normal(0.0015, 0.01, 730)
    >>> trial_sharpes = random.normal(0.0, 0.03, 100)
    >>> [round(deflated_sharpe(returns, n_trials=n, trial_sharpes=trial_sharpes), 3) for n in (1, 100)]
    [0.995, 0.74]
    """
    check_finite("returns", returns)
    known = np.asarray(trial_sharpes, dtype=np.float64)
    known = known[~np.isnan(known)]
    variance = float(np.var(known, ddof=1)) if len(known) > 1 else math.nan
    ratio = sharpe(returns, days_per_year=1.0)
    if math.isnan(ratio):
        return math.nan
    variance = min(variance, 1.0 / (len(returns) - 1)) if not math.isnan(variance) else math.nan
    skewness, kurtosis = _shape(returns)
    return deflated_sharpe_of_moments(
        ratio,
        n_days=len(returns),
        skewness=skewness,
        kurtosis=kurtosis,
        n_trials=n_trials,
        sharpe_variance=variance,
    )


def _shape(returns: np.ndarray) -> tuple[float, float]:
    """Return skewness and kurtosis (not the excess) of returns that differ."""
    centred = returns - returns.mean()
    deviation = math.sqrt(np.mean(centred**2))
    return float(np.mean(centred**3)) / deviation**3, float(np.mean(centred**4)) / deviation**4


def deflated_sharpe_of_moments(
    ratio: float, *, n_days: int, skewness: float, kurtosis: float, n_trials: int, sharpe_variance: float
) -> float:
    """Deflate a Sharpe ratio of one day by the moments of its returns (Bailey and Lopez de Prado, 2014).

    Parameters
    ----------
    ratio : of one day, not annualised.
    kurtosis : 3 for normal returns, not the excess.
    sharpe_variance : of the trials' Sharpe ratios of one day; ignored for a single trial.

    Returns
    -------
    A probability, or NaN where it is undefined.

    Examples
    --------
    The paper's own, an annual ratio of 2.5 over 1250 days after 100 trials:

    >>> moments = dict(n_days=1250, skewness=-3.0, kurtosis=10.0, sharpe_variance=0.5 / 250)
    >>> round(deflated_sharpe_of_moments(2.5 / math.sqrt(250), n_trials=100, **moments), 4)
    0.9004
    """
    benchmark = expected_best_sharpe(n_trials=n_trials, sharpe_variance=sharpe_variance)
    uncertainty = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    if math.isnan(benchmark) or not uncertainty > 0:
        return math.nan
    return _NORMAL.cdf((ratio - benchmark) * math.sqrt(n_days - 1) / math.sqrt(uncertainty))


def expected_best_sharpe(*, n_trials: int, sharpe_variance: float) -> float:
    """Compute the expected highest Sharpe ratio of `n_trials` worthless trials (Bailey and Lopez de Prado, 2014).

    Returns
    -------
    In the unit of the ratios; 0 for a single trial, where the deflated ratio equals the probabilistic one.

    Raises
    ------
    BadInput : if `n_trials` is below 1.

    Examples
    --------
    >>> round(expected_best_sharpe(n_trials=100, sharpe_variance=0.5 / 250), 4)
    0.1132
    """
    if n_trials < 1:
        raise BadInput(f"n_trials is {n_trials}: the chosen trial itself counts as one")
    if n_trials == 1:
        return 0.0
    upper, further = _NORMAL.inv_cdf(1 - 1 / n_trials), _NORMAL.inv_cdf(1 - 1 / (n_trials * math.e))
    return math.sqrt(sharpe_variance) * ((1 - EULER_GAMMA) * upper + EULER_GAMMA * further)


def days_needed(returns: np.ndarray, *, confidence: float = 0.95) -> float:
    """Compute how many days like these it takes to be so confident that their mean is above zero.

    Returns
    -------
    `minimum_track_record_length` of their Sharpe ratio; NaN when the returns have no variance.

    Raises
    ------
    BadInput : if `returns` are not finite.
    """
    check_finite("returns", returns)
    ratio = sharpe(returns, days_per_year=1.0)
    if math.isnan(ratio):
        return math.nan
    skewness, kurtosis = _shape(returns)
    return minimum_track_record_length(ratio, skewness=skewness, kurtosis=kurtosis, confidence=confidence)


def minimum_track_record_length(
    ratio: float, *, skewness: float, kurtosis: float, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Compute the number of returns from which a Sharpe ratio surely exceeds a benchmark (MinTRL).

    Source: Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, equation 11.

    Parameters
    ----------
    ratio, benchmark : of one return, not annualised.
    kurtosis : 3 for normal returns, not the excess.

    Returns
    -------
    Infinity where the ratio does not exceed the benchmark.

    Examples
    --------
    The paper's own, in years: an annual ratio of 2 against 1, normal daily returns.

    >>> year = math.sqrt(252)
    >>> round(minimum_track_record_length(2 / year, skewness=0.0, kurtosis=3.0, benchmark=1 / year) / 252, 2)
    2.73
    """
    if ratio <= benchmark:
        return math.inf
    uncertainty = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    return 1.0 + uncertainty * (_NORMAL.inv_cdf(confidence) / (ratio - benchmark)) ** 2
