"""Volume: how busy the market is against its own recent past. NaN where a vendor gives no volume."""

from __future__ import annotations

import numpy as np

from features.factor import bars_factor, series_factor


@series_factor
def relative_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the last value by the window's mean. NaN when the mean is zero.

    Equals: ``values / values.rolling(window).mean()``.
    """
    mean = np.sum(values) / len(values)
    return values[-1] / mean if mean > 0.0 else np.nan


@bars_factor("window")
def volume_balance_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Give the share of volume traded in rising bars less that in falling bars. NaN when nothing traded.

    Equals: ``(volume * sign(close - open)).rolling(window).sum() / volume.rolling(window).sum()``.
    """
    total = 0.0
    signed = 0.0
    for i in range(len(close)):
        total += volume[i]
        signed += volume[i] * np.sign(close[i] - open_[i])
    return signed / total if total > 0.0 else np.nan
