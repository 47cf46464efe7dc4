"""Volume features: those whose values depend on volume, which a series without volume cannot have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np

from tradesieve.features.factor import Feature
from tradesieve.market.bars import Bars
from tradesieve.market.errors import BadInput
from tradesieve.market.timeframes import DAY, Timeframe

_N_WINDOWS = 4
_FIRST = 1_600_000_000 * 10**9
"""Windows end within a year from this time, int64 ns UTC."""
_SEED = 7


def without_volume(features: Iterable[Feature], bars: Bars, others: Mapping[str, Bars]) -> dict[str, str]:
    """Find the features that read the volume of a series in which no bar has one.

    Parameters
    ----------
    bars : of the decisions' own symbol.
    others : bars of the other symbols that features read, by symbol.

    Returns
    -------
    {name of the feature: what is missing, in words}, in the order of the features.
    """
    found = {}
    for feature in features:
        read = others.get(feature.input.symbol or "", bars)
        if len(read) and not read.has_volume and reads_volume(feature, bars.timeframe):
            found[feature.name] = f"no bar of {read.symbol} {read.timeframe} has a volume"
    return found


def reads_volume(feature: Feature, timeframe: Timeframe) -> bool:
    """Tell whether a feature's values depend on volume.

    Built-in factors declare it. One of a user module is run, see `depends_on_volume`.
    """
    if feature.factor.kind not in ("bars", "trade"):
        return feature.input.column == "volume"
    return feature.factor.reads_volume if feature.factor.module is None else depends_on_volume(feature, timeframe)


@cache
def depends_on_volume(feature: Feature, timeframe: Timeframe) -> bool:
    """Run a factor of whole bars on invented windows, and tell whether a value changes with the volume."""
    random = np.random.default_rng(_SEED)
    parameters = np.array([value for _, value in feature.values], dtype=np.float64)
    for _ in range(_N_WINDOWS):
        time, prices = _invented_bars(random, feature.window(timeframe), timeframe)
        terms = [np.array([1.0, 0.9, 1.2]) * prices[-1][-1]] if feature.factor.kind == "trade" else []
        volumes = (np.zeros(len(time)), random.lognormal(size=len(time)), random.lognormal(size=len(time)))
        try:
            values = [feature.factor.kernel(time, *prices, volume, *terms, parameters) for volume in volumes]
        except BadInput:
            return False  # a user's function fails; computing the feature reports it
        if not np.array_equal(values[1:], values[:-1], equal_nan=True):
            return True
    return False


def _invented_bars(
    random: np.random.Generator, n: int, timeframe: Timeframe
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Return close times, and open, high, low and close of a random walk."""
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, n)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * np.exp(random.exponential(0.005, n))
    low = np.minimum(open_, close) * np.exp(-random.exponential(0.005, n))
    end = timeframe.grid_end(random.integers(_FIRST, _FIRST + 365 * DAY, size=1))[0]
    return end + timeframe.duration * np.arange(1 - n, 1), (open_, high, low, close)
