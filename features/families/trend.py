"""Trend: how straight and how steep the path was."""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor, series_factor, series_factor_of
from tradesieve.features.families.lookbacks import windows


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
    """Fit a line by least squares; return the share of variance that it explains, with the sign of its slope.

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


@series_factor
def direction_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the net distance, with its sign, by the distance walked: 1 straight up, -1 straight down. NaN when flat.

    Equals: ``values.diff(window - 1) / values.diff().abs().rolling(window - 1).sum()``.
    Source: Kaufman (1995), Smarter Trading.
    """
    walked = 0.0
    for i in range(1, len(values)):
        walked += abs(values[i] - values[i - 1])
    return (values[-1] - values[0]) / walked if walked > 0.0 else np.nan


@series_factor_of(windows(4))
def from_exponential_mean_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the last value by the exponential average of span `window`, less 1. NaN when that average is zero.

    The average is of the last four windows, its weights divided by their sum.
    Equals: ``x / x.ewm(span=window).mean() - 1``, begun 4 * window bars ago.
    """
    keep = 1.0 - 2.0 / (parameters[0] + 1.0)
    total = 0.0
    weight = 0.0
    for i in range(len(values)):
        total = keep * total + (values[i] - values[0])
        weight = keep * weight + 1.0
    mean = values[0] + total / weight
    return (values[-1] - values[0] - total / weight) / mean if mean != 0.0 else np.nan


@bars_factor("window")
def mean_distance_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Measure the last close from the window's mean close in average true ranges. NaN when nothing moved.

    Equals: ``(close - close.rolling(window).mean()) / TRANGE.rolling(window - 1).mean()``.
    """
    n = len(close)
    distance = 0.0
    total = 0.0
    for i in range(n):
        distance += close[-1] - close[i]
        if i > 0:
            total += max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    return distance / n / (total / (n - 1)) if total > 0.0 else np.nan


@series_factor
def crossing_age_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Count the last values on the same side of the window's mean, as a share of the window; negative when below it.

    0 when the last value is the mean. Equals: ``run_length(sign(values - mean))[-1] * sign[-1] / window``.
    """
    n = len(values)
    # From the first value on: the mean of a flat window need not be its price to the last digit, its rise is exactly 0.
    mean = 0.0
    for i in range(n):
        mean += (values[i] - values[0]) / n
    side = np.sign(values[-1] - values[0] - mean)
    age = 0
    while age < n and np.sign(values[n - 1 - age] - values[0] - mean) == side:
        age += 1
    return side * age / n


@series_factor
def mean_crossing_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the mean of the window's last fifth by the mean of all of it, less 1: above 0, the fast mean leads.

    NaN when the mean is zero.
    Equals: ``values.rolling(max(1, window // 5)).mean() / values.rolling(window).mean() - 1``.
    """
    n = len(values)
    recent = max(1, n // 5)
    whole = 0.0
    last = 0.0
    for i in range(n):
        whole += values[i]
        if i >= n - recent:
            last += values[i]
    return (last / recent) / (whole / n) - 1.0 if whole != 0.0 else np.nan


@bars_factor("window", lookback=windows(4))
def adx_wilder_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the directional index of Wilder over `window` bars, 0 without direction to 100, from four windows.

    Seeded by the means of the first window, for the ranges as for the index, and smoothed by 1 / window from there on;
    a bar without any range has no direction and counts as 0. Close to ``talib.ADX``, which has all history and seeds
    its sums with one bar less than the book.
    Equals: ``wilder(100 * abs(plus - minus) / (plus + minus))`` of the last 4 * window bars. Source: Wilder (1978).
    """
    window = int(parameters[0])
    up = 0.0
    down = 0.0
    total = 0.0
    index = 0.0
    for i in range(1, len(close)):
        rise = high[i] - high[i - 1]
        fall = low[i - 1] - low[i]
        keep = 1.0 if i <= window else 1.0 - 1.0 / window
        up = keep * up + (rise if rise > fall and rise > 0.0 else 0.0)
        down = keep * down + (fall if fall > rise and fall > 0.0 else 0.0)
        total = keep * total + max(high[i], close[i - 1]) - min(low[i], close[i - 1])
        if i < window:
            continue
        directed = up + down
        now = 100.0 * abs(up - down) / directed if directed > 1e-12 * total else 0.0
        if i < 2 * window:
            index += now / window
        else:
            index += (now - index) / window
    return index


@bars_factor("window", lookback=windows(4))
def directional_balance_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Subtract Wilder's minus from his plus directional movement, divided by their sum; NaN when there is none.

    Close to the same of ``talib.PLUS_DI`` and ``MINUS_DI``, which have all history and seed with one bar less.
    Equals: ``(plus - minus) / (plus + minus)``, Wilder's sums of the last 4 * window bars. Source: Wilder (1978).
    """
    window = int(parameters[0])
    up = 0.0
    down = 0.0
    for i in range(1, len(close)):
        rise = high[i] - high[i - 1]
        fall = low[i - 1] - low[i]
        keep = 1.0 if i <= window else 1.0 - 1.0 / window
        up = keep * up + (rise if rise > fall and rise > 0.0 else 0.0)
        down = keep * down + (fall if fall > rise and fall > 0.0 else 0.0)
    return (up - down) / (up + down) if up + down > 0.0 else np.nan


@bars_factor("window", lookback=windows(more=1))
def hurst_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Take the log of the rescaled range of `window` log returns over the log of their number: Hurst's exponent.

    Above that of a random walk of as many steps, moves follow moves. NaN when the returns do not vary.
    Equals: ``log((y.cumsum().max() - y.cumsum().min()) / r.std(ddof=0)) / log(window)``, y being r - r.mean().
    Source: Hurst (1951); Peters (1994), Fractal Market Analysis.
    """
    n = len(close) - 1
    mean = np.log(close[-1] / close[0]) / n
    total = 0.0
    level = 0.0
    highest = 0.0
    lowest = 0.0
    for i in range(n):
        deviation = np.log(close[i + 1] / close[i]) - mean
        total += deviation * deviation
        level += deviation
        highest = max(highest, level)
        lowest = min(lowest, level)
    spread = np.sqrt(total / n)
    # Equal returns differ from their mean by rounding only: a straight line has no range to rescale.
    return np.log((highest - lowest) / spread) / np.log(n) if spread > 1e-14 else np.nan
