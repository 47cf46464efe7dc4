"""Kernels of the most used tsfresh calculators, each giving tsfresh's value.

Sums are added in the order in which numpy adds them, in pairs: a mean is numpy's to the last bit. So is then every
count of values above it, also in windows without variation, where a mean may be off its only price by rounding.
"""

from __future__ import annotations

import numpy as np
from numba import float64, njit, types

_ANY = [float64(types.Array(float64, 1, "C", readonly=readonly)) for readonly in (False, True)]


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
    whole = n - n % 8
    for i in range(8, whole, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, n):
        total += values[i]
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
def _mean_nb(values):  # type: ignore[no-untyped-def]
    return sum_nb(values) / len(values)


@njit(cache=True, nogil=True)
def _variance_nb(values, mean):  # type: ignore[no-untyped-def]
    squares = np.empty(len(values))
    for i in range(len(values)):
        squares[i] = (values[i] - mean) * (values[i] - mean)
    return sum_nb(squares) / len(values)


@njit(cache=True, nogil=True)
def _absolute_changes_nb(values):  # type: ignore[no-untyped-def]
    changes = np.empty(len(values) - 1)
    for i in range(len(changes)):
        changes[i] = abs(values[i + 1] - values[i])
    return sum_nb(changes)


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
    total = 0.0
    if parameters[1] == 0.0:
        for i in range(1, len(values)):
            total += (values[i] - values[i - 1]) * (values[i] - values[i - 1])
        return np.sqrt(total)
    mean = _mean_nb(values)
    deviation = np.sqrt(_variance_nb(values, mean))
    if deviation == 0.0:
        return 0.0
    for i in range(1, len(values)):
        step = (values[i] - mean) / deviation - (values[i - 1] - mean) / deviation
        total += step * step
    return np.sqrt(total)


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
    products = np.empty(n)
    for i in range(n):
        products[i] = (values[i] - mean) * (values[i + lag] - mean)
    return sum_nb(products) / (n * variance)


def ratio_beyond_r_sigma_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Give the share of values further than r standard deviations from the mean.

    Equals: ``tsfresh ratio_beyond_r_sigma``.
    """
    mean = _mean_nb(values)
    reach = parameters[1] * np.sqrt(_variance_nb(values, mean))
    beyond = 0
    for i in range(len(values)):
        if abs(values[i] - mean) > reach:
            beyond += 1
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
def _moments_nb(values):  # type: ignore[no-untyped-def]
    n = len(values)
    middle = 0.5 * (n - 1)
    mean = _mean_nb(values)
    shared = 0.0
    own = 0.0
    places = 0.0
    for i in range(n):
        # In pairs from both ends: a window without variation has no slope, not one made of rounding.
        if i < n // 2:
            shared += (middle - i) * (values[n - 1 - i] - values[i])
        own += (values[i] - mean) * (values[i] - mean)
        places += (i - middle) * (i - middle)
    return shared, own, places


def linear_trend_slope_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the slope of the line by least squares. Equals: ``tsfresh linear_trend`` with attr "slope"."""
    shared, _, places = _moments_nb(values)
    return shared / places


def linear_trend_rvalue_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Correlate the values with their places. NaN when flat. Equals: ``tsfresh linear_trend`` with attr "rvalue"."""
    shared, own, places = _moments_nb(values)
    return min(1.0, max(-1.0, shared / np.sqrt(own * places))) if own > 0.0 else np.nan


@njit(cache=True, nogil=True)
def _longest_nb(values, sign):  # type: ignore[no-untyped-def]
    mean = _mean_nb(values)
    longest = 0
    run = 0
    for i in range(len(values)):
        run = run + 1 if sign * values[i] > sign * mean else 0
        longest = max(longest, run)
    return float(longest)


def longest_strike_above_mean_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count the longest run of values above the mean. Equals: ``tsfresh longest_strike_above_mean``."""
    return _longest_nb(values, 1.0)


def longest_strike_below_mean_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count the longest run of values below the mean. Equals: ``tsfresh longest_strike_below_mean``."""
    return _longest_nb(values, -1.0)


def number_crossing_m_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count how often the values cross m. Equals: ``tsfresh number_crossing_m``."""
    crossings = 0
    for i in range(1, len(values)):
        if (values[i] > parameters[1]) != (values[i - 1] > parameters[1]):
            crossings += 1
    return float(crossings)
