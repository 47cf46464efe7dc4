"""What happened: bars, timeframes, instruments and costs, calendars, the fill rule, data quality, storage, sources.

A bar is known at its close, never before. Indicators and strategies are in `features` and `strategies`.
"""

__all__ = [
    "errors",
    "extras",
    "timeframes",
    "symbols",
    "bars",
    "positive_prices",
    "default_costs",
    "resampling",
    "instruments",
    "synthetic",
    "perturbation",
    "storage",
    "calendars",
    "execution",
    "quality",
    "sources",
]
