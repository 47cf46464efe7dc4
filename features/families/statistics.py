"""Statistics of the log returns within the window: their shape, and what one says of the next.

Each looks at `window` returns, and so at one value more. Values <= 0 have no log return: NaN. Deviations of 1e-14 and
less are the rounding of a division, not moves: steady growth does not vary.
"""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import series_factor_of
from tradesieve.features.families.lookbacks import windows


@series_factor_of(windows(more=1))
def autocorrelation_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Correlate each log return with the one before it. NaN when they do not vary, and for values <= 0.

    Equals: ``statsmodels.tsa.stattools.acf(returns, adjusted=False, nlags=1)[1]``.
    Source: Box and Jenkins (1970), Time Series Analysis.
    """
    if np.min(values) <= 0.0:
        return np.nan
    n = len(values) - 1
    mean = np.log(values[-1] / values[0]) / n
    total = 0.0
    shared = 0.0
    before = 0.0
    for i in range(n):
        deviation = np.log(values[i + 1] / values[i]) - mean
        total += deviation * deviation
        shared += deviation * before
        before = deviation
    return shared / total if total > 1e-28 * n else np.nan


@series_factor_of(windows(more=1))
def skewness_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the skewness of the log returns: below 0, falls are the larger. NaN when they do not vary, and values <= 0.

    Equals: ``scipy.stats.skew(returns)``.
    """
    if np.min(values) <= 0.0:
        return np.nan
    n = len(values) - 1
    mean = np.log(values[-1] / values[0]) / n
    second = 0.0
    third = 0.0
    for i in range(n):
        deviation = np.log(values[i + 1] / values[i]) - mean
        square = deviation * deviation
        second += square
        third += square * deviation
    return third / n / (second / n) ** 1.5 if second > 1e-28 * n else np.nan


@series_factor_of(windows(more=1))
def kurtosis_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the excess kurtosis of the log returns: 0 for a normal one. NaN when they do not vary, and for values <= 0.

    Equals: ``scipy.stats.kurtosis(returns)``.
    """
    if np.min(values) <= 0.0:
        return np.nan
    n = len(values) - 1
    mean = np.log(values[-1] / values[0]) / n
    second = 0.0
    fourth = 0.0
    for i in range(n):
        deviation = np.log(values[i + 1] / values[i]) - mean
        square = deviation * deviation
        second += square
        fourth += square * square
    return fourth / n / ((second / n) * (second / n)) - 3.0 if second > 1e-28 * n else np.nan


@series_factor_of(windows(more=1))
def entropy_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the entropy of the log returns in ten equal bins from least to largest, of its largest: 1 when all are even.

    NaN when they do not vary, and for values <= 0.
    Equals: ``scipy.stats.entropy(numpy.histogram(returns, 10)[0]) / log(10)``. Source: Shannon (1948).
    """
    if np.min(values) <= 0.0:
        return np.nan
    n = len(values) - 1
    least = np.inf
    largest = -np.inf
    changes = np.empty(n)
    for i in range(n):
        changes[i] = np.log(values[i + 1] / values[i])
        least = min(least, changes[i])
        largest = max(largest, changes[i])
    if largest - least <= 1e-14:
        return np.nan
    counts = np.zeros(10)
    for i in range(n):
        place = int((changes[i] - least) / (largest - least) * 10.0)
        counts[min(place, 9)] += 1.0
    total = 0.0
    for count in counts:
        if count > 0.0:
            total -= count / n * np.log(count / n)
    return total / np.log(10.0)


@series_factor_of(windows(more=2))
def permutation_entropy_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the entropy of the orders of three values in a row, of its largest: 0 when all rise, 1 when all are even.

    Of `window` triples; the earlier of two equal values counts as the smaller.
    Equals: ``tsfresh permutation_entropy`` with tau 1 and dimension 3, divided by log(6).
    Source: Bandt and Pompe (2002), Permutation entropy: a natural complexity measure for time series.
    """
    n = len(values) - 2
    counts = np.zeros(8)
    for i in range(n):
        a, b, c = values[i], values[i + 1], values[i + 2]
        counts[4 * int(a <= b) + 2 * int(b <= c) + int(a <= c)] += 1.0
    total = 0.0
    for count in counts:
        if count > 0.0:
            total -= count / n * np.log(count / n)
    return total / np.log(6.0)


@series_factor_of(windows(more=1))
def jump_share_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Return the share of the largest absolute log return in the sum of all: 1 for one jump alone.

    NaN when nothing moved, and for values <= 0.
    Equals: ``abs(returns).rolling(window).max() / abs(returns).rolling(window).sum()``.
    """
    if np.min(values) <= 0.0:
        return np.nan
    largest = 0.0
    total = 0.0
    for i in range(1, len(values)):
        change = abs(np.log(values[i] / values[i - 1]))
        largest = max(largest, change)
        total += change
    return largest / total if total > 0.0 else np.nan
