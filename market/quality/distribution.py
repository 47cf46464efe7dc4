"""The distribution of the returns, volumes and times of bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from tradesieve.market.bars import Bars
from tradesieve.market.calendars.trading_days import WEEKDAY_NAMES
from tradesieve.market.timeframes import DAY, HOUR

QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)


def describe(bars: Bars) -> dict[str, Any]:
    """Summarise bars.

    Returns
    -------
    n_returns : from one close to the next, gaps included, see `returns_of`.
    return_mean, return_std, return_skew, return_excess_kurtosis : of the returns as fractions (population moments, as
        `scipy.stats.skew` and `kurtosis`); None where they are not defined.
    return_quantiles, volume_quantiles : {quantile: value} at `QUANTILES`.
    zero_return_rate, zero_volume_rate : fractions of the returns and of the bars.
    bars_by_hour, bars_by_weekday : {hour or day: number of bars that open then}, UTC.
    """
    from scipy.stats import kurtosis, skew

    returns = returns_of(bars)
    moved = len(returns) > 1 and float(np.ptp(returns)) > 0
    hours = np.bincount(bars.open_time // HOUR % 24, minlength=24)
    days = np.bincount((bars.open_time // DAY + 3) % 7, minlength=7)
    return {
        "n_returns": len(returns),
        "return_mean": float(returns.mean()) if len(returns) else None,
        "return_std": float(returns.std()) if len(returns) else None,
        "return_skew": float(skew(returns)) if moved else None,
        "return_excess_kurtosis": float(kurtosis(returns)) if moved else None,
        "zero_return_rate": float((returns == 0).mean()) if len(returns) else None,
        "return_quantiles": _quantiles(returns),
        "zero_volume_rate": float((bars.volume == 0).mean()),
        "volume_quantiles": _quantiles(bars.volume),
        "bars_by_hour": {str(hour): int(count) for hour, count in enumerate(hours)},
        "bars_by_weekday": dict(zip(WEEKDAY_NAMES, days.tolist(), strict=True)),
    }


def returns_of(bars: Bars) -> np.ndarray:
    """Return the returns from one close to the next as fractions, without those from or to a price at or below zero."""
    before, after = bars.close[:-1], bars.close[1:]
    if bars.allow_negative:
        positive = (before > 0) & (after > 0)
        before, after = before[positive], after[positive]
    return (after - before) / before


def _quantiles(values: np.ndarray) -> dict[str, float]:
    found = np.quantile(values, QUANTILES) if len(values) else np.empty(0)
    return {f"{quantile:g}": float(value) for quantile, value in zip(QUANTILES, found, strict=False)}
