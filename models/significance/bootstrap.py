"""Bootstrap bounds: does a ratio hold when days are resampled, or does it rest on a few good ones?"""

from __future__ import annotations

import math

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.fitness import check_finite

_RESAMPLES_AT_ONCE = 250


def lower_bound(
    returns: np.ndarray,
    *,
    ratio: str = "sortino",
    days_per_year: float,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    seed: int,
) -> float:
    """Compute a lower confidence bound of the Sortino or the Sharpe ratio by the studentised bootstrap.

    1. Compute the ratio and its standard error, from the influence of each day on the ratio and their autocovariances
       (Newey and West, 1987).
    2. Resample the days in blocks of random length, on average the cube root of their number: the stationary bootstrap
       (Politis and Romano, 1994). Compute ratio and standard error of each resample, and how many standard errors its
       ratio is above that of the returns.
    3. The bound is the ratio less its standard error times the `confidence` quantile of these (Goetze and Kuensch,
       1996). Unlike percentiles of the resampled ratios, it corrects for skewed returns and few days.

    The bound is above zero exactly when the mean return is significantly above zero.

    Parameters
    ----------
    returns : float (n_days,), daily returns, finite.
    ratio : ``"sortino"`` or ``"sharpe"``; the latter is defined without losing days too.
    days_per_year : annualises the ratio.
    confidence : from 0.5 to below 1.
    n_resamples : at least 1.

    Returns
    -------
    Annualised. A resample without a ratio counts as the worst; a bound that falls among these is NaN, as is that of
    equal returns, or of a Sortino ratio with fewer than two losing days.

    Raises
    ------
    BadInput : if the returns are not finite, or a setting is out of its range.

    Examples
    --------
    >>> returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    >>> round(lower_bound(returns, days_per_year=365.0, seed=7), 2)
    0.19
    """
    if returns.ndim != 1:
        raise BadInput(f"returns has shape {returns.shape}, expected (n_days,)")
    check_finite("returns", returns)
    if not 0.5 <= confidence < 1:
        raise BadInput(f"confidence is {confidence}: allowed is 0.5 to below 1")
    if n_resamples < 1:
        raise BadInput(f"n_resamples is {n_resamples}, but must be at least 1")
    if ratio not in ("sortino", "sharpe"):
        raise BadInput(f"ratio is {ratio!r}: allowed are 'sortino' and 'sharpe'")
    if len(returns) < 2 or np.ptp(returns) == 0 or (ratio == "sortino" and np.count_nonzero(returns < 0) < 2):
        return math.nan
    observed, error = _ratio_and_error(returns[None, :], ratio)
    generator = np.random.default_rng(seed)
    above = np.concatenate(
        [
            _above(returns[_resampled_days(len(returns), len(part), generator)], float(observed[0]), ratio)
            for part in np.array_split(np.arange(n_resamples), math.ceil(n_resamples / _RESAMPLES_AT_ONCE))
        ]
    )
    quantile = float(np.quantile(above, confidence, method="higher"))
    bound = float(observed[0] - quantile * error[0]) * math.sqrt(days_per_year)
    return bound if math.isfinite(bound) else math.nan


def _above(resamples: np.ndarray, observed: float, ratio: str) -> np.ndarray:
    """Return by how many of its own standard errors the ratio of each resample is above the observed one."""
    ratios, errors = _ratio_and_error(resamples, ratio)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = (ratios - observed) / errors
    return np.where(np.isfinite(above), above, np.inf)


def _ratio_and_error(returns: np.ndarray, ratio: str) -> tuple[np.ndarray, np.ndarray]:
    """Compute the ratio of one day and its standard error for each row: float64 (n_rows,) each."""
    mean = returns.mean(axis=1, keepdims=True)
    squares = (np.minimum(returns, 0.0) if ratio == "sortino" else returns - mean) ** 2
    variance = squares.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = mean / np.sqrt(variance)
        influence = (returns - mean) / np.sqrt(variance) - ratios * (squares - variance) / (2 * variance)
    n_days = returns.shape[1]
    n_lags = int(4 * (n_days / 100) ** (2 / 9))  # Newey and West (1994)
    long_run = np.mean(influence**2, axis=1)
    for lag in range(1, min(n_lags, n_days - 1) + 1):
        together = np.sum(influence[:, lag:] * influence[:, :-lag], axis=1) / n_days
        long_run += 2 * (1 - lag / (n_lags + 1)) * together
    return ratios[:, 0], np.sqrt(long_run / n_days)


def _resampled_days(n_days: int, n_resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Draw days in blocks of geometric length that wrap around at the end: int64 (n_resamples, n_days)."""
    shape = (n_resamples, n_days)
    begins = generator.random(shape) * np.cbrt(n_days) < 1.0
    begins[:, 0] = True
    start = generator.integers(0, n_days, shape)
    place = np.arange(n_days)
    began = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    return (np.take_along_axis(start, began, axis=1) + place - began) % n_days
