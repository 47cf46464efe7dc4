"""What every factor must keep: no look at the future, none beyond its lookback, batch equal to live.

Run by the tests on our factors and by `tradesieve factors check` on anyone's.
"""

__all__ = ["frame_factors", "features"]
