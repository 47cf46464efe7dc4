"""The factor families: one file each. Importing this package registers every factor."""

from features.families import clock, day, price, trade, trend, volatility, volume

FAMILIES = (price, trend, volatility, volume, day, clock, trade)
