"""The invariants of every feature: no look-ahead, no dependence beyond its lookback, batch equal to live.

The tests run them on our factors, and `tradesieve factors check` on anyone's.
"""

__all__ = ["frame_factors", "features"]
