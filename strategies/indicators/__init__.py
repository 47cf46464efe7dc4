"""Indicators that rules share: rolling sums, means and ranges, swing highs and lows.

Factors for models are not these: they live in `features.families`.
"""

__all__ = ["rolling", "pivots"]
