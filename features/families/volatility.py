"""Volatility: how much price moves from bar to bar, computed within the window, never from running sums."""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor, series_factor
from tradesieve.features.families.lookbacks import windows


@series_factor
def volatility_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the standard deviation of the log returns within the window (window - 1 of them). NaN for values <= 0.

    Equals: ``log(values).diff().rolling(window - 1).std(ddof=0)``.
    """
    n = len(values) - 1
    if np.min(values) <= 0.0:
        return np.nan
    mean = np.log(values[-1] / values[0]) / n
    total = 0.0
    for i in range(n):
        deviation = np.log(values[i + 1] / values[i]) - mean
        total += deviation * deviation
    return np.sqrt(total / n)


@bars_factor("window")
def true_range_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the true range over the window's bars but the first, divided by the last close.

    Equals: ``talib.TRANGE(high, low, close).rolling(window - 1).mean() / close``. Source: Wilder (1978).
    """
    total = 0.0
    for i in range(1, len(close)):
        total += max(high[i], close[i - 1]) - min(low[i], close[i - 1])
    return total / (len(close) - 1) / close[-1]


@bars_factor("window")
def volatility_ratio_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the average bar range of the last fifth of the window by that of all of it. NaN when nothing moved.

    Equals: ``(high - low)[-max(1, window // 5) :].mean() / (high - low).mean()``.
    """
    n = len(close)
    recent = max(1, n // 5)
    whole = np.sum(high - low) / n
    return np.sum((high - low)[n - recent :]) / recent / whole if whole > 0.0 else np.nan


@bars_factor("window")
def parkinson_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Estimate the volatility of a bar from its high and low.

    Equals: ``sqrt((log(high / low) ** 2).rolling(window).mean() / (4 * log(2)))``. Source: Parkinson (1980).
    """
    total = 0.0
    for i in range(len(close)):
        reach = np.log(high[i] / low[i])
        total += reach * reach
    return np.sqrt(total / len(close) / (4.0 * np.log(2.0)))


@bars_factor("window")
def garman_klass_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Estimate the volatility of a bar from its open, high, low and close.

    Equals: ``sqrt((log(high / low) ** 2 / 2 - (2 * log(2) - 1) * log(close / open) ** 2).rolling(window).mean())``.
    Source: Garman and Klass (1980).
    """
    total = 0.0
    for i in range(len(close)):
        reach = np.log(high[i] / low[i])
        body = np.log(close[i] / open_[i])
        total += 0.5 * reach * reach - (2.0 * np.log(2.0) - 1.0) * body * body
    return np.sqrt(total / len(close))


@bars_factor("window", lookback=windows(more=1))
def yang_zhang_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Estimate the volatility of a bar from gaps, bodies and ranges of `window` bars, whatever the drift.

    Equals: ``sqrt(var(gap) + k * var(body) + (1 - k) * mean(u * (u - body) + d * (d - body)))`` with variances of
    ddof=1, gap = log(open / close.shift()), body = log(close / open), u = log(high / open), d = log(low / open) and
    k = 0.34 / (1.34 + (window + 1) / (window - 1)). Source: Yang and Zhang (2000); Rogers and Satchell (1991).
    """
    n = len(close) - 1
    gap = np.empty(n)
    body = np.empty(n)
    mean_gap = 0.0
    mean_body = 0.0
    inside = 0.0
    for i in range(n):
        gap[i] = np.log(open_[i + 1] / close[i])
        body[i] = np.log(close[i + 1] / open_[i + 1])
        up = np.log(high[i + 1] / open_[i + 1])
        down = np.log(low[i + 1] / open_[i + 1])
        mean_gap += gap[i] / n
        mean_body += body[i] / n
        inside += up * (up - body[i]) + down * (down - body[i])
    gaps = 0.0
    bodies = 0.0
    for i in range(n):
        gaps += (gap[i] - mean_gap) * (gap[i] - mean_gap)
        bodies += (body[i] - mean_body) * (body[i] - mean_body)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    return np.sqrt(gaps / (n - 1) + k * bodies / (n - 1) + (1.0 - k) * inside / n)


@series_factor
def downside_deviation_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Take the root mean square of the falls among the log returns, rises counting as 0. NaN for values <= 0.

    Equals: ``sqrt((log(values).diff().clip(upper=0) ** 2).rolling(window - 1).mean())``.
    Source: Sortino and van der Meer (1991), Downside risk.
    """
    if np.min(values) <= 0.0:
        return np.nan
    total = 0.0
    for i in range(1, len(values)):
        if values[i] < values[i - 1]:
            fall = np.log(values[i] / values[i - 1])
            total += fall * fall
    return np.sqrt(total / (len(values) - 1))


@series_factor
def downside_share_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Return the share of falls in the sum of squared log returns: 0.5 when even. NaN when flat, and for values <= 0.

    Equals: ``(r.clip(upper=0) ** 2).rolling(window - 1).sum() / (r ** 2).rolling(window - 1).sum()``.
    Source: Barndorff-Nielsen, Kinnebrock and Shephard (2010), Measuring downside risk: realised semivariance.
    """
    if np.min(values) <= 0.0:
        return np.nan
    falls = 0.0
    total = 0.0
    for i in range(1, len(values)):
        change = np.log(values[i] / values[i - 1])
        total += change * change
        if change < 0.0:
            falls += change * change
    return falls / total if total > 0.0 else np.nan


@series_factor
def volatility_change_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the root mean square log return of the window's last fifth by that of all of it.

    NaN when flat, and for values <= 0. Equals: ``sqrt((r ** 2).rolling(max(1, (window - 1) // 5)).mean() /
    (r ** 2).rolling(window - 1).mean())``.
    """
    if np.min(values) <= 0.0:
        return np.nan
    n = len(values) - 1
    recent = max(1, n // 5)
    whole = 0.0
    last = 0.0
    for i in range(n):
        change = np.log(values[i + 1] / values[i])
        whole += change * change
        if i >= n - recent:
            last += change * change
    return np.sqrt(last / recent / (whole / n)) if whole > 0.0 else np.nan


@bars_factor("window")
def volatility_of_volatility_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the standard deviation of the bars' ranges by their mean. NaN when no bar has a range.

    Equals: ``(high - low).rolling(window).std(ddof=0) / (high - low).rolling(window).mean()``.
    """
    n = len(close)
    mean = 0.0
    for i in range(n):
        mean += (high[i] - low[i]) / n
    total = 0.0
    for i in range(n):
        deviation = high[i] - low[i] - mean
        total += deviation * deviation
    return np.sqrt(total / n) / mean if mean > 0.0 else np.nan
