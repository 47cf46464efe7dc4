"""Sources of user modules with rules: the Donchian channel as a user would write it, over arrays and over a frame."""

CHANNEL = '''
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tradesieve import rule


def before(extreme, values, n):
    found = np.full(len(values), np.nan)
    if len(values) > n:
        found[n:] = extreme(sliding_window_view(values, n), axis=1)[:-1]
    return found


def up_to(extreme, values, n):
    return np.array([extreme(values[max(0, i + 1 - n): i + 1]) for i in range(len(values))])


@rule(
    lookback=lambda window, exit_window: max(window + 2, exit_window),
    grid={"window": (20, 55), "exit_window": (10, 20)},
)
def my_channel(bars, window=20, exit_window=10):
    """Follow the first close beyond the highest high or the lowest low of the bars before it."""
    upper, lower = before(np.max, bars.high, window), before(np.min, bars.low, window)
    beyond = (bars.close > upper) * 1 - (bars.close < lower)
    fresh = np.zeros(len(bars), bool)
    fresh[1:] = (beyond[1:] != beyond[:-1]) & np.isfinite(upper[:-1])
    stop = np.where(beyond > 0, up_to(np.min, bars.low, exit_window), up_to(np.max, bars.high, exit_window))
    room = beyond * (bars.close - stop) > 0
    return {"side": np.where(fresh & room, beyond, 0), "stop": stop}


@rule(of="frame", lookback=lambda window, exit_window: max(window + 2, exit_window), grid={"window": (20, 55)})
def my_frame(frame, window=20, exit_window=10):
    """Follow the same, as pandas says it."""
    upper, lower = frame["high"].rolling(window).max().shift(), frame["low"].rolling(window).min().shift()
    beyond = (frame["close"] > upper).astype(int) - (frame["close"] < lower).astype(int)
    fresh = (beyond != 0) & (beyond != beyond.shift()) & upper.shift().notna()
    stop = frame["low"].rolling(exit_window).min().where(beyond > 0, frame["high"].rolling(exit_window).max())
    room = beyond * (frame["close"] - stop) > 0
    return {"side": beyond.where(fresh & room, 0), "stop": stop}
'''
