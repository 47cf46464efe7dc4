"""What happened: bars, timeframes, instruments, calendars, costs, the fill rule, the store, sources.

A bar is known at its close, never before. Indicators and strategies live in the rooms to the right.
"""

__all__ = [
    "errors",
    "timeframes",
    "symbols",
    "bars",
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
