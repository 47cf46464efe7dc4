"""Trend: how straight and how steep the path was."""

from __future__ import annotations

import numpy as np

from features.factor import series_factor


@series_factor
def trendiness_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the net distance by the distance walked: the efficiency ratio, 1 for a straight line. NaN when flat.

    Equals: ``values.diff(window - 1).abs() / values.diff().abs().rolling(window - 1).sum()``.
    Source: Kaufman (1995), Smarter Trading.
    """
    walked = 0.0
    for i in range(1, len(values)):
        walked += abs(values[i] - values[i - 1])
    return abs(values[-1] - values[0]) / walked if walked > 0.0 else np.nan


@series_factor
def slope_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Fit a line by least squares; divide its slope per bar by the window's mean. NaN when that mean is zero.

    Equals: ``scipy.stats.linregress(arange(window), values).slope / values.mean()``.
    """
    n = len(values)
    mean = np.sum(values) / n
    middle = 0.5 * (n - 1)
    moment = 0.0
    spread = 0.0
    for i in range(n):
        # From the first value, not from the mean: a flat window is exactly flat then, whatever its price.
        moment += (i - middle) * (values[i] - values[0])
        spread += (i - middle) * (i - middle)
    return moment / spread / mean if mean != 0.0 else np.nan


@series_factor
def fit_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Fit a line by least squares; give the share of variance that it explains, with the sign of its slope.

    NaN when flat. Equals: ``linregress(arange(window), values).rvalue ** 2``, signed.
    """
    n = len(values)
    # From the first value on: the mean of a flat window need not be its price to the last digit, its rise is exactly 0.
    mean = 0.0
    for i in range(n):
        mean += (values[i] - values[0]) / n
    middle = 0.5 * (n - 1)
    moment = 0.0
    spread = 0.0
    variance = 0.0
    for i in range(n):
        rise = values[i] - values[0] - mean
        moment += (i - middle) * rise
        spread += (i - middle) * (i - middle)
        variance += rise * rise
    if variance <= 0.0:
        return np.nan
    return np.sign(moment) * moment * moment / (spread * variance)
