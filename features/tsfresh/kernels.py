"""Kernels of the most used tsfresh calculators, each equal to tsfresh's value.

Means and variances are summed in numpy's pairwise order, and equal numpy's to the last bit. So do the counts of values
above or far from a mean, even in windows without variation, where rounding may move a mean off the price.
"""

from __future__ import annotations

import numpy as np
from numba import float64, types

from tradesieve.market.kernel_cache import njit

_ANY = [float64(types.Array(float64, 1, "C", readonly=readonly)) for readonly in (False, True)]


# Unsigned indices, since the check for negative ones takes as long as the sum.
_1, _2, _3, _4, _5, _6, _7, _8 = (np.uint64(place) for place in range(1, 9))


@njit(cache=True, nogil=True)
def _few_sum_nb(values):  # type: ignore[no-untyped-def]
    n = len(values)
    if n < 8:
        total = 0.0
        for i in range(n):
            total += values[i]
        return total
    a, b, c, d = values[0], values[1], values[2], values[3]
    e, f, g, h = values[4], values[5], values[6], values[7]
    whole = np.uint64(n - n % 8)
    i = _8
    while i < whole:
        a += values[i]
        b += values[i + _1]
        c += values[i + _2]
        d += values[i + _3]
        e += values[i + _4]
        f += values[i + _5]
        g += values[i + _6]
        h += values[i + _7]
        i += _8
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while i < np.uint64(n):
        total += values[i]
        i += _1
    return total


@njit(_ANY, cache=True, nogil=True)
def sum_nb(values):  # type: ignore[no-untyped-def]
    """Add up values as numpy does. Equals: ``np.sum(values)``, bit for bit."""
    n = len(values)
    if n <= 128:
        return _few_sum_nb(values)
    half = n // 2
    half -= half % 8
    return sum_nb(values[:half]) + sum_nb(values[half:])


@njit(cache=True, nogil=True)
def _square_nb(value, mean):  # type: ignore[no-untyped-def]
    return (value - mean) * (value - mean)


@njit(cache=True, nogil=True)
def _few_squares_nb(values, mean):  # type: ignore[no-untyped-def]
    # The loop of `_few_sum_nb` again: to build an array of squares takes four times as long as to add them.
    n = len(values)
    if n < 8:
        total = 0.0
        for i in range(n):
            total += _square_nb(values[i], mean)
        return total
    a, b = _square_nb(values[0], mean), _square_nb(values[1], mean)
    c, d = _square_nb(values[2], mean), _square_nb(values[3], mean)
    e, f = _square_nb(values[4], mean), _square_nb(values[5], mean)
    g, h = _square_nb(values[6], mean), _square_nb(values[7], mean)
    whole = np.uint64(n - n % 8)
    i = _8
    while i < whole:
        a += _square_nb(values[i], mean)
        b += _square_nb(values[i + _1], mean)
        c += _square_nb(values[i + _2], mean)
        d += _square_nb(values[i + _3], mean)
        e += _square_nb(values[i + _4], mean)
        f += _square_nb(values[i + _5], mean)
        g += _square_nb(values[i + _6], mean)
        h += _square_nb(values[i + _7], mean)
        i += _8
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while i < np.uint64(n):
        total += _square_nb(values[i], mean)
        i += _1
    return total


@njit(cache=True, nogil=True)
def _mean_nb(values):  # type: ignore[no-untyped-def]
    n = len(values)
    return (_few_sum_nb(values) if n <= 128 else sum_nb(values)) / n


@njit(cache=True, nogil=True)
def _squares_nb(values, mean):  # type: ignore[no-untyped-def]
    n = len(values)
    if n <= 128:
        return _few_squares_nb(values, mean)
    squares = np.empty(n)
    for i in range(n):
        squares[i] = _square_nb(values[i], mean)
    return sum_nb(squares)


@njit(cache=True, nogil=True)
def _variance_nb(values, mean):  # type: ignore[no-untyped-def]
    return _squares_nb(values, mean) / len(values)


@njit(cache=True, nogil=True)
def _absolute_changes_nb(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(values) - 1):
        total += abs(values[i + 1] - values[i])
    return total


@njit(cache=True, nogil=True)
def _central_nb(values):  # type: ignore[no-untyped-def]
    n = len(values)
    # From the first value on: a flat window is exactly flat then, whatever its price.
    mean = 0.0
    for i in range(n):
        mean += values[i] - values[0]
    mean /= n
    second, third, fourth = 0.0, 0.0, 0.0
    for i in range(n):
        deviation = values[i] - values[0] - mean
        square = deviation * deviation
        second += square
        third += square * deviation
        fourth += square * square
    return second, third, fourth


def mean_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Average the values. Equals: ``tsfresh mean``."""
    return _mean_nb(values)


def variance_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the variance of the values. Equals: ``tsfresh variance``."""
    return _variance_nb(values, _mean_nb(values))


