"""Volume: how busy the market is against its own recent past. Refused where a vendor gives no volume."""

from __future__ import annotations

import numpy as np

from tradesieve.features.factor import bars_factor, series_factor


@series_factor
def relative_nb(values, parameters):  # type: ignore[no-untyped-def]
    """Divide the last value by the window's mean. NaN when the mean is zero.

    Equals: ``values / values.rolling(window).mean()``.
    """
    mean = np.sum(values) / len(values)
    return values[-1] / mean if mean > 0.0 else np.nan


@bars_factor("window", reads_volume=True)
def volume_balance_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Return the share of volume traded in rising bars less that in falling bars. NaN when nothing traded.

    Equals: ``(volume * sign(close - open)).rolling(window).sum() / volume.rolling(window).sum()``.
    """
    total = 0.0
    signed = 0.0
    for i in range(len(close)):
        total += volume[i]
        signed += volume[i] * np.sign(close[i] - open_[i])
    return signed / total if total > 0.0 else np.nan


@bars_factor("window", reads_volume=True)
def busiest_bar_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the window's largest volume by the mean, with the sign of that bar's change from open to close.

    Tells which way a burst of volume went. NaN when nothing traded.
    Equals: ``v.max() / v.mean() * sign(close - open)[v.argmax()]`` of the window's volumes v.
    """
    busiest = np.argmax(volume)
    mean = np.sum(volume) / len(volume)
    return volume[busiest] / mean * np.sign(close[busiest] - open_[busiest]) if mean > 0.0 else np.nan


@bars_factor("window", reads_volume=True)
def on_balance_slope_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Fit a line to the on-balance volume of the window; divide its slope per bar by the mean volume.

    The on-balance volume begins at 0, adds the volume of bars that close above the close before and takes off that of
    bars that close below. NaN when nothing traded.
    Equals: ``linregress(arange(window), cumsum(sign(diff(close)) * volume[1:])).slope / volume.mean()``.
    Source: Granville (1963), New Key to Stock Market Profits.
    """
    n = len(close)
    middle = 0.5 * (n - 1)
    balance = 0.0
    moment = 0.0
    spread = middle * middle
    total = volume[0]
    for i in range(1, n):
        balance += np.sign(close[i] - close[i - 1]) * volume[i]
        moment += (i - middle) * balance
        spread += (i - middle) * (i - middle)
        total += volume[i]
    return moment / spread / (total / n) if total > 0.0 else np.nan


@bars_factor("window", reads_volume=True)
def vwap_distance_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Divide the last close by the window's volume-weighted typical price, less 1. NaN when nothing traded.

    Equals: ``close / (typical * volume).rolling(window).sum() * volume.rolling(window).sum() - 1``, typical being
    (high + low + close) / 3. Source: Berkowitz, Logue and Noser (1988), The total cost of transactions on the NYSE.
    """
    paid = 0.0
    total = 0.0
    for i in range(len(close)):
        paid += volume[i] * (high[i] + low[i] + close[i]) / 3.0
        total += volume[i]
    return close[-1] / (paid / total) - 1.0 if total > 0.0 else np.nan


@bars_factor("window", reads_volume=True)
def illiquidity_amihud_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Average the absolute return per turnover of the bars that traded, times their average turnover.

    How far the price moves for a usual bar's turnover, so that symbols of any size compare. NaN when nothing traded.
    Equals: ``mean(abs(close.pct_change()) / turnover) * mean(turnover)``, turnover being close * volume, over the
    window's bars but the first. Source: Amihud (2002), Illiquidity and stock returns.
    """
    moved = 0.0
    turned = 0.0
    n = 0
    for i in range(1, len(close)):
        turnover = close[i] * volume[i]
        if turnover > 0.0:
            moved += abs(close[i] / close[i - 1] - 1.0) / turnover
            turned += turnover
            n += 1
    return moved / n * (turned / n) if n > 0 else np.nan


@bars_factor("window", reads_volume=True)
def volume_move_share_nb(close_time, open_, high, low, close, volume, parameters):  # type: ignore[no-untyped-def]
    """Return the share of volume that traded in bars of more than the average range. NaN when nothing traded.

    Equals: ``volume[high - low > (high - low).mean()].sum() / volume.sum()`` of the window.
    """
    n = len(close)
    # From the first range on, that bars of one and the same range are none above the average of it.
    first = high[0] - low[0]
    mean = 0.0
    for i in range(n):
        mean += (high[i] - low[i] - first) / n
    wide = 0.0
    total = 0.0
    for i in range(n):
        total += volume[i]
        if high[i] - low[i] - first > mean:
            wide += volume[i]
    return wide / total if total > 0.0 else np.nan
