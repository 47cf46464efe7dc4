"""Overfitting: what the best of many trials shows when none of them is worth anything."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.fitness import sharpe

EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()
_COMBINATIONS_AT_ONCE = 512


def deflated_sharpe(returns: np.ndarray, *, n_trials: int, trial_sharpes: np.ndarray) -> float:
    """Find the probability that the true Sharpe ratio is above what the best of `n_trials` worthless ones would show.

    Parameters
    ----------
    returns : float (n_days,), daily returns of the chosen trial, finite.
    n_trials : trials ever made on these data, the ledger's count, at least 1.
    trial_sharpes : Sharpe ratios of one day (not annualised) of the trials that are known; NaN are failed trials and
        are left out of the variance, not of `n_trials`.

    Returns
    -------
    A probability. NaN when `returns` have no variance, or when several trials were made and fewer than two are known.

    Raises
    ------
    BadInput : if `n_trials` is below 1 or `returns` are not finite.

    Notes
    -----
    The paper takes the variance of luck from the spread of the trials. Trials that truly differ (a linear model and a
    forest on a market with an edge) spread further than luck does, and would then deflate a true edge most where it is
    largest. Were no trial worth anything, as the hurdle supposes, their ratios would spread by no more than the
    sampling error of one, 1 / (n_days - 1); so the smaller of the two is used. Trials that are much alike spread less
    than that, and count as the paper has it.

    Source: Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio, equations 1 and 2; Lo (2002) for the error.
    """
    check_finite("returns", returns)
    known = np.asarray(trial_sharpes, dtype=np.float64)
    known = known[~np.isnan(known)]
    variance = float(np.var(known, ddof=1)) if len(known) > 1 else math.nan
    ratio = sharpe(returns, days_per_year=1.0)
    if math.isnan(ratio):
        return math.nan
    variance = min(variance, 1.0 / (len(returns) - 1)) if not math.isnan(variance) else math.nan
    centred = returns - returns.mean()
    deviation = math.sqrt(np.mean(centred**2))
    return deflated_sharpe_of_moments(
        ratio,
        n_days=len(returns),
        skewness=float(np.mean(centred**3)) / deviation**3,
        kurtosis=float(np.mean(centred**4)) / deviation**4,
        n_trials=n_trials,
        sharpe_variance=variance,
    )


def deflated_sharpe_of_moments(
    ratio: float, *, n_days: int, skewness: float, kurtosis: float, n_trials: int, sharpe_variance: float
) -> float:
    """Deflate a Sharpe ratio of one day, from the moments of its returns (Bailey and Lopez de Prado, 2014).

    Parameters
    ----------
    kurtosis : 3 for normal returns, not the excess.
    sharpe_variance : of the trials' Sharpe ratios of one day; of no account with a single trial.

    Returns
    -------
    A probability, or NaN where it is undefined.

    The paper's example, an annual ratio of 2.5 over 1250 days after 100 trials:

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
    """Expect the highest Sharpe ratio among `n_trials` whose true ratio is zero (Bailey and Lopez de Prado, 2014).

    Returns
    -------
    In the unit of the ratios; 0 for a single trial, where the deflated ratio is the probabilistic one.

    Raises
    ------
    BadInput : if `n_trials` is below 1.
    """
    if n_trials < 1:
        raise BadInput(f"n_trials is {n_trials}: the chosen trial itself is one")
    if n_trials == 1:
        return 0.0
    upper, further = _NORMAL.inv_cdf(1 - 1 / n_trials), _NORMAL.inv_cdf(1 - 1 / (n_trials * math.e))
    return math.sqrt(sharpe_variance) * ((1 - EULER_GAMMA) * upper + EULER_GAMMA * further)


