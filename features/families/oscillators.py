"""Oscillators: the classic gauges of overbought and oversold, each from a finite window.

An exponential average would need all of history. These begin a stated number of bars ago instead, so that live and
research compute the same number, whatever history each has. After its seed, an average of Wilder over four windows runs
for three: at most 1 / e^3 of the seed is left.
"""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor, series_factor_of
from tradesieve.features.families.lookbacks import longest, windows
from tradesieve.market.timeframes import Timeframe


def _smoothed_twice(values: dict[str, float], timeframe: Timeframe) -> int:
    return int(values["window"] + values["smooth"] + values["signal"]) - 2


@series_factor_of(windows(4))
def rsi_wilder_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Return the share of rises in all movement, smoothed by Wilder's 1 / window, 0 to 100, from four windows.

    Seeded by the mean of the first `window` changes. NaN when nothing moved.
    Equals: ``talib.RSI(values, window)`` begun 4 * window bars ago. Source: Wilder (1978).
    """
    window = int(parameters[0])
    rises = 0.0
    falls = 0.0
    for i in range(1, len(values)):
        change = values[i] - values[i - 1]
        keep = 1.0 if i <= window else 1.0 - 1.0 / window
        # Sums, not means: the common divisor cancels, and in the seed each change weighs the same.
        rises = keep * rises + max(change, 0.0)
        falls = keep * falls + max(-change, 0.0)
    return 100.0 * rises / (rises + falls) if rises + falls > 0.0 else np.nan


@bars_factor("window", lookback=windows(more=2))
def stochastic_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the last three places of the close in its range of `window` bars, 0 to 100: Lane's slow %K.

    NaN when one of the three ranges is zero.
    Equals: ``(100 * (close - low.rolling(window).min()) / range).rolling(3).mean()``. Source: Lane (1984).
    """
    window = int(parameters[0])
    total = 0.0
    for shift in range(3):
        stop = len(close) - shift
        lowest = np.min(low[stop - window : stop])
        highest = np.max(high[stop - window : stop])
        if highest <= lowest:
            return np.nan
        total += 100.0 * (close[stop - 1] - lowest) / (highest - lowest)
    return total / 3.0


@bars_factor("window", "smooth", "signal", lookback=_smoothed_twice)
def stochastic_smoothed_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the places of the close in its range of `window` bars over `smooth`, and those over `signal`: 0 to 100.

    The slow %D of Lane; with signal_1 his slow %K, with smooth_1 too his fast %K. NaN when one of the ranges is zero.
    Equals: ``talib.STOCH(high, low, close, window, smooth, 0, signal, 0)[1]``. Source: Lane (1984).
    """
    window, smooth, signal = int(parameters[0]), int(parameters[1]), int(parameters[2])
    total = 0.0
    for shift in range(smooth + signal - 1):
        stop = len(close) - shift
        lowest = np.min(low[stop - window : stop])
        highest = np.max(high[stop - window : stop])
        if highest <= lowest:
            return np.nan
        # How many of the averages that are averaged hold this place.
        weight = min(min(shift + 1, smooth + signal - 1 - shift), min(smooth, signal))
        total += weight * 100.0 * (close[stop - 1] - lowest) / (highest - lowest)
    return total / (smooth * signal)


@bars_factor("window")
def cci_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Measure the last typical price from the window's mean in 0.015 mean absolute deviations. NaN when flat.

    Equals: ``(typical - typical.mean()) / (0.015 * abs(typical - typical.mean()).mean())`` of the window, typical being
    (high + low + close) / 3. Source: Lambert (1980), Commodity channel index.
    """
    n = len(close)
    # From the first typical price on: a flat window is exactly flat then, whatever its price.
    first = high[0] + low[0] + close[0]
    mean = 0.0
    for i in range(n):
        mean += (high[i] + low[i] + close[i] - first) / n
    deviation = 0.0
    for i in range(n):
        deviation += abs(high[i] + low[i] + close[i] - first - mean) / n
    last = high[-1] + low[-1] + close[-1] - first - mean
    return last / (0.015 * deviation) if deviation > 0.0 else np.nan


