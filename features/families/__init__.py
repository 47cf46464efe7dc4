"""The factor families: one file each. Importing this package registers every factor."""

from features.families import clock, day, oscillators, price, statistics, trade, trend, volatility, volume

FAMILIES = (price, trend, volatility, volume, oscillators, statistics, day, clock, trade)
