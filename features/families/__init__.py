"""The factor families: one file each. Importing this package registers every factor."""

from tradesieve.features.families import (
    candles,
    clock,
    day,
    levels,
    oscillators,
    pairs,
    price,
    record,
    regime,
    statistics,
    trade,
    trend,
    volatility,
    volume,
    week,
)

FAMILIES = (
    price, levels, candles, trend, volatility, pairs, regime, volume, oscillators, statistics, day, week, clock, trade,
    record,
)  # fmt: skip
