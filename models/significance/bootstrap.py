"""Bootstrap bounds: does the Sortino ratio hold when days are resampled, or does it rest on a few good ones?"""

from __future__ import annotations

import math

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.fitness import check_finite
from tradesieve.models.significance.resampling_kernels import bootstrapped_sortinos_nb


def bootstrap_lower_bounds(
    baseline_returns: np.ndarray,
    filtered_returns: np.ndarray,
    *,
    days_per_year: float,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    mean_block: float = 10.0,
    seed: int,
) -> tuple[float, float]:
    """Compute lower confidence bounds of the filtered Sortino ratio and of its improvement over the baseline.

    1. Resample days in blocks of random length, the same days for both series: the stationary bootstrap (Politis and
       Romano, 1994).
    2. Compute both Sortino ratios and their difference in each resample.
    3. Either bound is the ``1 - confidence`` percentile of its resamples, one-sided (Efron, 1979).

    Parameters
    ----------
    baseline_returns, filtered_returns : float (n_days,), daily returns over the same days, finite.
    days_per_year : annualises both ratios.
    confidence : from 0.5 to below 1.
    n_resamples : at least 1.
    mean_block : mean length of a block in days, at least 1; longer than the autocorrelation of the returns.

    Returns
    -------
    filtered_bound, improvement_bound : annualised. A resample without a downside counts as the worst; a bound that
        falls among these, or on fewer than two days, is NaN.

    Raises
    ------
    BadInput : if the series differ in length or are not finite, or a setting is out of its range.

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> baseline = random.normal(0.001, 0.01, 500)
    >>> filtered = np.where(baseline < -0.01, baseline / 2, baseline)
    >>> bounds = bootstrap_lower_bounds(baseline, filtered, days_per_year=365.0, seed=7)
    >>> [round(bound, 2) for bound in bounds]
    [4.58, 4.41]
    """
    if baseline_returns.shape != filtered_returns.shape or baseline_returns.ndim != 1:
        raise BadInput(f"baseline {baseline_returns.shape} and filtered {filtered_returns.shape} need the same days")
    check_finite("baseline_returns", baseline_returns)
    check_finite("filtered_returns", filtered_returns)
    if not 0.5 <= confidence < 1:
        raise BadInput(f"confidence is {confidence}: allowed is 0.5 to below 1")
    if mean_block < 1 or n_resamples < 1:
        raise BadInput(f"mean_block {mean_block} and n_resamples {n_resamples} need to be at least 1")
    if len(filtered_returns) < 2:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    drawn = bootstrapped_sortinos_nb(
        np.ascontiguousarray(baseline_returns, dtype=np.float64),
        np.ascontiguousarray(filtered_returns, dtype=np.float64),
        float(mean_block),
        n_resamples,
        generator,
    ) * math.sqrt(days_per_year)
    return _lower_bound(drawn[:, 1], confidence), _lower_bound(drawn[:, 1] - drawn[:, 0], confidence)


def _lower_bound(drawn: np.ndarray, confidence: float) -> float:
    bound = float(np.quantile(np.where(np.isnan(drawn), -np.inf, drawn), 1.0 - confidence, method="lower"))
    return bound if math.isfinite(bound) else math.nan
