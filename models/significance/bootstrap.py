"""Bootstrap bounds: do the days earn for sure, or does their mean rest on a few good ones?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from tradesieve.market.errors import BadInput
from tradesieve.models.fitness.bounded_ratio import bounded_ratio, mean_and_error
from tradesieve.models.fitness.filtered_returns import check_finite

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
    """Compute how much the days surely earn, in units of their risk: a bound of the Sortino or the Sharpe ratio.

    1. Compute the mean return and its standard error, from the autocovariances of the days (Newey and West, 1987);
       never less than that of independent days.
    2. Resample the days in blocks of random length, on average the cube root of their number: the stationary bootstrap
       (Politis and Romano, 1994). Compute by how many of its own standard errors the mean of each resample is above
       that of the returns.
    3. The bound of the mean is the mean less its standard error times the `confidence` quantile of these (Goetze and
       Kuensch, 1996), or Student's if that is larger. The former corrects for rare large losses. Where gains are the
       rare ones it would be too small: a sample that happens to hold more of them looks both better and surer.
    4. Where the mean is not surely above zero, the bound is that of the mean over the observed risk, which is the
       downside deviation, or the standard deviation.
    5. Where it is, the bound is the least ratio at which the mean less that ratio times the risk is not surely above
       zero, with the error of the risk too (Fieller, 1954).

    So the bound is above zero exactly when the mean return surely is. Studentising the estimated ratio instead would
    find an edge less often: a good sample has few losses, and so a large error (tests/studies/LEVELS.md).

    Parameters
    ----------
    returns : float (n_days,), daily returns, finite.
    ratio : ``"sortino"`` or ``"sharpe"``; the latter is defined without losing days too.
    days_per_year : annualises the ratio.
    confidence : from 0.5 to below 1.
    n_resamples : at least 1.

    Returns
    -------
    Annualised. NaN for equal returns, for fewer than two days, and of a Sortino ratio with fewer than two losing days.

    Raises
    ------
    BadInput : if the returns are not finite, or a setting is out of its range.

    Examples
    --------
    >>> returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    >>> round(lower_bound(returns, days_per_year=365.0, seed=7), 2)
    -0.09
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
    from scipy.stats import t  # slow to import; applying a model does not need it

    above = standardised_means(returns, resampled_days(len(returns), n_resamples=n_resamples, seed=seed))
    quantile = max(float(np.quantile(above, confidence, method="higher")), float(t.ppf(confidence, len(returns) - 1)))
    return bounded_ratio(returns, ratio=ratio, n_errors=quantile) * math.sqrt(days_per_year)


def standardised_means(returns: np.ndarray, resamples: Iterable[np.ndarray]) -> np.ndarray:
    """Compute by how many of its own standard errors the mean of each resample is above that of the returns.

    Parameters
    ----------
    returns : float (n_days,), finite.
    resamples : of the days, from `resampled_days`; kept in a list, they serve several series of the same days.

    Returns
    -------
    float64 (n_resamples,); infinite for a resample of equal days, which has no error.
    """
    mean, _ = mean_and_error(returns[None, :])
    return np.concatenate([_above(returns[days], float(mean[0])) for days in resamples])


def resampled_days(n_days: int, *, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw days in blocks, the stationary bootstrap: int64 (at most 250, n_days) each, `n_resamples` rows in all."""
    generator = np.random.default_rng(seed)
    for part in np.array_split(np.arange(n_resamples), math.ceil(n_resamples / _RESAMPLES_AT_ONCE)):
        yield _resampled_days(n_days, len(part), generator)


def _above(resamples: np.ndarray, observed: float) -> np.ndarray:
    """Return by how many of its own standard errors the mean of each resample is above the observed one."""
    means, errors = mean_and_error(resamples)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = (means - observed) / errors
    # A resample of equal days has no error; it counts as the worst.
    return np.where(np.isfinite(above), above, np.inf)


def _resampled_days(n_days: int, n_resamples: int, generator: np.random.Generator) -> np.ndarray:
    """Draw days in blocks of geometric length that wrap around at the end: int64 (n_resamples, n_days)."""
    shape = (n_resamples, n_days)
    begins = generator.random(shape) * np.cbrt(n_days) < 1.0
    begins[:, 0] = True
    start = generator.integers(0, n_days, shape)
    place = np.arange(n_days)
    began = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    return (np.take_along_axis(start, began, axis=1) + place - began) % n_days
