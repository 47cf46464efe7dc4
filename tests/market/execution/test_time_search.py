"""Rows of times, against numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tradesieve.market.execution.time_search import first_at_or_after_nb, first_missing_nb

few = settings(max_examples=150, deadline=None)


def increasing(seed: int, *, n: int, gaps: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.cumsum(np.where(random.random(n) < gaps, random.integers(2, 9, n), 1))


@few
@given(st.integers(0, 10**6), st.integers(0, 300), st.sampled_from([0.0, 0.05, 0.7]), st.data())
def test_the_first_row_at_a_time(seed, n, gaps, data):
    times = increasing(seed, n=n, gaps=gaps)
    first = data.draw(st.integers(0, n))
    time = data.draw(st.integers(-2, int(times[-1]) + 2 if n else 2))
    assert first_at_or_after_nb(times, time, first) == first + np.searchsorted(times[first:], time)


@few
@given(st.integers(0, 10**6), st.integers(0, 300), st.sampled_from([0.0, 0.05, 0.7]), st.sampled_from([0.03, 0.5, 1.0]))
def test_times_that_are_all_there(seed, n, gaps, share):
    among = increasing(seed, n=n, gaps=gaps)
    times = among[np.random.default_rng(seed).random(n) < share]
    assert first_missing_nb(times, among) == len(times)


@few
@given(st.integers(0, 10**6), st.integers(1, 300), st.sampled_from([0.0, 0.05, 0.7]), st.data())
def test_a_time_that_is_not_there(seed, n, gaps, data):
    times = increasing(seed, n=n, gaps=gaps)
    missing = data.draw(st.integers(0, n - 1))
    assert first_missing_nb(times, np.delete(times, missing)) == missing
    assert first_missing_nb(times, times[:missing]) == missing
