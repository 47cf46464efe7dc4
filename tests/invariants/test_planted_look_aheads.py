"""Each common way to look ahead is caught by name, and honest code that resembles it is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from tradesieve import factor
from tradesieve.features.factor import FACTORS
from tradesieve.features.invariants.features import CAUSALITY, Violation, check_features
from tradesieve.market.bars import Bars

DAY_OF_BARS = 289  # of five minutes, and one


@pytest.fixture(autouse=True)
def own_factors() -> Iterator[None]:
    before = dict(FACTORS)
    yield
    FACTORS.clear()
    FACTORS.update(before)


@pytest.fixture(params=["synthetic", "real"])
def bars(request: pytest.FixtureRequest) -> Bars:
    return request.getfixturevalue("market_bars" if request.param == "synthetic" else "real_bars")[:6000]


def check(bars: Bars, *names: str) -> list[Violation]:
    at = np.sort(np.random.default_rng(3).choice(bars.close_time, size=200, replace=False))
    return check_features(bars, at, names, n_samples=8, seed=1)


# Look-aheads, as people write them.


def centred_window(frame: pd.DataFrame, window: int = 20) -> pd.Series:
    """Smooth the close by a mean that is centred on each bar."""
    return frame["close"].rolling(window, center=True, min_periods=1).mean() / frame["close"] - 1


def left_label(frame: pd.DataFrame, window: int = 40) -> pd.Series:
    """Take each hour's close under the time at which the hour begins."""
    hours = frame["close"].resample("1h", label="left", closed="right").last()
    return frame["close"] / hours.reindex(frame.index, method="ffill") - 1


def whole_sample(frame: pd.DataFrame, window: int = 20) -> pd.Series:
    """Scale returns by the mean and deviation of the whole sample."""
    change = frame["close"].pct_change()
    return (change - change.mean()) / change.std()


def unclosed_hour(frame: pd.DataFrame, window: int = 40) -> pd.Series:
    """Give each bar the high of its hour, which is not over."""
    return frame["close"] / frame["high"].groupby(frame.index.ceil("1h")).transform("max") - 1


def day_at_its_open(frame: pd.DataFrame, window: int = DAY_OF_BARS) -> pd.Series:
    """Join bars of days by their date, which is known when the day begins."""
    days = frame["close"].resample("1D", closed="right").last()
    return frame["close"] / days.reindex(frame.index.ceil("5min").normalize()).to_numpy() - 1


def next_bar(frame: pd.DataFrame, window: int = 20) -> pd.Series:
    """Take the change to the next close."""
    return frame["close"].shift(-1) / frame["close"] - 1


def filled_backwards(frame: pd.DataFrame, window: int = 20) -> pd.Series:
    """Fill bars without news from those that follow."""
    news = frame["close"].where(frame["volume"] > frame["volume"].rolling(window, min_periods=1).mean())
    return (frame["close"] / news.bfill() - 1).fillna(0.0)


def ranked(frame: pd.DataFrame, window: int = 20) -> pd.Series:
    """Rank the volume among that of all bars."""
    return frame["volume"].rank(pct=True)


def cut_into_states(frame: pd.DataFrame, window: int = 100) -> pd.Series:
    """Cut volatility at the quantiles of the whole sample."""
    return pd.qcut(frame["close"].pct_change().rolling(20).std(), 4, labels=False)


def smoothed_both_ways(frame: pd.DataFrame, window: int = 200) -> pd.Series:
    """Smooth forwards and then backwards, as filtfilt does."""
    once = frame["close"].ewm(span=5).mean()
    return once[::-1].ewm(span=5).mean()[::-1] / frame["close"] - 1


LOOK_AHEADS = (
    centred_window, left_label, whole_sample, unclosed_hour, day_at_its_open, next_bar, filled_backwards, ranked,
    cut_into_states, smoothed_both_ways,
)  # fmt: skip


@pytest.mark.parametrize("function", LOOK_AHEADS, ids=lambda function: function.__name__)
def test_a_look_ahead_is_caught_with_its_name(function, bars):
    factor(of="frame")(function)
    window = function.__defaults__[0]
    name = f"bars__{function.__name__}__window_{window}"
    found = check(bars, name, "close__slope__window_20")
    assert {one.feature for one in found} == {name}
    assert {one.invariant for one in found} >= set(CAUSALITY), "it looks at the future, and the message says so"
    first = min(one.time for one in found)
    assert bars.close_time[0] <= first < bars.close_time[-1]
    assert name in str(found[0])
    assert "looks at the future" in str(found[0])