def probability_of_overfitting(trial_returns: np.ndarray, *, n_blocks: int = 10, ranked_by: str = "sortino") -> float:
    """Find how often the best trial on one half of the time is below the median on the other half (CSCV).

    The days are cut into `n_blocks` blocks; every choice of half of them is once the half to select on. The winner
    there is ranked among all trials on the rest: rank / (n_trials + 1) has a logit, and the probability of backtest
    overfitting (PBO) is the fraction of logits at or below zero (Bailey, Borwein, Lopez de Prado and Zhu, 2017).

    Parameters
    ----------
    trial_returns : float (n_days, n_trials), daily returns of every trial, finite, on the same days. Trials with
        identical returns count once.
    n_blocks : even, 2 to 16.
    ranked_by : ``"sortino"`` or ``"sharpe"``.

    Returns
    -------
    A probability: about 0.5 when the choice is noise. NaN with fewer than two distinct trials or two days a block. An
    undefined ratio ranks below every other, on either half.

    Raises
    ------
    BadInput : if an argument breaks the above.
    """
    if trial_returns.ndim != 2:
        raise BadInput(f"trial_returns has shape {trial_returns.shape}, expected (n_days, n_trials)")
    check_finite("trial_returns", trial_returns)
    if n_blocks % 2 or not 2 <= n_blocks <= 16:
        raise BadInput(f"n_blocks is {n_blocks}: allowed are even numbers from 2 to 16")
    if ranked_by not in ("sortino", "sharpe"):
        raise BadInput(f"ranked_by is {ranked_by!r}: allowed are 'sortino' and 'sharpe'")
    n_days = len(trial_returns)
    if n_days < 2 * n_blocks:
        return math.nan
    distinct = np.unique(trial_returns, axis=1)
    n_trials = distinct.shape[1]
    if n_trials < 2:
        return math.nan
    starts = np.arange(n_blocks) * n_days // n_blocks
    lengths = np.diff(starts, append=n_days).astype(np.float64)
    totals = np.add.reduceat(distinct, starts)
    risk = np.minimum(distinct, 0.0) if ranked_by == "sortino" else distinct
    squares = np.add.reduceat(risk**2, starts)
    chosen = np.zeros((math.comb(n_blocks, n_blocks // 2), n_blocks))
    for number, blocks in enumerate(combinations(range(n_blocks), n_blocks // 2)):
        chosen[number, list(blocks)] = 1.0
    n_below = 0
    # In portions, so that memory does not grow with the number of combinations.
    for portion in np.array_split(chosen, math.ceil(len(chosen) / _COMBINATIONS_AT_ONCE)):
        inside = _ratios(portion, lengths, totals, squares, ranked_by)
        outside = _ratios(1.0 - portion, lengths, totals, squares, ranked_by)
        winner = np.take_along_axis(outside, np.argmax(inside, axis=1)[:, None], axis=1)
        rank = 1 + np.count_nonzero(outside < winner, axis=1)
        n_below += int(np.count_nonzero(2 * rank <= n_trials + 1))
    return n_below / len(chosen)


def _ratios(
    chosen: np.ndarray, lengths: np.ndarray, totals: np.ndarray, squares: np.ndarray, ranked_by: str
) -> np.ndarray:
    """Rank (combinations, trials) on the chosen blocks from the blocks' sums; an undefined ratio is minus infinity."""
    n_days = (chosen @ lengths)[:, None]
    mean = chosen @ totals / n_days
    spread = chosen @ squares / n_days
    if ranked_by == "sharpe":
        # Daily returns are small and near zero, so nothing is lost by this difference of squares.
        spread = spread - mean**2
    return np.divide(mean, np.sqrt(np.maximum(spread, 0.0)), out=np.full_like(mean, -np.inf), where=spread > 0)


def check_finite(name: str, values: np.ndarray) -> None:
    """Say where `values` are not finite.

    Raises
    ------
    BadInput : with the place of the first such value.
    """
    if not np.all(np.isfinite(values)):
        raise BadInput(f"{name} has a value that is not finite at {np.argwhere(~np.isfinite(values))[0].tolist()}")
