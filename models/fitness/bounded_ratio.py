"""Bounds of ratios: how much daily returns surely earn, in units of their risk."""

from __future__ import annotations

import math

import numpy as np


def bounded_ratio(returns: np.ndarray, *, ratio: str, n_errors: float) -> float:
    """Compute a lower bound of the Sortino or Sharpe ratio of one day, so many standard errors below.

    1. Where the mean is not so far above zero, the bound is that of the mean over the observed risk, which is the
       downside deviation, or the standard deviation.
    2. Where it is, the bound is the least ratio at which the mean less that ratio times the risk is not, with the error
       of the risk too (Fieller, 1954).

    So the bound is above zero exactly when the mean is so many of its standard errors above zero.

    Parameters
    ----------
    returns : float (n_days,), finite, with a risk above zero.
    ratio : ``"sortino"`` or ``"sharpe"``.

    Returns
    -------
    Not annualised.
    """
    from scipy.optimize import brentq

    mean = float(returns.mean())
    squares = (np.minimum(returns, 0.0) if ratio == "sortino" else returns - mean) ** 2
    risk = math.sqrt(float(np.mean(squares)))

    def surplus(at: float) -> float:
        # The second term is the influence of each day on the risk; its mean is the risk.
        _, error = mean_and_error((returns - at * (squares + risk**2) / (2 * risk))[None, :])
        return mean - at * risk - n_errors * float(error[0])

    if not surplus(0.0) > 0:
        return surplus(0.0) / risk
    # At the observed ratio the surplus is below zero, or zero for a confidence of a half.
    return float(brentq(surplus, 0.0, mean / risk)) if surplus(mean / risk) < 0 else mean / risk


def mean_and_error(returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean of each row and its standard error, from the autocovariances of the days (Newey and West, 1987).

    The error is never less than that of independent days.

    Parameters
    ----------
    returns : float (n_rows, n_days), finite.

    Returns
    -------
    mean, error : float64 (n_rows,).
    """
    mean = returns.mean(axis=1)
    centred = returns - mean[:, None]
    n_days = returns.shape[1]
    n_lags = int(4 * (n_days / 100) ** (2 / 9))  # Newey and West (1994)
    variance = np.mean(centred**2, axis=1)
    long_run = variance.copy()
    for lag in range(1, min(n_lags, n_days - 1) + 1):
        together = np.sum(centred[:, lag:] * centred[:, :-lag], axis=1) / n_days
        long_run += 2 * (1 - lag / (n_lags + 1)) * together
    return mean, np.sqrt(np.maximum(long_run, variance) / n_days)
