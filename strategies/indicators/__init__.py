"""Indicators that rules share: rolling sums, means and ranges, pivot highs and lows.

Factors for models are in `features.families`.
"""

__all__ = ["rolling", "pivots"]