# Honest code of the same looks.


def trailing_window(frame: pd.DataFrame, window: int = 20) -> pd.Series:
    """Smooth the close by a mean of the bars up to each one."""
    return frame["close"].rolling(window).mean() / frame["close"] - 1


def closed_hour(frame: pd.DataFrame, window: int = 40) -> pd.Series:
    """Take the close of the last closed hour."""
    hours = frame["close"].resample("1h", label="right", closed="right").last()
    return frame["close"] / hours.reindex(frame.index, method="ffill") - 1


def scaled_by_the_past(frame: pd.DataFrame, window: int = 50) -> pd.Series:
    """Scale a return by the deviation of those in the window."""
    change = frame["close"].pct_change()
    return (change - change.rolling(window - 1).mean()) / change.rolling(window - 1).std()


def hour_so_far(frame: pd.DataFrame, window: int = 13) -> pd.Series:
    """Give each bar the high of its hour so far."""
    return frame["close"] / frame["high"].groupby(frame.index.ceil("1h")).cummax() - 1


def forgetting_mean(frame: pd.DataFrame, window: int = 200) -> pd.Series:
    """Take an exponential mean that forgets within its lookback."""
    return frame["close"].ewm(span=10, adjust=False).mean() / frame["close"] - 1


HONEST = (trailing_window, closed_hour, scaled_by_the_past, hour_so_far, forgetting_mean)


def test_honest_functions_of_frames_are_not_flagged(bars):
    for function in HONEST:
        factor(of="frame")(function)
    assert check(bars, *(f"bars__{one.__name__}__window_{one.__defaults__[0]}" for one in HONEST)) == []


# What else can be wrong.


def test_a_lookback_that_is_too_short_is_said_so(bars):
    @factor(of="frame")
    def remembers_long(frame, window=20):
        """Take an exponential mean that remembers further than its lookback."""
        return frame["close"].ewm(span=window, adjust=False).mean() / frame["close"] - 1

    (found,) = check(bars, "bars__remembers_long__window_20")
    assert found.invariant == "longer"
    assert "depends on more history than its lookback" in str(found)


def test_one_bar_too_few_is_said_so(bars):
    @factor(of="frame")
    def volatility_of_returns(frame, window=20):
        """Deviate over twenty returns, which are made of twenty-one closes."""
        return frame["close"].pct_change().rolling(window).std()

    (found,) = check(bars, "bars__volatility_of_returns__window_20")
    assert (found.invariant, np.isnan(found.found), np.isfinite(found.expected)) == ("longer", True, True)


def test_state_that_leaks_from_one_call_to_the_next_is_caught(bars):
    highest = [0.0]

    @factor
    def from_the_highest_ever(window_of_bars, window=5):
        """Divide by the highest high of all windows that were ever looked at."""
        highest[0] = max(highest[0], window_of_bars.high.max())
        return window_of_bars.close[-1] / highest[0]

    calls = [0]

    @factor(of="column")
    def counted(values, window=5):
        """Count the calls."""
        calls[0] += 1
        return values[-1] + calls[0]

    found = check(bars, "bars__from_the_highest_ever__window_5", "close__counted__window_5", "close__slope__window_20")
    broken = {one.feature: one.invariant for one in found}
    assert broken == {"bars__from_the_highest_ever__window_5": "purity", "close__counted__window_5": "purity"}
    assert "is not the same when it is computed again" in str(found[0])


def test_a_factor_of_a_window_cannot_see_the_future_whatever_it_tries(bars):
    """The same wishes, on a window: there is nothing behind its end."""

    @factor
    def centred(bars, window=20):
        """Smooth the close around each bar and take the last."""
        return bars.frame()["close"].rolling(window, center=True, min_periods=1).mean().iloc[-1]

    @factor(of="column")
    def scaled(values, window=20):
        """Scale the last value by all that there is."""
        return (values[-1] - np.mean(values)) / np.std(values)

    @factor(lookback=DAY_OF_BARS)
    def day_close(bars):
        """Take the close of the running day."""
        return bars.frame()["close"].resample("1D", closed="right").last().iloc[-1]

    names = ("bars__centred__window_20", "close__scaled__window_20", "volume__scaled__window_20", "bars__day_close")
    assert check(bars, *names) == []


def test_no_function_can_change_what_others_are_given(bars):
    @factor
    def careless(bars, window=20):
        """Sort the closes in their place."""
        bars.close.sort()
        return bars.close[0] / bars.close[-1]

    assert check(bars, "bars__careless__window_20", "close__slope__window_20") == []