def standard_deviation_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the standard deviation of the values. Equals: ``tsfresh standard_deviation``."""
    return np.sqrt(_variance_nb(values, _mean_nb(values)))


def absolute_sum_of_changes_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Add up the absolute changes. Equals: ``tsfresh absolute_sum_of_changes``."""
    return _absolute_changes_nb(values)


def mean_abs_change_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Average the absolute changes. Equals: ``tsfresh mean_abs_change``."""
    return _absolute_changes_nb(values) / (len(values) - 1)


def cid_ce_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the length of the line through the values, of unit variance if `normalize`. Equals: ``tsfresh cid_ce``.

    0 when flat. Source: Batista et al. (2014), CID: an efficient complexity-invariant distance for time series.
    """
    n = len(values)
    squares = 0.0
    for i in range(n - 1):
        squares += _square_nb(values[i + 1], values[i])
    if parameters[1] == 0.0:
        return np.sqrt(squares)
    deviation = np.sqrt(_variance_nb(values, _mean_nb(values)))
    return np.sqrt(squares) / deviation if deviation > 0.0 else 0.0


def autocorrelation_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Correlate the values with those `lag` before. NaN when the variance is at most 1e-8, as tsfresh has it.

    Equals: ``tsfresh autocorrelation``.
    """
    lag = int(parameters[1])
    n = len(values) - lag
    if n <= 0:
        return np.nan
    mean = _mean_nb(values)
    variance = _variance_nb(values, mean)
    if variance <= 1e-8:
        return np.nan
    shared = 0.0
    for i in range(n):
        shared += (values[i] - mean) * (values[i + lag] - mean)
    return shared / (n * variance)


def ratio_beyond_r_sigma_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Return the share of values further than r standard deviations from the mean.

    Equals: ``tsfresh ratio_beyond_r_sigma``.
    """
    mean = _mean_nb(values)
    reach = parameters[1] * np.sqrt(_variance_nb(values, mean))
    beyond = 0
    for i in range(len(values)):
        beyond += abs(values[i] - mean) > reach
    return beyond / len(values)


def skewness_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the adjusted skewness of the values. NaN when flat or fewer than three. Equals: ``tsfresh skewness``."""
    n = len(values)
    if n < 3:
        return np.nan
    second, third, _ = _central_nb(values)
    if second == 0.0:
        return np.nan
    return n * np.sqrt(n - 1.0) / (n - 2.0) * third / (second * np.sqrt(second))


def kurtosis_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the adjusted excess kurtosis. NaN when flat or fewer than four. Equals: ``tsfresh kurtosis``."""
    n = len(values)
    if n < 4:
        return np.nan
    second, _, fourth = _central_nb(values)
    if second == 0.0:
        return np.nan
    ratio = n * (n + 1.0) * fourth / (second * second)
    return (n - 1.0) / ((n - 2.0) * (n - 3.0)) * (ratio - 3.0 * (n - 1.0))


@njit(cache=True, nogil=True)
def _line_nb(values):  # type: ignore[no-untyped-def]
    n = len(values)
    middle = 0.5 * (n - 1)
    shared = 0.0
    # In pairs from both ends: a window without variation has no slope, not one made of rounding.
    for i in range(n // 2):
        shared += (middle - i) * (values[n - 1 - i] - values[i])
    return shared, n * (n * float(n) - 1.0) / 12.0  # the latter is the sum of (i - middle) ** 2


def linear_trend_slope_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the slope of the line by least squares. Equals: ``tsfresh linear_trend`` with attr "slope"."""
    shared, places = _line_nb(values)
    return shared / places


def linear_trend_rvalue_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Correlate the values with their places. NaN when flat. Equals: ``tsfresh linear_trend`` with attr "rvalue"."""
    own = _squares_nb(values, _mean_nb(values))
    shared, places = _line_nb(values)
    return min(1.0, max(-1.0, shared / np.sqrt(own * places))) if own > 0.0 else np.nan


@njit(cache=True, nogil=True)
def _longest_nb(values, above):  # type: ignore[no-untyped-def]
    mean = _mean_nb(values)
    longest = 0
    run = 0
    for i in range(len(values)):
        inside = values[i] > mean if above else values[i] < mean
        run = (run + 1) * inside
        longest = max(longest, run)
    return float(longest)


def longest_strike_above_mean_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count the longest run of values above the mean. Equals: ``tsfresh longest_strike_above_mean``."""
    return _longest_nb(values, True)


def longest_strike_below_mean_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count the longest run of values below the mean. Equals: ``tsfresh longest_strike_below_mean``."""
    return _longest_nb(values, False)


def number_crossing_m_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count how often the values cross m. Equals: ``tsfresh number_crossing_m``."""
    level = parameters[1]
    crossings = 0
    for i in range(1, len(values)):
        crossings += (values[i] > level) != (values[i - 1] > level)
    return float(crossings)
