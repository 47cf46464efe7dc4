"""Intervals of a ratio: from its lower bound to its upper one."""

from __future__ import annotations

import math

import numpy as np

from tradesieve.models.significance.bootstrap import lower_bound


def ratio_interval(
    returns: np.ndarray, *, ratio: str = "sortino", days_per_year: float, confidence: float = 0.9, seed: int
) -> tuple[float, float]:
    """Compute between which ends the Sortino or the Sharpe ratio of the days lies.

    1. The lower end is `bootstrap.lower_bound` at half of the error: that of 95 % for an interval of 90 %.
    2. The upper end of a Sharpe ratio is the same bound of the losses, with its sign changed.
    3. That of a Sortino ratio is the upper end of the Sharpe ratio, over the observed downside deviation instead of the
       standard deviation. So it is above zero exactly when the mean return may be.

    Parameters
    ----------
    returns : float (n_days,), daily returns, finite.
    ratio, days_per_year, seed : as `bootstrap.lower_bound`.
    confidence : above 0 and below 1.

    Returns
    -------
    Lower and upper end, annualised; NaN where a bound is undefined.

    Raises
    ------
    BadInput : as `bootstrap.lower_bound`.

    Examples
    --------
    >>> returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    >>> [round(end, 2) for end in ratio_interval(returns, ratio="sharpe", days_per_year=365.0, seed=7)]
    [-0.06, 2.75]
    """
    one_sided = (1 + confidence) / 2
    low = lower_bound(returns, ratio=ratio, days_per_year=days_per_year, confidence=one_sided, seed=seed)
    high = -lower_bound(-returns, ratio="sharpe", days_per_year=days_per_year, confidence=one_sided, seed=seed)
    if ratio == "sortino" and not math.isnan(low):
        high *= float(np.std(returns)) / math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    elif math.isnan(low):
        high = math.nan
    return low, high