def _macd_nb(values, fast, slow, signal):  # type: ignore[no-untyped-def]
    keep_slow = 1.0 - 2.0 / (slow + 1.0)
    keep_fast = 1.0 - 2.0 / (fast + 1.0)
    keep_signal = 1.0 - 2.0 / (signal + 1.0)
    fast_sum = 0.0
    fast_weight = 0.0
    slow_sum = 0.0
    slow_weight = 0.0
    signal_sum = 0.0
    signal_weight = 0.0
    line = 0.0
    for i in range(len(values)):
        # From the first value on, which both averages share: the difference of two large numbers keeps its digits.
        value = values[i] - values[0]
        fast_sum = keep_fast * fast_sum + value
        fast_weight = keep_fast * fast_weight + 1.0
        slow_sum = keep_slow * slow_sum + value
        slow_weight = keep_slow * slow_weight + 1.0
        line = fast_sum / fast_weight - slow_sum / slow_weight
        signal_sum = keep_signal * signal_sum + line
        signal_weight = keep_signal * signal_weight + 1.0
    return line, signal_sum / signal_weight


@series_factor_of(windows(4))
def macd_histogram_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Subtract from the MACD its signal line, divided by the last value: slow `window`, fast 6/13, signal 9/26 of it.

    The window 26 makes the usual 12, 26 and 9; `macd` takes any three. Each exponential average is of the values since
    four windows ago, its weights divided by their sum. NaN when the last value is zero.
    Equals: ``macd = x.ewm(span=fast).mean() - x.ewm(span=window).mean(); (macd - macd.ewm(span=signal).mean()) / x``.
    Source: Appel (1979), The moving average convergence-divergence method.
    """
    slow = parameters[0]
    fast, signal = max(1.0, np.floor(slow * 6.0 / 13.0 + 0.5)), max(1.0, np.floor(slow * 9.0 / 26.0 + 0.5))
    line, smoothed = _macd_nb(values, fast, slow, signal)
    return (line - smoothed) / values[-1] if values[-1] != 0.0 else np.nan


@series_factor_of(longest("fast", "slow", "signal", n=4), parameters=("fast", "slow", "signal"))
def macd_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Subtract from the MACD its signal line, divided by the last value: the histogram. NaN when that value is zero.

    Averages of spans `fast`, `slow` and `signal` over the last four times the longest of them, their weights divided by
    their sum. It differs from ``talib.MACD``, begun with all history, by what those weights forget: e^-8 of it at most.
    Equals: ``macd = x.ewm(span=fast).mean() - x.ewm(span=slow).mean(); (macd - macd.ewm(span=signal).mean()) / x``.
    Source: Appel (1979), The moving average convergence-divergence method.
    """
    line, smoothed = _macd_nb(values, parameters[0], parameters[1], parameters[2])
    return (line - smoothed) / values[-1] if values[-1] != 0.0 else np.nan


@series_factor_of(longest("fast", "slow", n=4), parameters=("fast", "slow"))
def macd_line_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Subtract the exponential average of span `slow` from that of span `fast`, divided by the last value: the MACD.

    Averages over the last four times the longer span, their weights divided by their sum. NaN when the last value is
    zero. Equals: ``(x.ewm(span=fast).mean() - x.ewm(span=slow).mean()) / x``. Source: Appel (1979), as `macd`.
    """
    line, _ = _macd_nb(values, parameters[0], parameters[1], 1.0)
    return line / values[-1] if values[-1] != 0.0 else np.nan


@bars_factor("window", lookback=windows(more=1), reads_volume=True)
def money_flow_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Return the share of turnover in bars whose typical price rose, of those where it changed, 0 to 100.

    NaN when there is none. Equals: ``talib.MFI(high, low, close, volume, window)``.
    Source: Quong and Soudack (1989), Volume-weighted RSI: money flow.
    """
    rises = 0.0
    falls = 0.0
    for i in range(1, len(close)):
        before = high[i - 1] + low[i - 1] + close[i - 1]
        typical = high[i] + low[i] + close[i]
        if typical > before:
            rises += typical * volume[i]
        elif typical < before:
            falls += typical * volume[i]
    return 100.0 * rises / (rises + falls) if rises + falls > 0.0 else np.nan
