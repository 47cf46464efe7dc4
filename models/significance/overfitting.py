"""Backtest overfitting: does the trial that wins on one part of the time also do well, and earn, on the rest?"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.fitness.filtered_returns import check_finite

_COMBINATIONS_AT_ONCE = 512


def probability_of_loss(trial_returns: np.ndarray, *, n_blocks: int = 10) -> float:
    """Compute how often the trial that wins on one half of the time loses money on the other half.

    1. Cut the days into `n_blocks` blocks.
    2. For every choice of half of them, find the trial with the best Sortino ratio on these. Where every trial loses,
       it is the one that loses least.
    3. The result is the fraction of choices in which that trial does not earn on the other half.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), The Probability of Backtest Overfitting, section 4.2.

    Parameters
    ----------
    trial_returns : float (n_days, n_trials), daily returns of every trial, finite, on the same days.
    n_blocks : even, 2 to 16.

    Returns
    -------
    A probability: about 0.5 when the trials are noise around zero. With one trial, the fraction of halves on which it
    loses. NaN without a trial, or with fewer than two days a block.

    Raises
    ------
    BadInput : if an argument breaks the above.

    Examples
    --------
    Twenty worthless trials, and the same with a true edge in one of them:

    >>> returns = np.random.default_rng(2).normal(0.0, 0.01, (500, 20))
    >>> round(probability_of_loss(returns), 2)
    0.49
    >>> returns[:, 0] += 0.002
    >>> round(probability_of_loss(returns), 2)
    0.0
    """
    _check(trial_returns, n_blocks, "sortino")
    n_days, n_trials = trial_returns.shape
    if n_days < 2 * n_blocks or n_trials < 1:
        return math.nan
    lengths, totals, squares = _block_sums(trial_returns, n_blocks, "sortino")
    selected = _halves(n_blocks)
    n_lost = 0
    for portion in np.array_split(selected, math.ceil(len(selected) / _COMBINATIONS_AT_ONCE)):
        total = portion @ totals
        ratio = _ratios(portion, lengths, totals, squares, "sortino")
        # Without a losing day there is no ratio: nothing is better. Among losers, the money counts, not the ratio.
        rank = np.where(total > 0, np.where(np.isfinite(ratio), ratio, np.inf), total)
        winner = np.argmax(rank, axis=1)
        outside = np.take_along_axis((1.0 - portion) @ totals, winner[:, None], axis=1)
        n_lost += int(np.count_nonzero(outside <= 0))
    return n_lost / len(selected)


def probability_of_overfitting(trial_returns: np.ndarray, *, n_blocks: int = 10, ranked_by: str = "sortino") -> float:
    """Compute the probability of backtest overfitting (PBO) by combinatorially symmetric cross-validation.

    1. Cut the days into `n_blocks` blocks.
    2. For every choice of half of them, find the trial that is best on these and rank it among all trials on the other
       half.
    3. The PBO is the fraction of choices in which that rank is in the lower half, where the logit of
       rank / (n_trials + 1) is at or below zero.

    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), The Probability of Backtest Overfitting.

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

    Examples
    --------
    Twenty worthless trials, and the same with a true edge in one of them:

    >>> returns = np.random.default_rng(2).normal(0.0, 0.01, (500, 20))
    >>> round(probability_of_overfitting(returns), 2)
    0.54
    >>> returns[:, 0] += 0.002
    >>> round(probability_of_overfitting(returns), 2)
    0.02
    """
    _check(trial_returns, n_blocks, ranked_by)
    n_days = len(trial_returns)
    distinct = np.unique(trial_returns, axis=1)
    n_trials = distinct.shape[1]
    if n_days < 2 * n_blocks or n_trials < 2:
        return math.nan
    lengths, totals, squares = _block_sums(distinct, n_blocks, ranked_by)
    selected = _halves(n_blocks)
    n_below = 0
    # In portions, so that memory does not grow with the number of combinations.
    for portion in np.array_split(selected, math.ceil(len(selected) / _COMBINATIONS_AT_ONCE)):
        inside = _ratios(portion, lengths, totals, squares, ranked_by)
        outside = _ratios(1.0 - portion, lengths, totals, squares, ranked_by)
        winner = np.take_along_axis(outside, np.argmax(inside, axis=1)[:, None], axis=1)
        rank = 1 + np.count_nonzero(outside < winner, axis=1)
        n_below += int(np.count_nonzero(2 * rank <= n_trials + 1))
    return n_below / len(selected)


def _check(trial_returns: np.ndarray, n_blocks: int, ranked_by: str) -> None:
    if trial_returns.ndim != 2:
        raise BadInput(f"trial_returns has shape {trial_returns.shape}, expected (n_days, n_trials)")
    check_finite("trial_returns", trial_returns)
    if n_blocks % 2 or not 2 <= n_blocks <= 16:
        raise BadInput(f"n_blocks is {n_blocks}: allowed are even numbers from 2 to 16")
    if ranked_by not in ("sortino", "sharpe"):
        raise BadInput(f"ranked_by is {ranked_by!r}: allowed are 'sortino' and 'sharpe'")


def _block_sums(returns: np.ndarray, n_blocks: int, ranked_by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the days of each block, and the sums of returns and of their squared risk in it."""
    n_days = len(returns)
    starts = np.arange(n_blocks) * n_days // n_blocks
    risk = np.minimum(returns, 0.0) if ranked_by == "sortino" else returns
    lengths = np.diff(starts, append=n_days).astype(np.float64)
    return lengths, np.add.reduceat(returns, starts), np.add.reduceat(risk**2, starts)


def _halves(n_blocks: int) -> np.ndarray:
    """List every choice of half of the blocks: float64 (n_combinations, n_blocks), 1 for the blocks selected on."""
    selected = np.zeros((math.comb(n_blocks, n_blocks // 2), n_blocks))
    for number, blocks in enumerate(combinations(range(n_blocks), n_blocks // 2)):
        selected[number, list(blocks)] = 1.0
    return selected


def _ratios(
    selected: np.ndarray, lengths: np.ndarray, totals: np.ndarray, squares: np.ndarray, ranked_by: str
) -> np.ndarray:
    """Compute ratios (n_combinations, n_trials) on the selected blocks; an undefined one is minus infinity."""
    n_days = (selected @ lengths)[:, None]
    mean = selected @ totals / n_days
    spread = selected @ squares / n_days
    if ranked_by == "sharpe":
        # Daily returns are small and near zero, so nothing is lost by this difference of squares.
        spread = spread - mean**2
    return np.divide(mean, np.sqrt(np.maximum(spread, 0.0)), out=np.full_like(mean, -np.inf), where=spread > 0)
